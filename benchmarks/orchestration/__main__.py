"""At work under Prefect: what it costs, how fast it is, what it survives.

    python -m benchmarks.orchestration [--quick] [--json] [--only WORDS]

Each part can be run alone, such as `python -m benchmarks.orchestration.kills`. Server, workers and
kills are real. `--only` takes the parts whose name has these words, `--quick` less of everything.
All of it takes more than an hour.
"""

import sys

from benchmarks.command import Measure, in_parts
from benchmarks.orchestration import backfills, contention, dst, kills, overhead, schedule, turns

PARTS: dict[str, Measure] = {
    "overhead": overhead.measure,
    "turns": turns.measure,
    "schedule": schedule.measure,
    "backfill": backfills.measure,
    "contention": contention.measure,
    "DST": dst.measure,
    "kills": kills.measure,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    return in_parts("benchmarks.orchestration", __doc__, "at work under Prefect", PARTS)


if __name__ == "__main__":
    sys.exit(main())
