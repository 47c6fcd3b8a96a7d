"""Write the totals of a forecast batch, and read them back.

They are committed before the batch that they belong to and carry its `run_id`; whoever reads them
here gets those of the batch that is published, or none.
"""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import totals
from data_contracts.errors import RefusedError, SpecError
from data_contracts.vocabulary import CUTOFF, LEVEL, RUN_ID
from tasks.stores.delta import Commit, as_present, open_table, replace_rows
from tasks.stores.forecasts import export_beside, of_cutoff, quantiles_of, read_batch
from tasks.stores.table import Table, in_order, of_night, stamped
from tasks.stores.time_travel import rows_where
from tasks.stores.warehouse import Warehouse

LATEST_TOTALS = "latest_totals.parquet"


def publish_totals(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    cutoff: pd.Timestamp,
    levels: tuple[float, ...],
    run_id: str,
    token: int | None,
) -> int:
    """Make the rows the totals of their cutoff; arguments and errors as in `publish_batch`.

    Without a token they replace whatever is there, which is nothing or was left by a run that died,
    and totals of any attempt may replace them.
    """
    batch = of_night(cutoff)
    return replace_rows(
        totals_table(warehouse, levels),
        stamped(rows, {**batch, RUN_ID: run_id}),
        where=batch,
        commit=Commit(run_id, token),
    )


def read_totals(
    warehouse: Warehouse, cutoff: pd.Timestamp | None = None, *, level: str | None = None
) -> pa.Table:
    """The totals of a published batch, by level, label and time.

    Args:
        warehouse: Where from.
        cutoff: Of the batch; None takes the newest.
        level: A static column, or `total`; None takes all.

    Returns:
        The columns of `totals.schema`, with the quantiles that the batch was published with.

    Raises:
        RefusedError: If the batch has no totals, or nothing has been published yet.
        SpecError: If there is no batch of this cutoff, or no such level.
        StorageError: If a table is damaged.
    """
    batch = read_batch(warehouse, cutoff).slice(0, 1).to_pylist()[0]
    rows = _rows(warehouse, pd.Timestamp(batch[CUTOFF]), batch[RUN_ID])
    if not rows.num_rows:
        raise RefusedError(
            f"The batch of {batch[CUTOFF]:%Y-%m-%d %H:%M} UTC has no totals: `hierarchy` in the "
            "spec asks for them, and `nightcast run` for that night publishes them."
        )
    levels = pc.unique(rows[LEVEL]).to_pylist()
    if level is not None and level not in levels:
        raise SpecError(f"level: expected one of {', '.join(sorted(levels))}, got {level!r}.")
    return rows if level is None else rows.filter(pc.field(LEVEL) == level)


def export_totals(warehouse: Warehouse, cutoff: pd.Timestamp, *, csv: bool = False) -> None:
    """Write the totals of the newest batch to `exports/latest_totals.parquet`.

    Where that batch has none, the file goes: it would be that of another batch.

    Args:
        warehouse: Where from and to.
        cutoff: Of the batch that has just been published; nothing happens where a newer exists.
        csv: Whether to write the same as CSV, too.

    Raises:
        StorageError: If the file cannot be written.
    """
    export_beside(warehouse, LATEST_TOTALS, _of_newest, cutoff, csv=csv)


def totals_table(warehouse: Warehouse, levels: tuple[float, ...] = ()) -> Table:
    """The table of totals, with a column per quantile level."""
    return Table(
        warehouse.totals,
        totals.schema(levels),
        totals.KEY,
        totals.PARTITION_BY,
        totals.MIGRATIONS,
        apart=(CUTOFF,),
    )


def _of_newest(warehouse: Warehouse) -> pa.Table | None:
    try:
        return read_totals(warehouse)
    except RefusedError:
        return None


def _rows(warehouse: Warehouse, cutoff: pd.Timestamp, run_id: str) -> pa.Table:
    """The totals that one run committed for a cutoff; no rows without any."""
    table = totals_table(warehouse)
    opened = open_table(table)
    if opened is None:
        return table.schema.empty_table()
    rows = rows_where(table, opened, [*of_cutoff(cutoff), (RUN_ID, "=", run_id)])
    return _as_published(as_present(table, opened, rows))


def _as_published(rows: pa.Table) -> pa.Table:
    """Drop the quantiles that only other batches have, and restore order and types."""
    schema = totals.schema(tuple(quantiles_of(rows).values()))
    return in_order(rows, totals.KEY).select(schema.names).cast(schema)
