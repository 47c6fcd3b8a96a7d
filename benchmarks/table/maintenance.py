"""What upkeep of a year of nights costs, beside the bare library, and that nobody notices it.

    python -m benchmarks.table.maintenance [--quick] [--json]

The warehouse is written by what a night writes it by; a tenth of its nights is run again, and then
all of it gets the age that it would have. The bare library compacts and vacuums a copy of the same
tables. At last upkeep runs in a loop beside a writer and a reader.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable

from benchmarks import report
from benchmarks.report import Figure
from benchmarks.table.batches import batch
from data_contracts import evaluations
from data_contracts.errors import NightcastError
from data_contracts.forecasts import INSTANT
from data_contracts.night import Decision
from data_contracts.spec import DECILES, Spec, parse_spec
from tasks.maintain import maintain, survey
from tasks.progress import REPORTER, Step
from tasks.stores.delta import read_table
from tasks.stores.forecasts import publish_batch, read_batch
from tasks.stores.log import LOG
from tasks.stores.records import (
    Occasion,
    decisions_table,
    evaluations_table,
    record_decision,
    record_evaluations,
)
from tasks.stores.table import Table
from tasks.stores.tables import tables_of
from tasks.stores.warehouse import Warehouse, warehouse_of

NIGHTS, FEW_NIGHTS = 365, 40
SERIES, HORIZON = 20, 24
DAY = 86_400
HISTORY_DAYS = 30
WRITES = 60  # beside a loop of upkeep


class Silent:
    """Shows no step to anybody."""

    def begin(self, title: str) -> Step:
        """A step begins."""
        return lambda done, total, note="": None

    def end(self, title: str, seconds: float) -> None:
        """The same step is over."""


@dataclass(frozen=True)
class Place:
    """A warehouse below a folder, and how many nights it has."""

    root: Path
    nights: int

    @property
    def spec(self) -> Spec:
        """The spec that it belongs to."""
        return parse_spec(
            {
                "name": "year",
                "source": {"uri": "in.parquet"},
                "calendar": {"frequency": "h"},
                "horizon": HORIZON,
                "retention": {"history_days": HISTORY_DAYS},
                "warehouse": str(self.root),
            }
        )

    @property
    def warehouse(self) -> Warehouse:
        """Its tables."""
        return warehouse_of(self.spec)

    def cutoff(self, night: int) -> pd.Timestamp:
        """Of a night by its number; the last one is today."""
        last = pd.Timestamp.now("UTC").normalize().as_unit("us")
        return last - pd.Timedelta(days=self.nights - 1 - night)


def measure(*, quick: bool) -> list[Figure]:
    """Upkeep of a year that nobody has looked after.

    Args:
        quick: Whether forty nights do.
    """
    REPORTER.set(Silent())
    with tempfile.TemporaryDirectory(prefix="nightcast-maintenance-") as name:
        place = Place(Path(name) / "ours", FEW_NIGHTS if quick else NIGHTS)
        _write_year(place)
        shutil.copytree(place.root, Path(name) / "bare")
        bare = seconds(lambda: _maintain_bare(Place(Path(name) / "bare", place.nights)))
        return [*_year(place, bare), *_beside(place)]


def _year(place: Place, bare: float) -> list[Figure]:
    now = pd.Timestamp.now("UTC")
    files, rows, reading = _num_files(place), _rows(place), _reading(place)
    dry = seconds(lambda: survey(place.spec, now=now))
    applied = seconds(lambda: maintain(place.spec, now=now))
    after = _reading(place)
    again = survey(place.spec, now=now)
    left = sum(map(bool, again.work.values())) + bool(again.folders)
    return [
        Figure(f"upkeep of {place.nights} nights, dry run", dry, "s"),
        Figure("the same, applied", applied, "s", None, bare, "deltalake optimize + vacuum"),
        Figure("parts with something left to do", left, "", 0),
        Figure("rows that changed", float(_rows(place) != rows), "", 0),
        Figure("files of the newest versions, before", files),
        Figure("files of the newest versions, after", _num_files(place)),
        *(
            figure
            for name, value in reading.items()
            for figure in (
                Figure(f"{name}, before", value, "ms"),
                Figure(f"{name}, after", after[name], "ms"),
            )
        ),
    ]


def _reading(place: Place) -> dict[str, float]:
    """Milliseconds to open and to read."""
    warehouse = place.warehouse
    works: dict[str, Callable[[], object]] = {
        "open the evaluations": lambda: DeltaTable(warehouse.evaluations),
        "read all evaluations": lambda: read_table(evaluations_table(warehouse)),
        "read all decisions": lambda: read_table(decisions_table(warehouse)),
        "read the newest batch": lambda: read_batch(warehouse),
    }
    return {name: 1000 * median(seconds(work) for _ in range(5)) for name, work in works.items()}


def _rows(place: Place) -> list[int]:
    return [DeltaTable(table.path).count() for table in _tables(place)]


def _num_files(place: Place) -> int:
    return sum(len(DeltaTable(table.path).file_uris()) for table in _tables(place))


def _tables(place: Place) -> list[Table]:
    return [table for table in tables_of(place.warehouse) if Path(table.path).exists()]


def _maintain_bare(place: Place) -> None:
    """The way the library's own documentation does it."""
    for table in _tables(place):
        DeltaTable(table.path).optimize.compact()
        DeltaTable(table.path).vacuum(HISTORY_DAYS * 24, full=True, dry_run=False)


