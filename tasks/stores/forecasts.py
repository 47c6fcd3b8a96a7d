"""Write a forecast batch, and read it back.

A batch is all forecasts of one cutoff; readers see all of it or nothing.
"""

import fcntl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.csv import write_csv

from data_contracts import forecasts
from data_contracts.errors import RefusedError, SpecError
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE, MODEL_VERSION, RUN_ID, is_quantile_column
from tasks.stores.delta import Commit, as_present, open_table, replace_rows, storage_trouble
from tasks.stores.files import whole
from tasks.stores.reader_aids import put_reader_aids
from tasks.stores.sharing import drop_file, share_file
from tasks.stores.table import Table, in_order, of_night, stamped
from tasks.stores.time_travel import Conditions, are_kept, open_version, rows_where
from tasks.stores.warehouse import Warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable

LATEST = "latest.parquet"
PUBLISHED = "Published, and no batch of another run replaced."  # by a run that yields


def publish_batch(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    cutoff: pd.Timestamp,
    levels: tuple[float, ...],
    run_id: str,
    token: int | None,
) -> int:
    """Make the rows the batch of their cutoff, in the place of what was published for it before.

    Args:
        warehouse: Where to.
        rows: The columns of `forecasts.schema(levels)` in any order; `cutoff_date`, `cutoff` and
            `run_id` are added where they are missing.
        cutoff: Of all rows, aware of its zone.
        levels: Quantile levels, ascending.
        run_id: Who publishes.
        token: Start of the attempt in nanoseconds; the batch of a later attempt stays. With None
            that of any other run stays, and any attempt may replace this one.

    Returns:
        Version of the table that first holds the batch.

    Raises:
        ContractError: If the rows do not keep the contract, or there are none.
        ConflictError: If a later attempt has published this cutoff, or, without a token, another
            run, or others keep doing so.
        StorageError: If the warehouse cannot be written.
    """
    batch = of_night(cutoff)
    return replace_rows(
        forecasts_table(warehouse, levels),
        stamped(rows, {**batch, RUN_ID: run_id}),
        where=batch,
        commit=Commit(run_id, token, PUBLISHED if token is None else "", yields=token is None),
    )


def cutoffs(warehouse: Warehouse) -> list[pd.Timestamp]:
    """Cutoffs that have a batch, ascending; read from the table's log, not from its rows."""
    opened = open_table(forecasts_table(warehouse))
    return [] if opened is None else _cutoffs(opened)


def read_batch(
    warehouse: Warehouse, cutoff: pd.Timestamp | None = None, *, version: int | None = None
) -> pa.Table:
    """The forecasts of one cutoff, by series and time.

    Args:
        warehouse: Where from.
        cutoff: Which batch; None takes the newest.
        version: Of the table, as it was then; None takes the newest.

    Returns:
        The columns of `forecasts.schema`, with the quantiles that this batch was published with.

    Raises:
        RefusedError: If nothing has been published yet.
        SpecError: If there is no batch of this cutoff, or no such version any more.
        StorageError: If the table is damaged.
    """
    table = forecasts_table(warehouse)
    opened = open_table(table) if version is None else open_version(table, version)
    published = [] if opened is None else _cutoffs(opened)
    if opened is None or not published:
        raise RefusedError(
            f"No forecasts have been published in {warehouse.place}; `nightcast run` publishes "
            "them."
        )
    cutoff = published[-1] if cutoff is None else cutoff.tz_convert("UTC")
    if cutoff not in published:
        raise SpecError(_no_such_batch(cutoff, published))
    where = of_cutoff(cutoff)
    if version is not None and not are_kept(table, opened, where):
        raise SpecError(
            f"version: the files of this batch in version {version} were removed, some days after "
            "it was replaced; --history shows the versions that can be read."
        )
    return _as_published(as_present(table, opened, rows_where(table, opened, where)))


def published_versions(warehouse: Warehouse, among: Collection[str]) -> set[str]:
    """Which of some model versions a published batch names; files without any are not read.

    Raises:
        StorageError: If the table is damaged.
    """
    table = forecasts_table(warehouse)
    opened = open_table(table)
    if opened is None or not among:
        return set()
    with storage_trouble("read", table.path):
        rows = opened.to_pyarrow_dataset().scanner(
            columns=[MODEL_VERSION], filter=pc.field(MODEL_VERSION).isin(list(among))
        )
        parts = [pc.unique(part[MODEL_VERSION]).to_pylist() for part in rows.to_batches()]
    return {version for part in parts for version in part}


def export_latest(
    warehouse: Warehouse, cutoff: pd.Timestamp | None = None, *, csv: bool = False
) -> Path:
    """Write the newest batch to `exports/latest.parquet`, whole at every moment.

    Beside it lies what helps to read the table; see `tasks.stores.reader_aids`.

    Args:
        warehouse: Where from and to.
        cutoff: Of the batch that has just been published: nothing is written where a newer batch
            exists, because its own run exports it. None always writes.
        csv: Whether to write `latest.csv`, too; one that is not wanted is removed, for it would
            grow old.

    Raises:
        RefusedError: If nothing has been published yet.
        StorageError: If the file cannot be written.
    """
    path = warehouse.exports / LATEST
    with storage_trouble("write", path), _alone_in(warehouse.exports):
        _export_newest(warehouse, path, read_batch, cutoff, csv=csv)
        put_reader_aids(warehouse)
    return path


