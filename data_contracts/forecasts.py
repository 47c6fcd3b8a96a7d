"""Contract of `forecasts.delta`: one row per series and step of the horizon of one cutoff."""

import pyarrow as pa

from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    DS,
    ISSUED_AT,
    LEAD,
    MEAN,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    UNIQUE_ID,
    quantile_columns,
)

INSTANT = pa.timestamp("us", tz="UTC")
KEY = (UNIQUE_ID, CUTOFF, DS)
PARTITION_BY = [CUTOFF_DATE]


def schema(levels: tuple[float, ...]) -> pa.Schema:
    """Names and types of the table.

    Args:
        levels: Quantile levels, ascending; each is a column.
    """
    return pa.schema(
        [
            pa.field(CUTOFF_DATE, pa.date32(), nullable=False),
            pa.field(UNIQUE_ID, pa.string(), nullable=False),
            pa.field(CUTOFF, INSTANT, nullable=False),
            pa.field(DS, INSTANT, nullable=False),
            pa.field(LEAD, pa.int32(), nullable=False),
            pa.field(MEAN, pa.float32(), nullable=False),
            *(pa.field(name, pa.float32(), nullable=False) for name in quantile_columns(levels)),
            pa.field(MODEL, pa.string(), nullable=False),
            pa.field(MODEL_VERSION, pa.string(), nullable=False),
            pa.field(QUALITY, pa.string(), nullable=False),
            pa.field(ISSUED_AT, INSTANT, nullable=False),
            pa.field(RUN_ID, pa.string(), nullable=False),
        ]
    )