def _write_year(place: Place) -> None:
    """Every night once, every tenth of them twice, and what killed writers leave."""
    for night in range(place.nights):
        for attempt in range(2 if night % 10 == 0 else 1):
            _write_night(place, night, f"run {night}.{attempt}", token=attempt)
    for table in _tables(place):
        _let_time_pass(table, place.nights)
    folder = next(Path(place.warehouse.forecasts).glob("cutoff_date=*"))
    some = next(folder.glob("*.parquet"))
    for name in ("part-abandoned.parquet", "part-half.parquet#1"):
        _aged(shutil.copy(some, folder / name), place.nights)


def _write_night(place: Place, night: int, run_id: str, *, token: int) -> None:
    warehouse, cutoff = place.warehouse, place.cutoff(night)
    publish_batch(
        warehouse,
        batch(cutoff, SERIES, HORIZON),
        cutoff=cutoff,
        levels=DECILES,
        run_id=run_id,
        token=token,
    )
    for version in ("champion", "challenger"):
        record_evaluations(warehouse, _losses(cutoff, version), cutoff=cutoff, run_id=run_id)
    _decide(warehouse, cutoff, run_id)


def _losses(cutoff: pd.Timestamp, version: str) -> pa.Table:
    """The losses of one version on one origin."""
    rows = SERIES * HORIZON
    rng = np.random.default_rng(7)
    texts = {"model_version": version, "model": version, "role": version}
    origin = pa.scalar(cutoff.to_pydatetime(), INSTANT)
    return pa.table(
        {
            **{name: pa.repeat(text, rows) for name, text in texts.items()},
            "unique_id": np.repeat([f"series-{number:03}" for number in range(SERIES)], HORIZON),
            "origin": pa.repeat(origin, rows),
            "lead": np.tile(np.arange(1, HORIZON + 1, dtype=np.int32), SERIES),
            "steps": np.ones(rows, np.int32),
            **{name: rng.random(rows, np.float32) for name in evaluations.LOSSES},
        }
    )


def _decide(warehouse: Warehouse, cutoff: pd.Timestamp, run_id: str) -> None:
    decision = Decision(
        outcome="kept", reason="So.", champion=None, previous=None, origins=14, judged=()
    )
    occasion = Occasion(
        cutoff=cutoff, run_id=run_id, spec_digest="", code_version="", decided_at=cutoff
    )
    record_decision(warehouse, decision, occasion=occasion)


def _let_time_pass(table: Table, days: int) -> None:
    """Give every entry of a log, and the files that it adds, the age that they would have.

    Of the checkpoints one is left, as old as a writer leaves it that is killed before the next.
    """
    folder = Path(table.path)
    log = folder / LOG
    for path in log.glob("*checkpoint*"):
        path.unlink()
    entries = sorted(log.glob("*.json"))
    for position, entry in enumerate(entries):
        age = days * (1 - position / len(entries))
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] -= round(age * DAY * 1000)
            if "commitInfo" in action:
                action["commitInfo"]["timestamp"] -= round(age * DAY * 1000)
            if "add" in action:
                _aged(folder / unquote(action["add"]["path"]), age)
        entry.write_text("".join(json.dumps(action) + "\n" for action in actions))
        _aged(entry, age)
    old = len(entries) * 9 // 10
    DeltaTable(table.path, version=old).create_checkpoint()
    for path in log.glob(f"{old:020}.checkpoint*"):
        _aged(path, days * (1 - old / len(entries)))


def _aged(path: str | Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY,) * 2)


def _beside(place: Place) -> list[Figure]:
    """Upkeep in a loop while a writer writes, and a reader reads."""
    writer, upkeep = (
        subprocess.Popen(
            [sys.executable, "-m", __spec__.name, job, str(place.root), str(place.nights)]
        )
        for job in ("write", "maintain")
    )
    reads = bad = 0
    while writer.poll() is None:
        reads += 1
        bad += not _is_whole(place)
    upkeep.terminate()
    upkeep.wait()
    kept = set(read_table(decisions_table(place.warehouse))["run_id"].to_pylist())
    lost = sum(f"write {number}" not in kept for number in range(WRITES))
    batches = read_table(decisions_table(place.warehouse)).num_rows - len(kept)
    return [
        Figure(f"bad reads of {reads}, beside upkeep and a writer", bad, "", 0),
        Figure(
            f"lost of {WRITES} nights written beside it", lost + (writer.returncode != 0), "", 0
        ),
        Figure("rows that came twice", batches, "", 0),
    ]


def _is_whole(place: Place) -> bool:
    """Whether the newest batch and the losses can be read, and nothing lacks or comes twice."""
    nights = place.nights
    try:
        rows = read_batch(place.warehouse)
        losses = DeltaTable(place.warehouse.evaluations).to_pyarrow_table(columns=["cutoff"])
    except NightcastError:
        return False
    return rows.num_rows == SERIES * HORIZON and losses.num_rows == 2 * nights * SERIES * HORIZON


def _write(place: Place) -> None:
    """Run the last nights again and again."""
    for number in range(WRITES):
        night = place.nights - 1 - number % 5
        _write_night(place, night, f"write {number}", token=time.time_ns())


def _maintain(place: Place) -> None:
    while True:
        with suppress(NightcastError):
            maintain(place.spec, now=pd.Timestamp.now("UTC"))


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> int:
    """Measure and print; or, by the name of a job, be one of the processes of `_beside`."""
    if sys.argv[1:2] in (["write"], ["maintain"]):
        job, root, nights = sys.argv[1:]
        REPORTER.set(Silent())
        (_write if job == "write" else _maintain)(Place(Path(root), int(nights)))
        return 0
    figures = measure(quick="--quick" in sys.argv)
    return report.publish("upkeep", figures, as_json="--json" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
