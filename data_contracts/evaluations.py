"""Contract of `evaluations.delta`: one row per version, series and origin that the gate judged.

Losses are means over the observed steps of a forecast, in the unit of `y`: `absolute_error` of the
median, `pinball` twice the pinball loss averaged over levels, `absolute_y`, `error` median minus
actual, `covered` the share of actuals in the widest interval. `scale` is the mean absolute error
of the seasonal naive in sample, before the origin. All are null where nothing was observed.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    MODEL,
    MODEL_VERSION,
    ORIGIN,
    RUN_ID,
    UNIQUE_ID,
)

ROLE = "role"
# A version that is trained again while in service is judged in two roles.
KEY: tuple[str, ...] = (CUTOFF, MODEL_VERSION, ROLE, UNIQUE_ID, ORIGIN)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
MIGRATIONS: tuple[Migration, ...] = ()
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
        pa.field("steps", pa.int32(), nullable=False),
        *(pa.field(loss, pa.float64()) for loss in LOSSES),
        pa.field(RUN_ID, pa.string(), nullable=False),
    ]
)
