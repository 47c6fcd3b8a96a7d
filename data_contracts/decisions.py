"""Contract of `decisions.delta`: what the gate decided in each run of each night, and why.

`numbers` holds as JSON text whatever the decision was taken from. `judged` names the challengers
that the gate had a verdict on; the others are judged again on a later night.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import CHAMPION, CUTOFF, RUN_ID

JUDGED = "judged"
KEY: tuple[str, ...] = (CUTOFF, RUN_ID)
PARTITION_BY: tuple[str, ...] = ()
SCHEMA = pa.schema(
    [
        pa.field(CUTOFF, INSTANT, nullable=False),
        pa.field(RUN_ID, pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field(CHAMPION, pa.string()),
        pa.field("previous", pa.string()),
        pa.field("origins", pa.int32(), nullable=False),
        pa.field("spec_digest", pa.string(), nullable=False),
        pa.field("code_version", pa.string(), nullable=False),
        pa.field("decided_at", INSTANT, nullable=False),
        pa.field("numbers", pa.string(), nullable=False),
        pa.field(JUDGED, pa.list_(pa.string())),
    ]
)


def tell_judged(rows: pa.Table) -> pa.Table:
    """Version 1 to 2: `judged` is new; until then every challenger had one chance."""
    return rows.append_column(JUDGED, pa.nulls(rows.num_rows, pa.list_(pa.string())))


MIGRATIONS: tuple[Migration, ...] = (tell_judged,)
