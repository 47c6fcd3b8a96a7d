"""What was said for one step: the forecast of every batch, by its lead, beside what came."""

import pandas as pd
import pyarrow as pa

from data_contracts import forecasts
from data_contracts.errors import RefusedError, SpecError
from data_contracts.vocabulary import CUTOFF, DS, LEAD, MEAN, UNIQUE_ID, Y
from tasks.stores.accuracy import accuracy_table
from tasks.stores.delta import as_present, open_table
from tasks.stores.forecasts import forecasts_table, quantiles_of
from tasks.stores.time_travel import Conditions, are_kept, open_version, rows_where
from tasks.stores.warehouse import Warehouse

SCORED = (UNIQUE_ID, CUTOFF, LEAD, Y)


def said_for(warehouse: Warehouse, ds: pd.Timestamp, *, version: int | None = None) -> pa.Table:
    """Every batch's forecast of one step, by series and lead; the shorter lead is the newer word.

    Args:
        warehouse: Where from.
        ds: The step.
        version: Of the table, as it was then; None takes the newest.

    Returns:
        Columns `unique_id, ds, lead, cutoff, y, mean`, the quantiles that any of these batches
        has, and who made the row. `y` is null where the forecast was not scored yet.

    Raises:
        RefusedError: If no batch has a forecast of this step.
        SpecError: If there is no such version any more.
        StorageError: If a table is damaged.
    """
    table, where = forecasts_table(warehouse), [(DS, "=", ds.to_pydatetime())]
    opened = open_table(table) if version is None else open_version(table, version)
    if opened is None:
        raise RefusedError(_nothing_said(warehouse, ds))
    if version is not None and not are_kept(table, opened, where):
        raise SpecError(
            f"version: files of version {version} were removed, some days after their batches "
            "were replaced; --history shows the versions that can be read."
        )
    rows = as_present(table, opened, rows_where(table, opened, where))
    if rows.num_rows == 0:
        raise RefusedError(_nothing_said(warehouse, ds))
    rows = rows.join(_actuals(warehouse, where), keys=list(SCORED[:3]), join_type="left outer")
    origin = forecasts.schema(()).names[-5:]
    names = [UNIQUE_ID, DS, LEAD, CUTOFF, Y, MEAN, *quantiles_of(rows), *origin]
    return rows.select(names).sort_by([(name, "ascending") for name in (UNIQUE_ID, LEAD)])


def _actuals(warehouse: Warehouse, where: Conditions) -> pa.Table:
    """What the forecasts of a step were scored against; no rows where none was."""
    table = accuracy_table(warehouse)
    opened = open_table(table)
    if opened is None:
        return table.stored_schema.empty_table().select(SCORED)
    return as_present(table, opened, rows_where(table, opened, where)).select(SCORED)


def _nothing_said(warehouse: Warehouse, ds: pd.Timestamp) -> str:
    return (
        f"No batch in {warehouse.place} has a forecast for {ds.isoformat()}; `nightcast forecasts` "
        "without --for shows the latest one."
    )
