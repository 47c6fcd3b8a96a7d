"""Two backfills over the same dates and a nightly at once: no duplicate, no lost batch.

    python -m benchmarks.orchestration.contention [--quick] [--json]

One backfill is started from the server, one by hand in a process of its own beside it, and the
night of the last of their dates is asked for meanwhile; all replace what is there.
"""

import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.command import alone, tell
from benchmarks.orchestration.panels import (
    FIRST,
    HORIZON,
    NAME,
    NUM_SERIES,
    SPEC,
    TABLE,
    batches,
    cutoff_of,
    night,
    rows_there_twice,
    write_place,
)
from benchmarks.orchestration.served import environment, served
from benchmarks.report import Figure

FIRST_NIGHT = 20


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this module."""
    days = 4 if quick else 15
    with tempfile.TemporaryDirectory(prefix="nightcast-contention-") as name:
        place = Path(name)
        write_place(place)
        with served(place, SPEC) as service:
            start = (FIRST + timedelta(days=60 + FIRST_NIGHT)).date()
            end = start + timedelta(days=days - 1)
            wish = {"start": str(start), "end": str(end), "model": "now", "existing": "replace"}
            run = service.start("backfill/backfill", wish)
            by_hand = _by_hand(place, str(start), str(end))
            last = FIRST_NIGHT + days - 1
            nightly = service.start(f"nightly/{NAME}", {"as_of": night(last), "train": "never"})
            ends = [service.wait(run), service.wait(nightly)]
            _, complaint = by_hand.communicate()
            tell(f"server: {ends}; by hand: {by_hand.returncode} {complaint[-300:]}")
            rows, twice = batches(place / TABLE), rows_there_twice(place / TABLE)
    wanted = [cutoff_of(FIRST_NIGHT + number) for number in range(days)]
    whole = sum(rows.get(cutoff, 0) == NUM_SERIES * HORIZON for cutoff in wanted)
    return [
        Figure("dates that two backfills and a night wrote at once", days),
        Figure("… whose batch is lost or not whole", days - whole, "", 0),
        Figure("… batches besides those", len(rows) - days, "", 0),
        Figure("… rows that are there twice", twice, "", 0),
    ]


def _by_hand(place: Path, start: str, end: str) -> "subprocess.Popen[str]":
    dates = ("--start", start, "--end", end, "--model", "now", "--existing", "replace")
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "backfill", SPEC, *dates],
        cwd=place,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(alone("two backfills and a night at once", measure))
