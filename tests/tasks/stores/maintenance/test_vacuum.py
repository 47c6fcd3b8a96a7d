import shutil

import pytest
from deltalake import DeltaTable

from data_contracts.errors import StorageError
from tasks.stores.delta import open_table, read_table
from tasks.stores.maintenance import vacuum as module
from tasks.stores.maintenance.compaction import compact
from tasks.stores.maintenance.listing import list_files
from tasks.stores.maintenance.vacuum import stale_files, vacuum


@pytest.fixture
def replaced(table, put, aged):
    """A row that was replaced 40 days ago, and again now."""
    put(table, "mon", "a", 1)
    put(table, "mon", "a", 2)
    aged(table, 40)
    put(table, "mon", "a", 3)
    return table


def stale(table, days=30):
    return stale_files(open_table(table), list_files(table), days)


def files(table):
    return {path.relative_to(table.path).as_posix() for path in table.path.rglob("*.parquet")}


def file_of(table, version):
    return DeltaTable(table.path, version=version).file_uris()[0].removeprefix(f"{table.path}/")


def test_only_files_go_that_no_version_within_the_history_names(replaced):
    oldest, older = file_of(replaced, 1), file_of(replaced, 2)
    assert stale(replaced) == [oldest]

    vacuum(replaced, 30)

    assert files(replaced) == {older, file_of(replaced, 3)}
    assert DeltaTable(replaced.path, version=2).to_pyarrow_table()["loss"].to_pylist() == [2]
    assert read_table(replaced)["loss"].to_pylist() == [3]


def test_what_was_deleted_is_not_found_again(replaced):
    vacuum(replaced, 30)

    assert stale(replaced) == []


def test_a_longer_history_keeps_more(replaced):
    assert stale(replaced, days=50) == []


def test_files_that_nobody_committed_go_unless_a_slow_writer_may_yet_do_it(replaced):
    folder = replaced.path / "night=mon"
    some = next(folder.glob("*.parquet"))
    shutil.copy2(replaced.path / file_of(replaced, 2), folder / "part-abandoned.parquet")
    shutil.copy(some, folder / "part-young.parquet")

    vacuum(replaced, 30)

    assert not (folder / "part-abandoned.parquet").exists()
    assert (folder / "part-young.parquet").exists()


def test_the_history_of_the_table_says_why(replaced):
    vacuum(replaced, 30)

    last = DeltaTable(replaced.path).history(1)[0]
    assert (last["operation"], last["run_id"]) == ("VACUUM END", "maintain")
    assert last["reason"] == "no version of the last 30 days needs them"


def test_a_commit_that_comes_in_between_is_no_trouble(replaced, put, monkeypatch):
    for name in "xyz":
        put(replaced, "mon", name)
    find = module.stale_files

    def late(*arguments):
        monkeypatch.undo()
        compact(replaced)
        return find(*arguments)

    monkeypatch.setattr(module, "stale_files", late)
    vacuum(replaced, 30)

    assert stale(replaced) == []
    assert read_table(replaced).num_rows == 4


def test_less_than_the_table_itself_promises_is_refused(replaced):
    with pytest.raises(StorageError, match="Invalid retention period"):
        vacuum(replaced, 29)
    assert len(files(replaced)) == 3
