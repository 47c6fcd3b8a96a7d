import pandas as pd
import pyarrow as pa
import pytest

from data_contracts.forecasts import schema
from tasks.stores.forecasts import publish_batch
from tasks.stores.registry import ModelVersion, store_model

NIGHT = pd.Timestamp("2013-10-15T03:00Z")


@pytest.fixture
def night():
    """The cutoff of what the other fixtures publish and store."""
    return NIGHT


@pytest.fixture
def publish_row():
    """Publishes a batch of one row."""

    def publish(warehouse, run_id="a", *, token=1, cutoff=NIGHT):
        row = {
            "unique_id": "a",
            "ds": cutoff + pd.Timedelta("1h"),
            "lead": 1,
            "mean": 1.0,
            "q50": 1.0,
            "model": "tcn",
            "model_version": "v1",
            "quality": "champion",
            "issued_at": cutoff,
        }
        kinds = pa.schema([field for field in schema((0.5,)) if field.name in row])
        rows = pa.Table.from_pylist([row], schema=kinds)
        publish_batch(warehouse, rows, cutoff=cutoff, levels=(0.5,), run_id=run_id, token=token)

    return publish


@pytest.fixture
def store_version():
    """Stores a version of two files that was made some days ago; returns its name."""

    def save(folder):
        folder.mkdir()
        for name in ("config.json", "weights"):
            (folder / name).write_text(name)

    def store(warehouse, seed, *, days=0):
        version = ModelVersion(
            model="tcn",
            snapshot="5ca1ab1e",
            spec_digest="0123",
            seed=seed,
            code_version="0.1.0",
            packages={},
            train_cutoff=NIGHT,
            cutoff=NIGHT,
            created_at=(pd.Timestamp.now("UTC") - pd.Timedelta(days=days)).as_unit("us"),
            train_minutes=1.0,
        )
        return store_model(warehouse, save, version).model_version

    return store
