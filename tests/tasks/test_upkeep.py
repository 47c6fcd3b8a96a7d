import pandas as pd

from tasks import upkeep
from tasks.stores.registry import versions
from tasks.upkeep import Upkeep, mirror, tidy_up


def test_what_was_removed_is_told(tonight_of, store, monkeypatch):
    tonight = tonight_of(retention={"versions": 0})
    version = store(tonight)
    monkeypatch.setattr("tasks.stores.retention.UNTOUCHED", pd.Timedelta(0))

    done = tidy_up.fn(tonight)

    assert done == Upkeep(done=f"Removed, as retention says: model version {version}.")
    assert versions(tonight.warehouse)[0].removed_at is not None
    assert tidy_up.fn(tonight) == Upkeep()


def test_trouble_is_told_and_fails_nothing(tonight_of, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upkeep, "clear_out", fail)

    assert tidy_up.fn(tonight_of()) == Upkeep(
        trouble="Retention could not remove everything: [Errno 28] No space left on device"
    )


def test_without_an_mlflow_nothing_is_mirrored(tonight_of):
    assert mirror.fn(tonight_of(), []) == Upkeep()


def test_an_mlflow_that_fails_is_told_and_fails_nothing(tonight_of, monkeypatch, tmp_path):
    (tmp_path / "mlflow.py").write_text("raise OSError('refused')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tonight = tonight_of(registry={"mlflow": "http://mlflow"})

    assert mirror.fn(tonight, []) == Upkeep(trouble="MLflow could not be written: OSError: refused")


def test_what_is_new_in_an_mlflow_is_told(tonight_of, monkeypatch):
    monkeypatch.setattr(upkeep, "mirror_registry", lambda *asked: ["a", "b"])
    tonight = tonight_of(registry={"mlflow": "http://mlflow"})

    assert mirror.fn(tonight, []) == Upkeep(done="New in MLflow: a, b.")
