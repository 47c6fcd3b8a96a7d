"""The latest batch out of ten million rows, by every reader of docs/readers.md.

    python -m benchmarks.table.readers [--quick] [--json]

Each reader opens the table, finds the newest batch and reads all of it, as the page says, in a
process that has imported its library already; the figure is the median of several times, the first
one is shown beside it. The peer is the same library reading the one right file, of which somebody
has told it. The table is kept under `.benchmarks/table/`, because building it takes a minute.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from benchmarks.command import alone, tell
from benchmarks.report import Figure
from benchmarks.table.batches import START, batch
from data_contracts.nightcast_reader import Forecasts
from data_contracts.spec import DECILES
from tasks.stores.forecasts import cutoffs, publish_batch, read_batch
from tasks.stores.warehouse import Warehouse

KEPT = Path(__file__).parents[2] / ".benchmarks/table"
NUM_SERIES, HORIZON, BATCHES = 1000, 100, 100
TIMES = 15
SECONDS = 0.15
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
READING = "union_by_name = true, hive_partitioning = true, hive_types = {'cutoff_date': date}"


class Reader(NamedTuple):
    """One way to read the latest batch, beside its library reading one file.

    Attributes:
        name: Of the reader.
        latest: Reads the batch of a table, and says how many rows it has.
        bare: Reads a file, and says the same.
    """

    name: str
    latest: Callable[[Warehouse], int]
    bare: Callable[[str], int]


def measure(*, quick: bool) -> list[Figure]:
    """Seconds of each reader."""
    num_batches = BATCHES // 10 if quick else BATCHES
    warehouse = Warehouse(KEPT / f"readers-{num_batches}")
    _build(warehouse, num_batches)
    (file,) = Forecasts(str(warehouse.forecasts)).files(cutoffs(warehouse)[-1].isoformat())
    size = f"{num_batches * NUM_SERIES * HORIZON:,}"
    figures = []
    for reader in READERS:
        seconds, first = _times(partial(reader.latest, warehouse))
        bare, _ = _times(partial(reader.bare, file))
        name = f"latest batch of {size} rows, {reader.name}"
        figures += [
            Figure(name, seconds, "s", SECONDS, bare, "one file"),
            Figure(f"{name}, the first time", first, "s"),
        ]
    return [*figures, *_longer(warehouse, size)]


def _longer(warehouse: Warehouse, size: str) -> list[Figure]:
    """Questions that concern more than one batch, by `nightcast_reader.py`."""
    forecasts = Forecasts(str(warehouse.forecasts))
    step = (START + pd.Timedelta(days=5)).isoformat()
    asked = {
        "said for one step": lambda: forecasts.said_for(step).num_rows,
        "history of one series": lambda: forecasts.history("series-000500").num_rows,
    }
    return [
        Figure(f"{what}, out of {size} rows", _times(ask, times=3)[0], "s")
        for what, ask in asked.items()
    ]


def _build(warehouse: Warehouse, num_batches: int) -> None:
    there = set(cutoffs(warehouse))
    for number in range(num_batches):
        cutoff = START + pd.Timedelta(days=number)
        if cutoff not in there:
            tell(f"building the table: batch {number + 1} of {num_batches}")
            rows = batch(cutoff, NUM_SERIES, HORIZON)
            publish_batch(warehouse, rows, cutoff=cutoff, levels=DECILES, run_id="a", token=1)


def _times(read: Callable[[], int], times: int = TIMES) -> tuple[float, float]:
    """The median and the first of several times, in seconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        rows = read()
        taken.append(time.perf_counter() - begun)
        if rows == 0:
            raise RuntimeError("Expected rows, got none; nothing was measured.")
    return median(taken[1:]), taken[0]


def _by_pyarrow(warehouse: Warehouse) -> pa.Table:
    table = DeltaTable(str(warehouse.forecasts))
    newest = pc.max(pa.table(table.get_add_actions(flatten=True))["max.cutoff"]).as_py()
    files = table.to_pyarrow_dataset(file_pruning_predicate=[("cutoff", "=", newest)])
    return files.to_table(filter=pc.field("cutoff") == newest)


def _by_polars(warehouse: Warehouse) -> pl.DataFrame:
    forecasts = pl.scan_delta(str(warehouse.forecasts))
    newest = forecasts.select(pl.col("cutoff").max()).collect().item()
    return forecasts.filter(pl.col("cutoff") == newest).collect()


def _by_duckdb(warehouse: Warehouse) -> Any:
    table = DeltaTable(str(warehouse.forecasts))
    newest = pc.max(pa.table(table.get_add_actions(flatten=True))["max.cutoff"]).as_py()
    recent = table.file_uris(file_pruning_predicate=[("cutoff", "=", newest)])
    db = duckdb.connect(config=OFFLINE)
    db.execute("set timezone = 'UTC'")
    reading = f"from read_parquet({recent}, {READING}) where cutoff = '{newest}'"
    return db.from_query(reading).to_arrow_table()


READERS = (
    Reader(
        "pandas",
        lambda warehouse: len(_by_pyarrow(warehouse).to_pandas()),
        lambda file: len(pd.read_parquet(file)),
    ),
    Reader(
        "PyArrow",
        lambda warehouse: _by_pyarrow(warehouse).num_rows,
        lambda file: pq.ParquetFile(file).read().num_rows,
    ),
    Reader(
        "Polars",
        lambda warehouse: _by_polars(warehouse).height,
        lambda file: pl.read_parquet(file).height,
    ),
    Reader(
        "DuckDB",
        lambda warehouse: _by_duckdb(warehouse).num_rows,
        lambda file: duckdb.connect().from_query(f"from '{file}'").to_arrow_table().num_rows,
    ),
    Reader(
        "nightcast_reader.py",
        lambda warehouse: Forecasts(str(warehouse.forecasts)).latest().num_rows,
        lambda file: pq.ParquetFile(file).read().num_rows,
    ),
    Reader(
        "read_batch",
        lambda warehouse: read_batch(warehouse).num_rows,
        lambda file: pq.ParquetFile(file).read().num_rows,
    ),
)

if __name__ == "__main__":
    sys.exit(alone("readers of the latest batch", measure))
