"""Contract of `registry.delta`: model versions, and every move of the champion pointer.

Rows of kind `version` say what a version was made from; their `sequence` is 0, and `removed_at` is
set once their files are no longer kept. Rows of kind `promotion` say which version, or `baseline`,
went into service after which; the highest `sequence` is in service, from the night of `cutoff` on.
A move that rolls back says in `restores` which earlier move it goes back to.
"""

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import CUTOFF, MODEL, MODEL_VERSION, RUN_ID

KIND = "kind"
SEQUENCE = "sequence"
RESTORES = "restores"
REMOVED_AT = "removed_at"
VERSION = "version"
PROMOTION = "promotion"
KEY: tuple[str, ...] = (KIND, SEQUENCE, MODEL_VERSION)
PARTITION_BY: tuple[str, ...] = (KIND,)


def _moves_know_their_night(rows: pa.Table) -> pa.Table:
    """In version 1 a move was of the night that had made its version."""
    versions = rows.filter(pc.equal(rows[KIND], VERSION))
    whose = pc.index_in(rows[MODEL_VERSION], value_set=versions[MODEL_VERSION])
    made_at = versions[CUTOFF].take(whose)
    at = rows.column_names.index(CUTOFF)
    rows = rows.set_column(at, CUTOFF, pc.coalesce(rows[CUTOFF], made_at))
    rows = rows.append_column(RESTORES, pa.nulls(rows.num_rows, pa.int64()))
    return rows.append_column(REMOVED_AT, pa.nulls(rows.num_rows, INSTANT))


MIGRATIONS: tuple[Migration, ...] = (_moves_know_their_night,)
SCHEMA = pa.schema(
    [
        pa.field(KIND, pa.string(), nullable=False),
        pa.field(SEQUENCE, pa.int64(), nullable=False),
        pa.field(MODEL_VERSION, pa.string(), nullable=False),
        pa.field(MODEL, pa.string()),
        pa.field("snapshot", pa.string()),
        pa.field("spec_digest", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("code_version", pa.string()),
        pa.field("packages", pa.string()),  # JSON text: name to version
        pa.field("train_cutoff", INSTANT),
        pa.field(CUTOFF, INSTANT),
        pa.field("created_at", INSTANT),
        pa.field("train_minutes", pa.float64()),
        pa.field("start", pa.string()),
        pa.field("start_reason", pa.string()),
        pa.field("manifest", pa.string()),
        pa.field("previous", pa.string()),
        pa.field("decided_at", INSTANT),
        pa.field(RUN_ID, pa.string()),
        pa.field("reason", pa.string()),
        pa.field(RESTORES, pa.int64()),
        pa.field(REMOVED_AT, INSTANT),
    ]
)
