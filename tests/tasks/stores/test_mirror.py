"""What can go wrong with an MLflow; that it works is checked by hand with a real one."""

import pandas as pd
import pytest

from data_contracts.errors import StorageError
from tasks.stores.mirror import mirror_registry
from tasks.stores.registry import ModelVersion, mark_removed, store_model
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2024-03-01T00:00Z")


@pytest.fixture
def warehouse(tmp_path):
    """Two versions, and one whose files were removed."""
    place = Warehouse(tmp_path / "nyc")
    for seed in range(3):
        version = ModelVersion(
            model="tcn",
            snapshot="5ca1ab1e",
            spec_digest="0123",
            seed=seed,
            code_version="0.1.0",
            packages={"keras": "3.15.0"},
            train_cutoff=NIGHT,
            cutoff=NIGHT,
            created_at=NIGHT,
            train_minutes=1.5,
        )
        stored = store_model(place, lambda folder: folder.mkdir(), version)
    mark_removed(place, stored, NIGHT)
    return place


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """Puts a module in the place of MLflow; the program is another process, so it is a file."""

    def put(code):
        (tmp_path / "modules").mkdir(exist_ok=True)
        (tmp_path / "modules" / "mlflow.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))

    return put


def test_without_mlflow_the_extra_is_named(warehouse, mlflow):
    mlflow("raise ModuleNotFoundError(\"No module named 'mlflow'\")")
    with pytest.raises(StorageError, match=r"not installed; install nightcast\[mlflow\]"):
        mirror_registry(warehouse, "sqlite:///x.db", {})


def test_one_that_does_not_answer_is_left_alone(warehouse, mlflow):
    mlflow("import time; time.sleep(60)")
    with pytest.raises(StorageError, match="took longer than 1 seconds and was left alone"):
        mirror_registry(warehouse, "http://mlflow", {}, seconds=1)


def test_its_error_is_told_without_secrets(warehouse, mlflow):
    mlflow("raise OSError('http://user:SECRET@mlflow refused')")
    with pytest.raises(StorageError, match=r"could not be written: OSError: http://\*\*\*@mlflow"):
        mirror_registry(warehouse, "http://user:SECRET@mlflow", {})


def test_one_that_dies_silently_is_told(warehouse, mlflow):
    mlflow("import os; os._exit(3)")
    with pytest.raises(StorageError, match="it ended without a word"):
        mirror_registry(warehouse, "http://mlflow", {})