def export_beside(
    warehouse: Warehouse,
    name: str,
    read: Callable[[Warehouse], pa.Table | None],
    cutoff: pd.Timestamp,
    *,
    csv: bool = False,
) -> None:
    """Write what belongs to the newest batch to a file beside it; see `export_latest`.

    Args:
        warehouse: Where from and to.
        name: Of the file.
        read: What to write; where it is None, the file goes.
        cutoff: As in `export_latest`.
        csv: Whether to write the same as CSV, too.
    """
    path = warehouse.exports / name
    with storage_trouble("write", path), _alone_in(warehouse.exports):
        _export_newest(warehouse, path, read, cutoff, csv=csv)


def forecasts_table(warehouse: Warehouse, levels: tuple[float, ...] = ()) -> Table:
    """The table that readers read, with a column per quantile level."""
    return Table(
        warehouse.forecasts,
        forecasts.schema(levels),
        forecasts.KEY,
        forecasts.PARTITION_BY,
        forecasts.MIGRATIONS,
        apart=(CUTOFF,),
    )


def of_cutoff(cutoff: pd.Timestamp) -> Conditions:
    """What holds of the rows of one batch."""
    utc = cutoff.tz_convert("UTC")
    return [(CUTOFF_DATE, "=", utc.date()), (CUTOFF, "=", utc.to_pydatetime())]


def quantiles_of(rows: pa.Table) -> dict[str, float]:
    """Quantile columns in which any row has a value, and their levels, ascending."""
    filled = {name for name in rows.column_names if rows[name].null_count < rows.num_rows}
    found = {
        name: float(name[1:].replace("_", ".")) / 100 for name in filled if is_quantile_column(name)
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _export_newest(
    warehouse: Warehouse,
    path: Path,
    read: Callable[[Warehouse], pa.Table | None],
    cutoff: pd.Timestamp | None,
    *,
    csv: bool,
) -> None:
    """Write the newest batch, again and again until it is still the newest afterwards.

    A lock holds on one machine. In an object store another machine may have put a newer batch just
    before; whoever put the file last finds that batch in the table, and puts it again.
    """
    # Looked up while alone: a run that waited must not put an older batch over a newer one.
    if cutoff is not None and cutoff < max(cutoffs(warehouse), default=cutoff):
        return
    exported = None
    while exported != (newest := _newest_files(warehouse)):
        rows = read(warehouse)
        if rows is None:
            drop_file(warehouse, path)
        else:
            with whole(path) as draft:
                pq.write_table(rows, draft, compression="zstd")
            share_file(warehouse, path)
        beside = path.with_suffix(".csv")
        if rows is not None and csv:
            with whole(beside) as draft:
                write_csv(rows, draft)
            share_file(warehouse, beside)
        else:
            drop_file(warehouse, beside)
        exported = newest


def _newest_files(warehouse: Warehouse) -> tuple[str, ...]:
    """The files that the newest batch is read from."""
    opened = open_table(forecasts_table(warehouse))
    if opened is None:
        return ()
    files = pa.table(opened.get_add_actions(flatten=True))
    newest = pc.equal(files[f"max.{CUTOFF}"], pc.max(files[f"max.{CUTOFF}"]))
    return tuple(sorted(files.filter(newest)["path"].to_pylist()))


def _cutoffs(opened: "DeltaTable") -> list[pd.Timestamp]:
    files = pa.table(opened.get_add_actions(flatten=True))
    lowest, highest = files[f"min.{CUTOFF}"], files[f"max.{CUTOFF}"]
    # Every commit writes files of one cutoff; a migration, or a compaction by hand, mixes them.
    if not pc.all(pc.equal(lowest, highest), skip_nulls=False).as_py():
        lowest = opened.to_pyarrow_table(columns=[CUTOFF])[CUTOFF]
    return sorted(pd.Timestamp(cutoff) for cutoff in lowest.unique().to_pylist())


def _no_such_batch(cutoff: pd.Timestamp, published: list[pd.Timestamp]) -> str:
    nearest = min(published, key=lambda other: abs(other - cutoff))
    return (
        f"cutoff: no batch of {cutoff.isoformat()}; the nearest of the {len(published)} published "
        f"is {nearest.isoformat()}, the newest {published[-1].isoformat()}."
    )


def _as_published(rows: pa.Table) -> pa.Table:
    """Drop the quantiles that only other batches have, and restore order and types."""
    schema = forecasts.schema(tuple(quantiles_of(rows).values()))
    return in_order(rows, forecasts.KEY).select(schema.names).cast(schema)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system frees it when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
