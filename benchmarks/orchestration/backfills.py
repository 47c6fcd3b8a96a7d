"""Thirty days of the sample are backfilled: how long it takes, and what a kill half-way leaves.

    python -m benchmarks.orchestration.backfills [--quick] [--json]

`nightcast serve` with the sample and a small model in service. The first backfill runs to its end.
Of a second one, over other dates, every process gets a kill -9 half-way; then its run is retried as
the button of the UI does, and the commits of the table are counted.
"""

import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from deltalake import DeltaTable

from benchmarks.command import alone, tell
from benchmarks.orchestration.panels import batches
from benchmarks.orchestration.schedule import SPEC, TABLE, put_into_service, write_sample
from benchmarks.orchestration.served import Served, kill, processes_of, served, until
from benchmarks.report import Figure

BACKFILL = "backfill/backfill"
LAST = date(2013, 10, 10)


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this module."""
    days = 6 if quick else 30
    with tempfile.TemporaryDirectory(prefix="nightcast-backfill-") as name:
        place = Path(name)
        write_sample(place)
        with served(place, SPEC) as service:
            put_into_service(service)
            figures = _whole(service, days, target=None if quick else 300)
            return figures + _killed(service, days)


def _whole(service: Served, days: int, *, target: float | None) -> list[Figure]:
    before = set(batches(service.place / TABLE).index)
    begun = time.monotonic()
    _finish(service, _start(service, LAST, days))
    seconds = time.monotonic() - begun
    made = set(batches(service.place / TABLE).index) - before
    return [
        Figure(f"{days} days with model: now", seconds, "s", target),
        Figure("… dates without a batch", days - len(made), "", 0),
    ]


def _killed(service: Served, days: int) -> list[Figure]:
    """Kill the backfill and its dates half-way, resume it, and count commits per date."""
    table = service.place / TABLE
    before, version = set(batches(table).index), DeltaTable(table).version()
    run = _start(service, LAST - timedelta(days=days), days)
    until(lambda: len(batches(table)) >= len(before) + days // 2 or None, "half of the dates")
    _kill_all(service, run)
    tell(f"killed with {len(batches(table)) - len(before)} of {days} dates done")
    service.wait(run, ("CRASHED",))
    service.retry(run)
    service.wait(run, ("RUNNING",))
    begun = time.monotonic()
    _finish(service, run)
    made = set(batches(table).index) - before
    commits = Counter(_cutoffs_committed(table, version))
    return [
        Figure("killed half-way and resumed: dates missing", days - len(made), "", 0),
        Figure("… dates published twice", sum(n > 1 for n in commits.values()), "", 0),
        Figure("… the rest took", time.monotonic() - begun, "s"),
    ]


def _start(service: Served, last: date, days: int) -> str:
    first = last - timedelta(days=days - 1)
    wish = {"start": first.isoformat(), "end": last.isoformat(), "model": "now", "at_once": 2}
    return service.start(BACKFILL, wish)


def _finish(service: Served, run: str) -> None:
    state, message = service.wait(run)
    if state != "COMPLETED":
        raise RuntimeError(f"The backfill ended {state}: {message}")
    tell(message)


def _kill_all(service: Served, run: str) -> None:
    """Kill -9 of the backfill and of every run that it has started."""
    children = service.children(run)
    kill([pid for each in (run, *children) for pid in processes_of(each)])


def _cutoffs_committed(table: Path, after: int) -> list[pd.Timestamp]:
    """The cutoff of every commit of batches after a version of the table."""
    opened = DeltaTable(table)
    commits = []
    for version in range(after + 1, opened.version() + 1):
        before, now = (_issued(table, number) for number in (version - 1, version))
        commits += [cutoff for cutoff in now.index if before.get(cutoff) != now[cutoff]]
    return commits


def _issued(table: Path, version: int) -> "pd.Series[pd.Timestamp]":
    rows = DeltaTable(table, version=version).to_pandas(columns=["cutoff", "issued_at"])
    return rows.groupby("cutoff")["issued_at"].max()


if __name__ == "__main__":
    sys.exit(alone("a backfill of thirty days", measure))
