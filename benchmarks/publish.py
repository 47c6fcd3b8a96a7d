"""Speed of publishing and reading a batch, beside the bare library over the same rows.

    python -m benchmarks.publish [--quick] [--json]

Both write a night, then the same night again, in turns, into tables that grow; each figure is the
median over the nights. The bare library neither checks the rows nor waits for the disk.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from benchmarks import report
from benchmarks.report import Figure
from data_contracts import forecasts
from data_contracts.spec import DECILES
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE, RUN_ID
from tasks.stores.forecasts import cutoffs, publish_batch, read_batch
from tasks.stores.table import Value, stamped
from tasks.stores.warehouse import Warehouse

START = pd.Timestamp("2024-01-01T03:00Z")
RATIO = 1.5  # what checking, fencing and syncing may cost on top of writing


@dataclass(frozen=True)
class Night:
    """One batch, and where both write it to."""

    warehouse: Warehouse
    bare: Path
    cutoff: pd.Timestamp
    rows: pa.Table

    def publish(self) -> None:
        """Ours: checked, fenced, and on disk when it returns."""
        publish_batch(
            self.warehouse, self.rows, cutoff=self.cutoff, levels=DECILES, run_id="run", token=1
        )

    def write_bare(self) -> None:
        """The way the library's own documentation replaces a partition."""
        write_deltalake(
            self.bare,
            self.rows,
            mode="overwrite",
            partition_by=[CUTOFF_DATE],
            predicate=f"{CUTOFF_DATE} = '{self.cutoff.date()}'" if self.bare.exists() else None,
            writer_properties=WriterProperties(compression="ZSTD", compression_level=3),
        )

    def read(self) -> None:
        """Ours: find the newest batch, and read it in order."""
        read_batch(self.warehouse)

    def read_bare(self) -> None:
        """Read the batch of a date that is known."""
        DeltaTable(self.bare).to_pyarrow_table(filters=[(CUTOFF_DATE, "=", self.cutoff.date())])


def batch(cutoff: pd.Timestamp, num_series: int, horizon: int) -> pa.Table:
    """A batch of random forecasts, which compress as badly as any."""
    rng = np.random.default_rng(7)
    rows = num_series * horizon
    ds = pd.date_range(cutoff, periods=horizon + 1, freq="h", unit="us")[1:]
    names = np.repeat([f"series-{number:06d}" for number in range(num_series)], horizon)
    columns: dict[str, object] = {
        "unique_id": names,
        "ds": pa.array(np.tile(ds.asi8, num_series)).cast(forecasts.INSTANT),
        "lead": np.tile(np.arange(1, horizon + 1, dtype=np.int32), num_series),
    }
    schema = forecasts.schema(DECILES)
    floats = [column.name for column in schema if pa.types.is_floating(column.type)]
    columns |= {name: rng.random(rows, np.float32) for name in floats}
    stamps: dict[str, Value] = {"model": "attention_lstm", "model_version": "v1"}
    stamps |= {"quality": "champion", "issued_at": cutoff, RUN_ID: "run"}
    stamps |= {CUTOFF: cutoff, CUTOFF_DATE: cutoff.date()}
    return stamped(pa.table(columns), stamps).select(schema.names).cast(schema)


def measure(root: Path, nights: int, num_series: int, horizon: int) -> list[Figure]:
    """Write and read some nights in turns, ours and bare."""
    warehouse = Warehouse(root / "ours")
    names = ("publish", "publish again", "read the newest")
    ours: dict[str, list[float]] = {name: [] for name in names}
    bare: dict[str, list[float]] = {name: [] for name in names}
    for number in range(nights):
        cutoff = START + pd.Timedelta(days=number)
        night = Night(warehouse, root / "bare.delta", cutoff, batch(cutoff, num_series, horizon))
        works = (night.publish, night.write_bare)
        pairs = zip(names, (works, works, (night.read, night.read_bare)), strict=True)
        for name, (our_work, bare_work) in pairs:
            ours[name].append(seconds(our_work))
            bare[name].append(seconds(bare_work))
    figures = [figure for name in names for figure in compare(name, ours[name], bare[name])]
    listing = median(seconds(lambda: cutoffs(warehouse)) for _ in range(5))
    return [*figures, Figure("list the cutoffs", listing, "s")]


def compare(name: str, ours: list[float], bare: list[float]) -> list[Figure]:
    """The medians; of publishing also how many times the bare library's time ours may be."""
    figure = Figure(name, median(ours), "s", None, median(bare), "deltalake")
    if not name.startswith("publish"):
        return [figure]
    return [figure, Figure(f"{name}, times the bare library", figure.ratio or 0.0, "", RATIO)]


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer nights")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    num_series, horizon, nights = 1_000, 100, 4 if options.quick else 15
    with tempfile.TemporaryDirectory(prefix="nightcast-publish-") as name:
        figures = measure(Path(name), nights, num_series, horizon)
    title = f"publish: {num_series * horizon:,} rows a night, {nights} nights"
    return report.publish(title, figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
