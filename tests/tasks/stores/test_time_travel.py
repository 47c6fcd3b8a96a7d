import os

import pyarrow as pa
import pytest

from data_contracts.errors import SpecError
from tasks.stores.delta import Commit, replace_rows
from tasks.stores.table import Table
from tasks.stores.time_travel import are_kept, open_version, rows_where

SCHEMA = pa.schema([pa.field("night", pa.int32(), False), pa.field("y", pa.float32(), False)])


@pytest.fixture
def table(tmp_path):
    """Three nights, in the versions 1 to 3, and the first of them again in version 4."""
    table = Table(tmp_path / "values.delta", SCHEMA, ("night",))
    for night, y in ((1, 1.0), (2, 2.0), (3, 3.0), (1, 9.0)):
        rows = pa.table({"night": [night], "y": [y]})
        typed = rows.cast(pa.schema([("night", pa.int32()), ("y", pa.float32())]))
        replace_rows(table, typed, where={"night": night}, commit=Commit("a"))
    return table


def values(table, version, night):
    where = [("night", "=", night)]
    return rows_where(table, open_version(table, version), where)["y"].to_pylist()


def test_each_version_is_as_it_was(table):
    assert [values(table, version, 1) for version in (0, 1, 3, 4)] == [[], [1.0], [1.0], [9.0]]
    assert [values(table, version, 2) for version in (1, 2, 4)] == [[], [2.0], [2.0]]


@pytest.mark.parametrize("version", [5, 99])
def test_a_version_that_does_not_exist_is_refused_and_those_that_do_are_named(table, version):
    with pytest.raises(SpecError, match=f"has no version {version}; its log has 0 to 4"):
        open_version(table, version)


def test_a_version_whose_log_entry_was_removed_is_refused(table):
    opened = open_version(table, 4)
    opened.create_checkpoint()
    for version in (0, 1):
        (table.path / f"_delta_log/{version:020}.json").unlink()
    with pytest.raises(SpecError, match="has no version 1; its log has 2 to 4"):
        open_version(table, 1)
    with pytest.raises(SpecError, match="has no version 2"):
        open_version(table, 2)  # its entry is there, but not those it builds on


def test_there_is_no_version_of_a_table_that_is_not_there(tmp_path):
    assert open_version(Table(tmp_path / "no.delta", SCHEMA, ("night",)), 0) is None


def test_removed_files_are_known_before_anybody_reads_them(table):
    open_version(table, 4).vacuum(0, enforce_retention_duration=False, dry_run=False)
    assert not are_kept(table, open_version(table, 3), [("night", "=", 1)])
    assert are_kept(table, open_version(table, 3), [("night", "=", 2)])
    assert are_kept(table, open_version(table, 4), [("night", "=", 1)])


def test_no_other_file_is_opened_than_those_that_can_have_rows(table):
    opened = open_version(table, 4)
    others = [file for file in opened.file_uris() if file not in files_of(opened, 2)]
    for file in others:
        os.truncate(file, 0)
    assert rows_where(table, opened, [("night", "=", 2)])["y"].to_pylist() == [2.0]


def files_of(opened, night):
    return opened.file_uris(file_pruning_predicate=[("night", "=", night)])
