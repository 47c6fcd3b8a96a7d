"""What publishing costs beside the bare library, which checks, fences and waits for nothing.

    python -m benchmarks.table.publishing [--quick] [--json]

Both write a night, then the same night again, in turns and in changing order, into tables that
grow; a figure is a median over the nights, and a ratio that of the ratios of neighbours, so that a
busy machine hinders both. On S3 (moto on this machine) requests take most of the time of both.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from benchmarks.command import alone
from benchmarks.report import Figure
from benchmarks.table.batches import START, batch
from benchmarks.table.places import everywhere
from data_contracts.spec import DECILES
from data_contracts.vocabulary import CUTOFF_DATE, RUN_ID
from tasks.stores.forecasts import cutoffs, publish_batch, read_batch
from tasks.stores.table import stamped
from tasks.stores.warehouse import Warehouse

RATIO = 1.3  # what checking, fencing and syncing may cost on top of writing
NUM_SERIES, HORIZON = 1_000, 100
RUN = "run"


@dataclass(frozen=True)
class Night:
    """One batch, and where both write it to."""

    warehouse: Warehouse
    bare: str
    cutoff: pd.Timestamp
    rows: pa.Table

    def publish(self) -> None:
        """Ours: checked, fenced, and durable when it returns."""
        publish_batch(
            self.warehouse, self.rows, cutoff=self.cutoff, levels=DECILES, run_id=RUN, token=1
        )

    def write_bare(self) -> None:
        """The way the library's own documentation replaces a partition."""
        there = DeltaTable.is_deltatable(self.bare)
        write_deltalake(
            self.bare,
            self.rows,
            mode="overwrite",
            partition_by=[CUTOFF_DATE],
            predicate=f"{CUTOFF_DATE} = '{self.cutoff.date()}'" if there else None,
            writer_properties=WriterProperties(compression="ZSTD", compression_level=3),
        )

    def read(self) -> None:
        """Ours: find the newest batch, and read it in order."""
        read_batch(self.warehouse)

    def read_bare(self) -> None:
        """Read the batch of a date that is known."""
        DeltaTable(self.bare).to_pyarrow_table(filters=[(CUTOFF_DATE, "=", self.cutoff.date())])


def measure(*, quick: bool) -> list[Figure]:
    """The figures of both places."""
    nights = 5 if quick else 25
    return everywhere(lambda warehouse, place: _compare(warehouse, place, nights))


def _compare(warehouse: Warehouse, place: str, nights: int) -> list[Figure]:
    """Write and read some nights, ours and bare in turns."""
    names = ("publish", "publish again", "read the newest")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(nights + 1):  # the first one warms up
        cutoff = START + pd.Timedelta(days=number)
        rows = stamped(batch(cutoff, NUM_SERIES, HORIZON), {RUN_ID: RUN})
        night = Night(warehouse, str(warehouse.table("bare")), cutoff, rows)
        works = (night.publish, night.write_bare)
        for name, pair in zip(names, (works, works, (night.read, night.read_bare)), strict=True):
            taken = _both(*pair, ours_first=bool(number % 2))
            if number:
                times[name].append(taken)
    figures = [figure for name in names for figure in _figures(name, place, times[name])]
    listing = median(_seconds(lambda: cutoffs(warehouse)) for _ in range(5))
    return [*figures, Figure(f"list the cutoffs, {place}", listing, "s")]


def _figures(name: str, place: str, times: list[tuple[float, float]]) -> list[Figure]:
    ours, bare = (median(column) for column in zip(*times, strict=True))
    figure = Figure(f"{name}, {place}", ours, "s", None, bare, "deltalake")
    if not name.startswith("publish"):
        return [figure]
    ratio = median(mine / theirs for mine, theirs in times)
    title = f"{name} {NUM_SERIES * HORIZON:,} rows, times the bare library, {place}"
    return [figure, Figure(title, ratio, "", RATIO)]


def _both(
    ours: Callable[[], object], bare: Callable[[], object], *, ours_first: bool
) -> tuple[float, float]:
    if ours_first:
        return _seconds(ours), _seconds(bare)
    theirs = _seconds(bare)
    return _seconds(ours), theirs


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(alone("publishing", measure))
