"""Contract of `accuracy.delta`: how far each published forecast was from what came.

A row per row of `forecasts.delta` whose actual is known; a step that was not observed, or is set
aside, has none. Losses are those of `data_contracts.evaluations`: `absolute_error` of the median,
`error` median minus actual, `pinball` with the factor 2, mean over levels, `absolute_y`, `covered`
by the widest interval, which is meant to hold `nominal_coverage`, and `scale`, the mean absolute
error of the seasonal naive in sample up to the cutoff. `run_id` is that of the batch that is
judged. The columns that begin with `baseline` say the same of the forecast that the baseline would
have published with this batch; they are null where none was kept. What is not finite is null.

Each static covariate is a column of its own. `basis` is a digest of everything that the rows of a
cutoff follow from: where it is the same, scoring again would give the same rows.
"""

import re
from collections.abc import Sequence

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    BASELINE,
    CUTOFF,
    CUTOFF_DATE,
    DS,
    LEAD,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    UNIQUE_ID,
    Y,
)

KEY: tuple[str, ...] = (UNIQUE_ID, CUTOFF, LEAD)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
MIGRATIONS: tuple[Migration, ...] = ()
BASIS = "basis"
NOMINAL_COVERAGE = "nominal_coverage"
SCALE = "scale"
LOSSES = ("absolute_error", "pinball", "absolute_y", "covered", "error")
BASELINE_LOSSES = ("absolute_error", "pinball", "covered", "error")
_FIXED = pa.schema(
    [
        pa.field(CUTOFF_DATE, pa.date32(), nullable=False),
        pa.field(UNIQUE_ID, pa.string(), nullable=False),
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(LEAD, pa.int32(), nullable=False),
        pa.field(DS, INSTANT, nullable=False),
        pa.field(Y, pa.float32(), nullable=False),
        pa.field(MODEL, pa.string(), nullable=False),
        pa.field(MODEL_VERSION, pa.string(), nullable=False),
        pa.field(QUALITY, pa.string(), nullable=False),
        *(pa.field(loss, pa.float32()) for loss in LOSSES),
        pa.field(NOMINAL_COVERAGE, pa.float32()),
        pa.field(SCALE, pa.float32()),
        pa.field(BASELINE, pa.string()),
        *(pa.field(f"{BASELINE}_{loss}", pa.float32()) for loss in BASELINE_LOSSES),
        pa.field(RUN_ID, pa.string(), nullable=False),
        pa.field(BASIS, pa.string(), nullable=False),
    ]
)


def schema(statics: Sequence[str]) -> pa.Schema:
    """Names and types of the table.

    Args:
        statics: Static covariates; each is a column, named by `segment_columns`.
    """
    segments = [pa.field(name, pa.string()) for name in segment_columns(statics).values()]
    return pa.schema([*_FIXED, *segments])


def segment_columns(statics: Sequence[str]) -> dict[str, str]:
    """What the columns of static covariates are called: as these, where a table can have that name.

    Letters that Delta forbids in a name become `_`, and a name that is taken gets another `_`;
    readers such as Spark do not tell capitals from small letters.

    >>> segment_columns(("airport", "Model", "store type"))
    {'airport': 'airport', 'Model': 'Model_', 'store type': 'store_type'}
    """
    taken = {name.lower() for name in _FIXED.names}
    columns = {}
    for static in statics:
        name = re.sub(r"[ ,;{}()\n\t=]", "_", static)
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        columns[static] = name
    return columns
