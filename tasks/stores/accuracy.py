"""Realised accuracy in tables: the batches that wait for their actuals, and what came of them.

What a cutoff was scored from is read from the logs of the tables, not from their rows, so that a
night on which little is new costs little, however long the history is.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import accuracy, baselines
from data_contracts.accuracy import BASIS
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    ISSUED_AT,
    LEAD,
    RUN_ID,
)
from models.panel import Floats
from tasks.stores.delta import (
    Commit,
    as_present,
    delete_rows,
    open_table,
    replace_rows,
    storage_trouble,
)
from tasks.stores.forecasts import forecasts_table, quantiles_of
from tasks.stores.table import Table, Where, of_night, predicate, stamped
from tasks.stores.warehouse import Warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable


class Batch(NamedTuple):
    """A published batch, as far as the log of its table tells.

    Attributes:
        cutoff: Of the batch, UTC.
        made: What changes whenever it is published anew: run and instant.
        run_id: Of the run.
        horizon: Its longest lead.
        rows: How many it has.
    """

    cutoff: pd.Timestamp
    made: str
    run_id: str
    horizon: int
    rows: int


def accuracy_table(warehouse: Warehouse, statics: Sequence[str] = ()) -> Table:
    """The table of realised losses, with a column per static covariate."""
    return Table(
        warehouse.accuracy,
        accuracy.schema(statics),
        accuracy.KEY,
        accuracy.PARTITION_BY,
        accuracy.MIGRATIONS,
        apart=(CUTOFF,),
    )


def baselines_table(warehouse: Warehouse, levels: tuple[float, ...] = ()) -> Table:
    """The table of what the baseline would have published, with a column per quantile level."""
    return Table(
        warehouse.baselines,
        baselines.schema(levels),
        baselines.KEY,
        baselines.PARTITION_BY,
        baselines.MIGRATIONS,
        apart=(CUTOFF,),
    )


def keep_baseline(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    cutoff: pd.Timestamp,
    levels: tuple[float, ...],
    run_id: str,
    token: int | None,
) -> int:
    """Keep what the baseline would have published at a cutoff, in the place of what was kept.

    Args:
        warehouse: Where to.
        rows: At least the columns of `baselines.schema(levels)`, in any order; what is not finite
            is kept as null.
        cutoff: Of all rows.
        levels: Quantile levels, ascending.
        run_id: Of the run that publishes the batch.
        token: Start of the attempt in nanoseconds; what a later attempt kept stays. With None the
            rows replace whatever is there, and any attempt may replace them.

    Returns:
        Version of the table that first holds the rows.

    Raises:
        ContractError: If the rows do not keep the contract, or there are none.
        ConflictError: If a later attempt has kept this cutoff, or others keep doing so.
        StorageError: If the warehouse cannot be written.
    """
    where = of_night(cutoff)
    rows = stamped(rows, {**where, RUN_ID: run_id})
    schema = baselines.schema(levels)
    columns = [_finite(rows[field.name], field.type) for field in schema]
    return replace_rows(
        baselines_table(warehouse, levels),
        pa.table(columns, names=schema.names),
        where=where,
        commit=Commit(run_id, token),
    )


def published_batches(warehouse: Warehouse) -> list[Batch]:
    """Every published batch, ascending.

    Raises:
        StorageError: If the table is damaged.
        VersionError: If a newer Nightcast has written it.
    """
    told = _told(forecasts_table(warehouse), (RUN_ID, ISSUED_AT, LEAD))
    return [
        Batch(cutoff, f"{run_id} {issued_at.isoformat()}", run_id, horizon, rows)
        for cutoff, (run_id, issued_at, horizon, rows) in sorted(told.items())
    ]


def kept_baselines(warehouse: Warehouse) -> dict[pd.Timestamp, str]:
    """By cutoff, the run that kept what the baseline would have published."""
    return {
        cutoff: run for cutoff, (run, _) in _told(baselines_table(warehouse), (RUN_ID,)).items()
    }


def scored_from(warehouse: Warehouse) -> dict[pd.Timestamp, str]:
    """By cutoff, the basis that its rows were scored from."""
    told = _told(accuracy_table(warehouse), (BASIS,))
    return {cutoff: basis for cutoff, (basis, _) in told.items()}


def read_forecasts(warehouse: Warehouse, cutoffs: Sequence[pd.Timestamp]) -> pa.Table:
    """All rows of some batches, with the quantiles of any of them, in no particular order."""
    return _rows_of(forecasts_table(warehouse), cutoffs)


def read_baselines(warehouse: Warehouse, cutoffs: Sequence[pd.Timestamp]) -> pa.Table:
    """What the baseline would have published with some batches, as far as it was kept."""
    return _rows_of(baselines_table(warehouse), cutoffs)


def replace_scores(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    cutoffs: Sequence[pd.Timestamp],
    statics: Sequence[str],
    run_id: str,
) -> None:
    """Make the rows all that is known of the accuracy of some cutoffs, in one commit.

    Args:
        warehouse: Where to.
        rows: The columns of `accuracy.schema(statics)`; none where nothing is known any more.
        cutoffs: Every cutoff whose rows are replaced, at least one.
        statics: Static covariates.
        run_id: Of the run.

    Raises:
        ContractError: If the rows do not keep the contract.
        ConflictError: If other runs kept writing the same rows.
        StorageError: If the warehouse cannot be written.
    """
    where = _of(cutoffs)
    table, commit = accuracy_table(warehouse, statics), Commit(run_id)
    if rows.num_rows:
        replace_rows(table, rows, where=where, commit=commit)
    else:
        delete_rows(table, where=where, commit=commit)


def read_accuracy(
    warehouse: Warehouse,
    *,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Rows of `accuracy.delta` in the order of cutoff, series and lead; none where nothing is.

    Args:
        warehouse: Where from.
        since: The first cutoff that is read; None: from the beginning.
        until: The last one; None: to the end.
        columns: Which columns, the key among them; None: all.

    Raises:
        StorageError: If the table is damaged.
        VersionError: If a newer Nightcast has written it.
    """
    table = accuracy_table(warehouse)
    opened = open_table(table)
    if opened is None:
        return table.stored_schema.empty_table().select(columns or table.schema.names)
    limits = [
        f"{name} {sign} '{value.isoformat()}'"
        for sign, instant in ((">=", since), ("<=", until))
        if instant is not None
        for name, value in ((CUTOFF_DATE, instant.date()), (CUTOFF, instant))
    ]
    rows = _query(table, opened, " AND ".join(limits) or "true", columns)
    key = (CUTOFF, accuracy.KEY[0], LEAD)
    return rows.sort_by([(name, "ascending") for name in key])


