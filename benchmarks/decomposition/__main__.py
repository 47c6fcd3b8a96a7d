"""Decomposition: what it costs, and what is lost at the ends of a window.

    python -m benchmarks.decomposition [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.decomposition.speed`. `--only` takes the
parts whose name has these words, `--quick` less of everything. All windows are of ETTh1.
"""

import sys

from benchmarks.command import Measure, in_parts
from benchmarks.decomposition import ends, speed

PARTS: dict[str, Measure] = {
    "speed": speed.measure,
    "ends": ends.measure,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    return in_parts("benchmarks.decomposition", __doc__, "decomposition", PARTS)


if __name__ == "__main__":
    sys.exit(main())
