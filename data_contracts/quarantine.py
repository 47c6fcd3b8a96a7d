"""Contract of `quarantine.delta`: what was set aside on which night, and why.

`scope` says what: a whole `series`, or `rows` of one that goes on without them. `ds` is the step of
the row, or the cutoff where the whole series is meant. `column` is empty where the expectation is
about no column in particular.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import CUTOFF, DS, RUN_ID, UNIQUE_ID

COLUMN = "column"
EXPECTATION = "expectation"
SCOPE = "scope"
SERIES, ROWS = "series", "rows"
# One expectation may be asked of several columns, and of several rows of a series.
KEY: tuple[str, ...] = (CUTOFF, UNIQUE_ID, EXPECTATION, COLUMN, SCOPE, DS)
PARTITION_BY: tuple[str, ...] = ()
SCHEMA = pa.schema(
    [
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(UNIQUE_ID, pa.string(), nullable=False),
        pa.field(EXPECTATION, pa.string(), nullable=False),
        pa.field(COLUMN, pa.string(), nullable=False),
        pa.field(SCOPE, pa.string(), nullable=False),
        pa.field(DS, INSTANT, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("bound", pa.float64()),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("sentence", pa.string(), nullable=False),
        pa.field(RUN_ID, pa.string(), nullable=False),
    ]
)


def tell_rows_from_series(rows: pa.Table) -> pa.Table:
    """Version 1 to 2: `scope` and `ds` are new; until then only whole series were set aside."""
    scope = pa.repeat(pa.scalar(SERIES), rows.num_rows)
    return rows.append_column(SCOPE, scope).append_column(DS, rows[CUTOFF])


MIGRATIONS: tuple[Migration, ...] = (tell_rows_from_series,)
