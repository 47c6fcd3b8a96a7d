"""Contract of `baselines.delta`: what the baseline would have published, kept when a batch was.

A row per row of the batch that the same run has published, so that later nobody has to ask what a
baseline would have said then: it is calibrated as it would have been published, and `model` says
which baseline it is. What is not finite is null. Batches from before this table have none.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    DS,
    LEAD,
    MEAN,
    MODEL,
    RUN_ID,
    UNIQUE_ID,
    quantile_columns,
)

KEY: tuple[str, ...] = (UNIQUE_ID, CUTOFF, DS)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
MIGRATIONS: tuple[Migration, ...] = ()


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
            pa.field(MEAN, pa.float32()),
            *(pa.field(name, pa.float32()) for name in quantile_columns(levels)),
            pa.field(MODEL, pa.string(), nullable=False),
            pa.field(RUN_ID, pa.string(), nullable=False),
        ]
    )