def _rows_of(table: Table, cutoffs: Sequence[pd.Timestamp]) -> pa.Table:
    opened = open_table(table)
    if opened is None or not cutoffs:
        return table.stored_schema.empty_table()
    return as_present(table, opened, _query(table, opened, predicate(_of(cutoffs))))


def _of(cutoffs: Sequence[pd.Timestamp]) -> Where:
    days = sorted({cutoff.date() for cutoff in cutoffs})
    return {CUTOFF_DATE: days, CUTOFF: list(cutoffs)}


def _query(
    table: Table, opened: "DeltaTable", condition: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows that keep a condition in SQL; ten times as fast as a scan where files are many."""
    from deltalake import QueryBuilder

    wanted = ", ".join(f'"{name}"' for name in columns or ()) or "*"
    query = QueryBuilder().register("wanted", opened)
    with storage_trouble("read", table.path):
        try:
            result = query.execute(f"SELECT {wanted} FROM wanted WHERE {condition}").read_all()
        except Exception as error:  # it has no class of its own, whatever is wrong with a file
            raise OSError(str(error)) from error
    rows = pa.table(result)
    kinds = {pa.string_view(): pa.string()}
    fields = [field.with_type(kinds.get(field.type, field.type)) for field in rows.schema]
    return rows.cast(pa.schema(fields))


def _told(table: Table, names: Sequence[str]) -> dict[pd.Timestamp, tuple[Any, ...]]:
    """By cutoff, the value of some columns that its rows share, and how many rows there are.

    Of `lead`, which they do not share, it is the largest.
    """
    opened = open_table(table)
    if opened is None:
        return {}
    with storage_trouble("read", table.path):
        files = pa.table(opened.get_add_actions(flatten=True))
        if all(_is_told(files, name) for name in (CUTOFF, *names)):
            told = {name: files[f"max.{name}"] for name in (CUTOFF, *names)}
            told["rows"] = files["num_records"].cast(pa.int64())
        else:
            rows = opened.to_pyarrow_table(columns=[CUTOFF, *names])
            told = {name: rows[name] for name in (CUTOFF, *names)}
            told["rows"] = pa.repeat(1, rows.num_rows)
    wanted = [*((name, "max") for name in names), ("rows", "sum")]
    found = pa.table(told).group_by(CUTOFF).aggregate(wanted).to_pydict()
    values = zip(*(found[f"{name}_{how}"] for name, how in wanted), strict=True)
    cutoffs = (pd.Timestamp(cutoff).tz_convert("UTC").as_unit("us") for cutoff in found[CUTOFF])
    return dict(zip(cutoffs, values, strict=True))


def _is_told(files: pa.Table, name: str) -> bool:
    """Whether the log knows the one value that a column has in each file, or its largest lead.

    It does not where a compaction, or a commit of several cutoffs of a day, has mixed them, nor of
    columns behind the 32 that Delta keeps statistics of.
    """
    lowest, highest = f"min.{name}", f"max.{name}"
    if highest not in files.column_names or name == LEAD:
        return highest in files.column_names
    return bool(pc.all(pc.equal(files[lowest], files[highest]), skip_nulls=False).as_py())


def _finite(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Numbers that are not finite as null."""
    if not pa.types.is_floating(kind):
        return column
    return pc.if_else(pc.is_finite(column), column, None)


def quantiles_in(rows: pa.Table) -> tuple[Floats, tuple[float, ...]]:
    """The quantiles of some rows, NaN where a row has no such level, `(N, Q)`, and their levels."""
    found = quantiles_of(rows)
    columns = [rows[name].to_numpy() for name in found]
    quantiles = np.stack(columns, axis=1) if columns else np.empty((rows.num_rows, 0))
    return quantiles.astype(np.float32, copy=False), tuple(found.values())
