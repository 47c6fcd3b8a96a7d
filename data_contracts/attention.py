"""Contract of `attention.delta`: where each published forecast of a network looked.

A row says how much one head weighed one past patch for one stretch of the horizon. Patches and
stretches are as long as the shortest season: a day of hours. `head` is `mean` for that of all
heads, or the member of the forecaster and its head, `2.5`. `lead` is the first step of the stretch,
`position` counts patches back from the cutoff, 1 for the last one; it begins at `ds` and has
`steps`, of which `observed` were there. For each head and stretch the weights sum to 1, or to 0
where nothing was observed.
"""

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    CUTOFF,
    CUTOFF_DATE,
    DS,
    LEAD,
    MODEL_VERSION,
    RUN_ID,
    UNIQUE_ID,
)

HEAD = "head"
POSITION = "position"
STEPS = "steps"
OBSERVED = "observed"
WEIGHT = "weight"
TOLERANCE = 1e-4  # by which a sum of float32 weights may miss 1
KEY: tuple[str, ...] = (UNIQUE_ID, CUTOFF, HEAD, LEAD, POSITION)
PARTITION_BY: tuple[str, ...] = (CUTOFF_DATE,)
SCHEMA = pa.schema(
    [
        pa.field(CUTOFF_DATE, pa.date32(), nullable=False),
        pa.field(UNIQUE_ID, pa.string(), nullable=False),
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(HEAD, pa.string(), nullable=False),
        pa.field(LEAD, pa.int32(), nullable=False),
        pa.field(POSITION, pa.int32(), nullable=False),
        pa.field(DS, INSTANT, nullable=False),
        pa.field(STEPS, pa.int32(), nullable=False),
        pa.field(OBSERVED, pa.int32(), nullable=False),
        pa.field(WEIGHT, pa.float32(), nullable=False),
        pa.field(MODEL_VERSION, pa.string(), nullable=False),
        pa.field(RUN_ID, pa.string(), nullable=False),
    ]
)
MIGRATIONS: tuple[Migration, ...] = ()


def broken_sums(rows: pa.Table) -> list[str]:
    """Say of which weights the sums are wrong, a sentence for each way; none where all is well.

    Args:
        rows: Columns of `SCHEMA`, of one cutoff.
    """
    weights = pc.fill_null(pc.cast(rows[WEIGHT], pa.float64()), float("nan"))
    wrong = pc.or_(pc.less(weights, 0), pc.invert(pc.is_finite(weights)))
    strayed = pc.and_(pc.greater(weights, TOLERANCE), pc.equal(rows[OBSERVED], 0))
    sums = (
        rows.select([UNIQUE_ID, HEAD, LEAD, OBSERVED])
        .append_column(WEIGHT, weights)
        .group_by([UNIQUE_ID, HEAD, LEAD])
        .aggregate([(WEIGHT, "sum"), (OBSERVED, "sum")])
    )
    expected = pc.cast(pc.greater(sums[f"{OBSERVED}_sum"], 0), pa.float64())
    off = pc.greater(pc.abs(pc.subtract(sums[f"{WEIGHT}_sum"], expected)), TOLERANCE)
    told = [
        _told("no weight below 0 or missing", rows.filter(wrong)),
        _told("no weight on a patch without an observation", rows.filter(strayed)),
        _told("weights that sum to 1, or to 0 where nothing was observed", sums.filter(off)),
    ]
    return [sentence for sentence in told if sentence]


def _told(expected: str, broken: pa.Table) -> str:
    """One sentence with the first of the rows that are not as expected, empty without any."""
    if broken.num_rows == 0:
        return ""
    first = broken.slice(0, 1).to_pylist()[0]
    return (
        f"{WEIGHT}: expected {expected}, {broken.num_rows} are not so, such as those of "
        f"{first[UNIQUE_ID]}, head {first[HEAD]}, lead {first[LEAD]}."
    )
