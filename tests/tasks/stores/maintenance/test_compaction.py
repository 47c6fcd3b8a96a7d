from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from data_contracts.errors import ConflictError
from tasks.stores.delta import Commit, delete_rows, open_table, read_table
from tasks.stores.maintenance import compaction
from tasks.stores.maintenance.compaction import Merged, Part, compact, mergeable


@pytest.fixture
def filled(table, put):
    """Three nights, of which two have two files."""
    for night, names in {"mon": "ba", "tue": "a", "wed": "ab"}.items():
        for name in names:
            put(table, night, name)
    return table


def num_files(table):
    return len(open_table(table).file_uris())


def test_each_partition_becomes_one_file_with_the_same_rows_in_one_commit(filled):
    before, version = read_table(filled), open_table(filled).version()
    assert [part.values for part in mergeable(open_table(filled), filled)] == [("mon",), ("wed",)]

    merged = compact(filled)

    assert merged == Merged(files=4, into=2)
    assert num_files(filled) == 3
    assert read_table(filled).equals(before)
    assert open_table(filled).version() == version + 1
    assert DeltaTable(filled.path).history(1)[0]["run_id"] == "maintain"


def test_a_table_without_partitions_becomes_one_file(flat, put):
    for name in "cab":
        put(flat, "mon", name)
    before = read_table(flat)

    assert compact(flat) == Merged(files=3, into=1)

    assert num_files(flat) == 1
    assert read_table(flat).equals(before)


def test_what_was_merged_is_sorted_by_the_key(filled):
    compact(filled)

    (file,) = [uri for uri in open_table(filled).file_uris() if "night=mon" in uri]
    assert pq.read_table(file)["name"].to_pylist() == ["a", "b"]


def test_the_second_time_there_is_nothing_to_merge(filled):
    compact(filled)
    version = open_table(filled).version()

    assert mergeable(open_table(filled), filled) == []
    assert compact(filled) == Merged()
    assert open_table(filled).version() == version


def test_a_table_that_is_not_there_has_nothing_to_merge(table):
    assert compact(table) == Merged()


def test_files_that_are_told_apart_by_a_column_stay_apart(filled):
    apart = replace(filled, apart=("name",))

    assert mergeable(open_table(filled), apart) == []


def test_several_files_of_one_value_of_such_a_column_are_merged(table, put):
    put(table, "mon", "a", 1)
    put(table, "mon", "b", 1)
    apart = replace(table, apart=("loss",))

    assert mergeable(open_table(table), apart) == [Part(("mon",), files=2, rows=2)]


@pytest.mark.parametrize("bound", ["MAX_BYTES", "MAX_ROWS"])
def test_a_partition_that_is_no_small_one_stays_as_it_is(filled, monkeypatch, bound):
    monkeypatch.setattr(compaction, bound, 1)

    assert compact(filled) == Merged()


def test_partitions_that_do_not_fit_into_memory_together_are_merged_one_after_the_other(
    filled, monkeypatch
):
    monkeypatch.setattr(compaction, "MAX_ROWS", 3)
    version = open_table(filled).version()

    assert compact(filled) == Merged(files=4, into=2)
    assert open_table(filled).version() == version + 2


def test_rows_of_an_older_version_keep_it(filled):
    later = replace(
        filled,
        schema=filled.schema.append(pa.field("unit", pa.string(), nullable=False)),
        key=("night", "name", "unit"),
        migrations=(lambda rows: rows.append_column("unit", pa.repeat("EUR", rows.num_rows)),),
    )

    assert compact(later) == Merged(files=4, into=2)
    assert [field.name for field in open_table(filled).schema().fields] == filled.schema.names
    assert read_table(later)["unit"].to_pylist() == ["EUR"] * 5


def test_two_that_merge_at_the_same_time_double_no_row(filled, put):
    for number in range(6):
        for name in "abcd":
            put(filled, f"night {number}", name)
    before = read_table(filled)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: compact(filled), range(3)))

    assert read_table(filled).equals(before)
    assert num_files(filled) == 9


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda table, put: put(table, "mon", "a", 2), id="a row replaced"),
        pytest.param(lambda table, put: put(table, "mon", "z", 2), id="a row added"),
        pytest.param(
            lambda table, put: delete_rows(table, where={"night": "mon"}, commit=Commit("r")),
            id="rows deleted",
        ),
        pytest.param(lambda table, put: compact(table), id="merged"),
        pytest.param(
            lambda table, put: DeltaTable(table.path).optimize.compact(), id="merged by hand"
        ),
    ],
)
def test_what_others_commit_meanwhile_is_neither_lost_nor_doubled(
    filled, put, monkeypatch, meanwhile
):
    rewrite, wanted = compaction.try_rewrite, []

    def late(*arguments, **options):
        monkeypatch.setattr(compaction, "try_rewrite", rewrite)
        meanwhile(filled, put)
        wanted.append(read_table(filled))
        return rewrite(*arguments, **options)

    monkeypatch.setattr(compaction, "try_rewrite", late)
    compact(filled)

    assert [read_table(filled)] == wanted


def test_where_others_never_stop_committing_it_gives_up_in_one_sentence(filled, put, monkeypatch):
    monkeypatch.setattr(compaction, "try_rewrite", lambda *arguments, **options: False)
    monkeypatch.setattr(compaction, "wait", lambda attempt: None)

    with pytest.raises(ConflictError, match="losses: other runs kept writing the same rows"):
        compact(filled)


def test_the_compaction_of_the_library_still_doubles_rows_where_two_run_at_once(filled):
    one, other = DeltaTable(filled.path), DeltaTable(filled.path)
    for opened in (one, other):
        opened.optimize.compact()

    assert read_table(filled).num_rows == 9, "five are right: it has been mended, so use it"
