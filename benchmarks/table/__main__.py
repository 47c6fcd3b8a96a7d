"""The forecast table: what publishing costs and survives, and what its readers get.

    python -m benchmarks.table [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.table.kills`. What is killed are real
processes that publish; the object store is moto's S3, served on this machine. `--only` takes the
parts whose name has these words, `--quick` less of everything. All of it takes most of an hour.
"""

import sys

from benchmarks.command import Measure, in_parts
from benchmarks.table import (
    attention,
    contention,
    full_disk,
    hierarchy,
    kills,
    maintenance,
    publishing,
    readers,
    scoring,
)

PARTS: dict[str, Measure] = {
    "publishing": publishing.measure,
    "readers": readers.measure,
    "kills": kills.measure,
    "contention": contention.measure,
    "full disk": full_disk.measure,
    "scoring": scoring.measure,
    "attention": attention.measure,
    "hierarchy": hierarchy.measure,
    "maintenance": maintenance.measure,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    return in_parts("benchmarks.table", __doc__, "the forecast table", PARTS)


if __name__ == "__main__":
    sys.exit(main())
