"""The forecast table: what publishing costs and survives, and what its readers get.

    python -m benchmarks.table [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.table.kills`. What is killed are real
processes that publish; the object store is moto's S3, served on this machine. `--only` takes the
parts whose name has these words, `--quick` less of everything. All of it takes most of an hour.
"""

import argparse
import os
import sys
from collections.abc import Callable

from benchmarks.report import Figure, publish
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
from benchmarks.table.places import tell

PARTS: dict[str, Callable[..., list[Figure]]] = {
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
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default="", help=f"parts with these words: {', '.join(PARTS)}")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures: list[Figure] = []
    for name, measure in PARTS.items():
        if options.only in name:
            tell(f"measuring: {name}")
            figures += measure(quick=options.quick)
    return publish("the forecast table", figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
