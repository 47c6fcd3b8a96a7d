import pytest

from data_contracts.errors import StorageError
from tasks.stores.maintenance.listing import list_files


def test_every_file_is_listed_whether_a_log_names_it_or_not(table, put):
    for number in range(21):
        put(table, "mon", f"n{number}")
    (table.path / "night=mon" / "part-stray.parquet").write_bytes(b"stray")

    listing = list_files(table)

    assert len(listing.files) == 22
    assert listing.bytes_of(["night=mon/part-stray.parquet", "night=mon/part-gone.parquet"]) == 5
    assert sorted(listing.entries) == list(range(22))
    assert list(listing.checkpoints) == [19]


def test_an_entry_tells_what_it_did(table, put):
    put(table, "mon", "a")
    put(table, "mon", "a")

    actions = list_files(table).actions(2)

    assert [key for action in actions for key in action if key in ("add", "remove")].count(
        "remove"
    ) == 1


def test_an_entry_that_another_run_removes_meanwhile_tells_nothing(table, put):
    put(table, "mon", "a")
    listing = list_files(table)
    (table.path / "_delta_log" / f"{1:020}.json").unlink()

    assert listing.actions(1) == []


def test_an_entry_that_was_altered_is_told(table, put):
    put(table, "mon", "a")
    (table.path / "_delta_log" / f"{1:020}.json").write_text("{")

    with pytest.raises(StorageError, match="cut short or altered; restore it from a backup"):
        list_files(table).actions(1)
