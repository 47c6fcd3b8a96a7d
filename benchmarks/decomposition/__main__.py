"""Decomposition: what it costs, what is lost at the ends of a window, and what it is worth.

    python -m benchmarks.decomposition [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.decomposition.speed`. `--only` takes the
parts whose name has these words, `--quick` less of everything.
Windows are of ETTh1; the accuracy is that on the sample, too, and takes hours.
"""

import sys

from benchmarks.command import Measure, in_parts
from benchmarks.decomposition import accuracy, ends, speed

PARTS: dict[str, Measure] = {
    "speed": speed.measure,
    "ends": ends.measure,
    "accuracy": accuracy.measure,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    return in_parts("benchmarks.decomposition", __doc__, "decomposition", PARTS)


if __name__ == "__main__":
    sys.exit(main())
