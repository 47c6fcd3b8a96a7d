"""Contract of `totals.delta`: one row per total and step of the horizon of one cutoff.

A total is the sum of the series that share a label of a static column, `level` the column and
`unique_id` the label, or of all of them: `level` is `total` and `unique_id` is `all`. It is a
table of its own, so that whoever sums up `forecasts.delta` counts nothing twice. `series` says how
many series are in it, `substituted` how many of these have a substitute of the baseline.

Its rows belong to the batch of forecasts with the same `cutoff` and `run_id`, and to no other.
"""

import pyarrow as pa

from data_contracts import forecasts
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    DS,
    LEVEL,
    SERIES,
    SUBSTITUTED,
    UNIQUE_ID,
)

KEY: tuple[str, ...] = (LEVEL, UNIQUE_ID, CUTOFF, DS)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
MIGRATIONS: tuple[Migration, ...] = ()


def schema(levels: tuple[float, ...]) -> pa.Schema:
    """Names and types of the table.

    Args:
        levels: Quantile levels, ascending; each is a column.
    """
    own = [
        pa.field(LEVEL, pa.string(), nullable=False),
        pa.field(SERIES, pa.int32(), nullable=False),
        pa.field(SUBSTITUTED, pa.int32(), nullable=False),
    ]
    return pa.schema([own[0], *forecasts.schema(levels), *own[1:]])
