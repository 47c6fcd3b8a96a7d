import pandas as pd

from tasks import upkeep
from tasks.stores.registry import versions
from tasks.upkeep import Upkeep, tidy_up


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
