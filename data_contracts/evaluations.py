"""Contract of `evaluations.delta`: a row per version, series, origin and lead that the gate judged.

Losses are those of one observed step, in the unit of `y`: `absolute_error` of the median, `pinball`
twice the pinball loss averaged over levels, `absolute_y`, `error` median minus actual, `covered` 1
for an actual in the widest interval, 0 outside, between for one that equals an end. `scale` is the
mean absolute error of the seasonal naive in sample, before the origin, so that the mean of
`absolute_error / scale` is MASE, the sum of `pinball` over that of `absolute_y` WQL, the mean of
`covered` coverage, and the sum of `error` over that of `absolute_y` the bias. Steps that were not
observed have no row; what is not finite is null.

Rows with the lead 0 are from before version 2: means over the observed `steps` of all leads.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    LEAD,
    MODEL,
    MODEL_VERSION,
    ORIGIN,
    RUN_ID,
    UNIQUE_ID,
)

ROLE = "role"
# A version that is trained again while in service is judged in two roles.
KEY: tuple[str, ...] = (CUTOFF, MODEL_VERSION, ROLE, UNIQUE_ID, ORIGIN, LEAD)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
LOSSES = ("absolute_error", "scale", "pinball", "absolute_y", "covered", "error")
SCHEMA = pa.schema(
    [
        pa.field(CUTOFF_DATE, pa.date32(), nullable=False),
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(MODEL_VERSION, pa.string(), nullable=False),
        pa.field(MODEL, pa.string(), nullable=False),
        pa.field(ROLE, pa.string(), nullable=False),
        pa.field(UNIQUE_ID, pa.string(), nullable=False),
        pa.field(ORIGIN, INSTANT, nullable=False),
        pa.field(LEAD, pa.int32(), nullable=False),
        pa.field("steps", pa.int32(), nullable=False),
        *(pa.field(loss, pa.float32()) for loss in LOSSES),
        pa.field(RUN_ID, pa.string(), nullable=False),
    ]
)


def tell_leads(rows: pa.Table) -> pa.Table:
    """Version 1 to 2: `lead` is new; until then a row was the mean over all leads of a window."""
    return rows.append_column(LEAD, pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows))


MIGRATIONS: tuple[Migration, ...] = (tell_leads,)
