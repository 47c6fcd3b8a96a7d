"""Batches of random forecasts, which compress as badly as any."""

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import forecasts
from data_contracts.spec import DECILES
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE, RUN_ID
from tasks.stores.table import Value, stamped

START = pd.Timestamp("2024-01-01T03:00Z")


def batch(cutoff: pd.Timestamp, num_series: int, horizon: int) -> pa.Table:
    """All columns of a batch but the one that says which run published it."""
    rng = np.random.default_rng(7)
    rows = num_series * horizon
    ds = pd.date_range(cutoff, periods=horizon + 1, freq="h", unit="us")[1:]
    names = np.repeat([f"series-{number:06d}" for number in range(num_series)], horizon)
    columns: dict[str, object] = {
        "unique_id": names,
        "ds": pa.array(np.tile(ds.asi8, num_series)).cast(forecasts.INSTANT),
        "lead": np.tile(np.arange(1, horizon + 1, dtype=np.int32), num_series),
    }
    schema = forecasts.schema(DECILES)
    schema = schema.remove(schema.get_field_index(RUN_ID))
    floats = [column.name for column in schema if pa.types.is_floating(column.type)]
    columns |= {name: rng.random(rows, np.float32) for name in floats}
    stamps: dict[str, Value] = {"model": "attention_lstm", "model_version": "v1"}
    stamps |= {"quality": "champion", "issued_at": cutoff}
    stamps |= {CUTOFF: cutoff, CUTOFF_DATE: cutoff.date()}
    return stamped(pa.table(columns), stamps).select(schema.names).cast(schema)
