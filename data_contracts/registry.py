"""Contract of `registry.delta`: model versions, and every move of the champion pointer.

Rows of kind `version` say what a version was made from; their `sequence` is 0. Rows of kind
`promotion` say which version went into service after which; the highest `sequence` is in service.
"""

import pyarrow as pa

from data_contracts.forecasts import INSTANT
from data_contracts.versions import Migration
from data_contracts.vocabulary import CUTOFF, MODEL, MODEL_VERSION, RUN_ID

KIND = "kind"
SEQUENCE = "sequence"
VERSION = "version"
PROMOTION = "promotion"
KEY: tuple[str, ...] = (KIND, SEQUENCE, MODEL_VERSION)
PARTITION_BY: tuple[str, ...] = (KIND,)
MIGRATIONS: tuple[Migration, ...] = ()
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
    ]
)
