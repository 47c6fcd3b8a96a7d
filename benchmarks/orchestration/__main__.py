"""At work under Prefect: what it costs, how fast it is, what it survives.

    python -m benchmarks.orchestration [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.orchestration.kills`. Server, workers and
kills are real. `--only` takes the parts whose name has these words, `--quick` less of everything.
All of it takes more than an hour.
"""

import argparse
import os
import sys
from collections.abc import Callable

from benchmarks.orchestration import backfills, contention, dst, kills, overhead, schedule
from benchmarks.report import Figure, publish
from benchmarks.table.places import tell

PARTS: dict[str, Callable[..., list[Figure]]] = {
    "overhead": overhead.measure,
    "schedule": schedule.measure,
    "backfill": backfills.measure,
    "contention": contention.measure,
    "DST": dst.measure,
    "kills": kills.measure,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.orchestration",
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
    return publish("at work under Prefect", figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
