"""Contract of `quarantine.delta`: which series were set aside on which night, and why.

`column` is empty where the expectation is about the series as a whole.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.vocabulary import CUTOFF, RUN_ID, UNIQUE_ID

COLUMN = "column"
EXPECTATION = "expectation"
# One expectation may be asked of several columns.
KEY = (CUTOFF, UNIQUE_ID, EXPECTATION, COLUMN)
PARTITION_BY = ()
SCHEMA = pa.schema(
    [
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(UNIQUE_ID, pa.string(), nullable=False),
        pa.field(EXPECTATION, pa.string(), nullable=False),
        pa.field(COLUMN, pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("bound", pa.float64()),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("sentence", pa.string(), nullable=False),
        pa.field(RUN_ID, pa.string(), nullable=False),
    ]
)
