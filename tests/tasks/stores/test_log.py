from pathlib import Path

import pytest

from data_contracts.errors import StorageError
from tasks.stores.forecasts import cutoffs, read_batch
from tasks.stores.log import log_entries, refuse_torn_entries
from tasks.stores.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path, publish_row):
    warehouse = Warehouse(tmp_path / "nyc")
    publish_row(warehouse, "a", token=1)
    publish_row(warehouse, "b", token=2)
    return warehouse


def test_entries_are_told_in_their_order(warehouse, tmp_path):
    assert [entry.stem[-1] for entry in log_entries(warehouse.forecasts)] == ["0", "1", "2"]
    assert log_entries(tmp_path / "none") == []
    refuse_torn_entries(warehouse.forecasts)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (2, "restore it from a backup, or delete it and run the night that wrote it again"),
        (1, "restore it from a backup"),
    ],
)
@pytest.mark.parametrize("content", ["", '{"commitInfo": {"half'], ids=["empty", "torn"])
def test_an_entry_that_lost_its_content_is_named_and_never_read_as_the_version_before(
    warehouse, publish_row, number, advice, content
):
    entry = log_entries(warehouse.forecasts)[number]
    entry.write_text(content)
    for use in (cutoffs, read_batch, publish_row):
        with pytest.raises(StorageError) as trouble:
            use(warehouse)
        assert entry.name in str(trouble.value)
        assert str(trouble.value).endswith(f"is not there; {advice}.")


def test_after_the_newest_entry_was_deleted_the_night_can_be_run_again(
    warehouse, publish_row, night
):
    log_entries(warehouse.forecasts)[-1].unlink()
    assert read_batch(warehouse)["run_id"][0].as_py() == "a"
    publish_row(warehouse, "c", token=3)
    assert read_batch(warehouse)["run_id"][0].as_py() == "c"
    assert cutoffs(warehouse) == [night]


def test_an_entry_that_is_cleaned_up_just_now_is_in_nobodys_way(warehouse, monkeypatch):
    found = Path.iterdir

    def a_moment_ago(folder):
        yield folder / "00000000000000000000.json"  # is gone by now
        yield from found(folder)

    log_entries(warehouse.forecasts)[0].unlink()
    monkeypatch.setattr(Path, "iterdir", a_moment_ago)

    assert [entry.stem[-1] for entry in log_entries(warehouse.forecasts)] == ["1", "2"]
    refuse_torn_entries(warehouse.forecasts)


def test_a_log_that_may_not_be_read_is_not_taken_for_none(warehouse, monkeypatch):
    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refused)  # root may read whatever its mode is
    with pytest.raises(StorageError, match="Permission denied"):
        cutoffs(warehouse)
