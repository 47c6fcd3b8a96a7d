import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from data_contracts.errors import ConflictError, ContractError, StorageError, VersionError
from tasks.lineage import code_version
from tasks.stores import files
from tasks.stores.delta import (
    Commit,
    delete_rows,
    ensure_table,
    open_table,
    read_table,
    replace_rows,
    schema_version,
)
from tasks.stores.table import Table

SCHEMA = pa.schema(
    [
        pa.field("night", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("loss", pa.float64()),
    ]
)


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path / "losses.delta", SCHEMA, ("night", "name"), ("night",))


def rows(night, **losses):
    count = len(losses)
    return pa.table({"night": [night] * count, "name": list(losses), "loss": list(losses.values())})


@pytest.fixture
def either(anywhere):
    """The same in a folder, then in an object store."""
    return Table(anywhere.table("losses"), SCHEMA, ("night", "name"), ("night",))


def put(table, night, *, run_id="r", token=None, **losses):
    return replace_rows(
        table, rows(night, **losses), where={"night": night}, commit=Commit(run_id, token)
    )


def test_rows_replace_those_of_the_same_name_and_no_others(either):
    put(either, "mon", a=1.0, b=2.0)
    put(either, "tue", a=3.0)
    put(either, "mon", c=4.0)
    assert read_table(either).to_pylist() == [
        {"night": "mon", "name": "c", "loss": 4.0},
        {"night": "tue", "name": "a", "loss": 3.0},
    ]


def test_the_version_that_is_returned_holds_the_rows(either):
    versions = [put(either, night, a=1.0) for night in ("mon", "tue", "wed")]
    assert versions == [1, 2, 3]
    assert DeltaTable(either.path, version=2).to_pyarrow_table()["night"].to_pylist() == [
        "tue",
        "mon",
    ]


def test_the_history_of_the_table_says_which_run_wrote_it(either):
    put(either, "mon", run_id="run-7", a=1.0)
    (entry,) = DeltaTable(either.path).history(1)
    assert entry["run_id"] == "run-7"
    assert entry["code_version"] == code_version()


def test_the_history_of_the_table_says_why(table):
    for token in (1, 2, 2):
        put(table, "mon", token=token, a=1.0)
    commit = Commit("r", token=3, reason="By hand.")
    replace_rows(table, rows("mon", a=2.0), where={"night": "mon"}, commit=commit)
    reasons = [entry.get("reason") for entry in DeltaTable(table.path).history()][::-1]
    assert reasons == [
        None,
        "Published.",
        "Replaces what an earlier attempt wrote.",
        "Published again.",
        "By hand.",
    ]


@pytest.mark.parametrize("where", [{}, {"night": []}], ids=["no-column", "no-value"])
def test_a_commit_without_a_condition_is_impossible(table, where):
    put(table, "mon", a=1.0)
    for replacing in (
        lambda: replace_rows(table, rows("mon", a=2.0), where=where, commit=Commit("r")),
        lambda: delete_rows(table, where=where, commit=Commit("r")),
    ):
        with pytest.raises(ValueError, match="A commit names the rows that it replaces"):
            replacing()
    assert read_table(table).num_rows == 1


def test_no_rows_replace_nothing(table):
    put(table, "mon", a=1.0)
    with pytest.raises(ContractError, match="'losses' is broken: Expected rows, got none"):
        put(table, "mon")
    assert read_table(table).num_rows == 1


def test_rows_of_another_batch_are_refused(table):
    with pytest.raises(ContractError, match="Expected only rows with night = 'mon', got tue"):
        replace_rows(table, rows("tue", a=1.0), where={"night": "mon"}, commit=Commit("r"))


def test_nan_is_null_where_null_is_allowed(table):
    put(table, "mon", a=float("nan"), b=1.0)
    assert read_table(table)["loss"].to_pylist() == [None, 1.0]


def test_infinity_is_refused_everywhere(table):
    with pytest.raises(ContractError, match="loss: expected finite numbers, 1 are not"):
        put(table, "mon", a=float("inf"), b=float("nan"))


def test_every_complaint_is_in_the_message(table):
    broken = pa.table({"night": [1], "name": [2], "loss": ["3"]})
    with pytest.raises(ContractError) as refusal:
        replace_rows(table, broken, where={"night": "mon"}, commit=Commit("r"))
    assert refusal.value.findings == [
        "night: expected string, got int64.",
        "name: expected string, got int64.",
        "loss: expected double, got string.",
    ]


def test_dictionaries_large_strings_and_whole_numbers_are_taken(table):
    given = pa.table(
        {
            "night": pa.array(["mon"]).dictionary_encode(),
            "name": pa.array(["a"], pa.large_string()),
            "loss": [3],
        }
    )
    replace_rows(table, given, where={"night": "mon"}, commit=Commit("r"))
    assert read_table(table).to_pylist() == [{"night": "mon", "name": "a", "loss": 3.0}]


@pytest.mark.parametrize("name", ["it's", "a/b c", "Zürich", "100%"])
def test_any_text_may_name_a_batch(either, name):
    put(either, name, a=1.0)
    put(either, name, b=2.0)
    assert read_table(either)["night"].to_pylist() == [name]
    assert read_table(either)["name"].to_pylist() == ["b"]


def test_several_values_of_a_column_may_name_a_batch(table):
    put(table, "mon", a=1.0, b=2.0, c=3.0)
    replace_rows(
        table,
        rows("mon", a=7.0, b=8.0),
        where={"night": "mon", "name": ["a", "b"]},
        commit=Commit("r"),
    )
    assert read_table(table)["loss"].to_pylist() == [7.0, 8.0, 3.0]


def test_a_new_column_is_null_in_the_old_rows_and_an_old_column_in_the_new_ones(table):
    put(table, "mon", a=1.0)
    fields = [*list(SCHEMA)[:2], pa.field("gain", pa.float64(), nullable=False)]
    changed = Table(table.path, pa.schema(fields), table.key, table.partition_by)
    given = pa.table({"night": ["tue"], "name": ["a"], "gain": [2.0]})
    replace_rows(changed, given, where={"night": "tue"}, commit=Commit("r"))
    put(table, "wed", a=3.0)
    stored = DeltaTable(table.path).to_pyarrow_table().sort_by("night")
    assert stored.select(["night", "loss", "gain"]).to_pylist() == [
        {"night": "mon", "loss": 1.0, "gain": None},
        {"night": "tue", "loss": None, "gain": 2.0},
        {"night": "wed", "loss": 3.0, "gain": None},
    ]


def test_a_column_that_a_table_does_not_have_yet_is_read_as_null(table):
    put(table, "mon", a=1.0)
    fields = [*SCHEMA, pa.field("gain", pa.float64())]
    rows = read_table(Table(table.path, pa.schema(fields), table.key, table.partition_by))
    assert rows.column_names == [*SCHEMA.names, "gain"]
    assert rows["gain"].to_pylist() == [None]


def test_the_same_token_writes_again_and_an_older_one_is_refused(either):
    put(either, "mon", token=5, a=1.0)
    put(either, "mon", token=5, a=2.0)
    with pytest.raises(ConflictError, match="A newer attempt has written losses/night = 'mon'"):
        put(either, "mon", token=4, a=3.0)
    put(either, "tue", token=4, a=4.0)
    assert read_table(either)["loss"].to_pylist() == [2.0, 4.0]


def test_deleting_takes_the_named_rows_and_is_nothing_the_second_time(either):
    delete_rows(either, where={"night": "mon"}, commit=Commit("r"))
    assert open_table(either) is None
    put(either, "mon", a=1.0)
    put(either, "tue", a=2.0)
    for _ in range(2):
        delete_rows(either, where={"night": "mon"}, commit=Commit("r"))
    assert read_table(either)["night"].to_pylist() == ["tue"]


def test_deleting_is_fenced_like_writing(either):
    put(either, "mon", token=5, a=1.0)
    with pytest.raises(ConflictError, match="A newer attempt has written losses/night = 'mon'"):
        delete_rows(either, where={"night": "mon"}, commit=Commit("r", token=4))
    delete_rows(either, where={"night": "mon"}, commit=Commit("r", token=6))
    with pytest.raises(ConflictError, match="A newer attempt has written losses/night = 'mon'"):
        put(either, "mon", token=5, a=2.0)
    assert read_table(either).num_rows == 0


def test_a_table_that_does_not_exist_has_no_rows(either):
    assert read_table(either).num_rows == 0
    assert read_table(either).schema.names == SCHEMA.names


@pytest.fixture
def synced(monkeypatch):
    """Paths that were synced to disk."""
    paths, fsync = set(), os.fsync

    def noted(descriptor):
        paths.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", noted)
    return paths


def test_a_commit_is_on_disk_before_it_is_reported(table, synced):
    put(table, "mon", a=1.0)
    assert table.path.parent in synced
    synced.clear()
    version = put(table, "tue", a=2.0)
    folder, log = table.path / "night=tue", table.path / "_delta_log"
    assert synced == {*folder.iterdir(), folder, log / f"{version:020d}.json", log, table.path}


def test_a_checkpoint_is_on_disk_too(table, synced):
    for number in range(21):
        put(table, f"night {number}", a=1.0)
    log = table.path / "_delta_log"
    checkpoints = set(log.glob("*.checkpoint*"))
    assert checkpoints
    assert checkpoints | {log / "_last_checkpoint"} <= synced
    assert read_table(table).num_rows == 21


def test_a_damaged_log_is_one_sentence(table):
    put(table, "mon", a=1.0)
    newest = sorted((table.path / "_delta_log").glob("*.json"))[-1]
    newest.write_text('{"commitInfo": {"half')
    with pytest.raises(StorageError, match=r"Cannot read .*losses\.delta: [^\n]+ is torn, [^\n]+$"):
        open_table(table)


def test_commits_on_different_rows_do_not_hinder_each_other(either):
    nights = [f"night {number}" for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda night: put(either, night, a=1.0), nights))
    assert sorted(versions) == list(range(1, 17))
    assert read_table(either)["night"].to_pylist() == sorted(nights)


def test_runs_that_create_a_table_at_the_same_moment_create_one(table):
    for number in range(10):
        new = Table(table.path.with_name(f"{number}.delta"), SCHEMA, table.key, table.partition_by)
        together = Barrier(4)

        def run(night, new=new, together=together):
            together.wait()
            put(new, night, a=1.0)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, "wxyz"))
        assert read_table(new)["night"].to_pylist() == list("wxyz")
        operations = [entry["operation"] for entry in DeltaTable(new.path).history()]
        assert operations == [*["WRITE"] * 4, "CREATE TABLE"]


def doubled(rows):
    """Version 1 to 2: losses were halves."""
    column = pc.multiply(rows["loss"], 2.0)
    return rows.set_column(rows.column_names.index("loss"), "loss", column)


def with_unit(rows):
    """Version 2 to 3: the unit of a loss is new, and in the key."""
    return rows.append_column("unit", pa.repeat(pa.scalar("EUR"), rows.num_rows))


LATER = pa.schema([*SCHEMA, pa.field("unit", pa.string(), nullable=False)])


def later(path):
    return Table(path, LATER, ("night", "name", "unit"), ("night",), (doubled, with_unit))


def write_old(path, rows=60):
    """A table as Nightcast wrote it before tables had versions; two commits."""
    DeltaTable.create(path, schema=Table(path, SCHEMA, ()).schema, partition_by=["night"])
    for night in ("mon", "tue"):
        names = [f"n{number:03}" for number in range(rows)]
        given = pa.table(
            {"night": [night] * rows, "name": names, "loss": [1.5] * rows}, schema=SCHEMA
        )
        write_deltalake(path, given, mode="overwrite", predicate=f"night = '{night}'")
    return path


OLD = {"loss": {1.5}, "columns": set(SCHEMA.names)}
NEW = {"loss": {3.0}, "columns": set(LATER.names)}


def held(path):
    """What a reader who knows nothing of versions sees: values and columns."""
    stored = DeltaTable(path).to_pyarrow_table()
    assert stored.num_rows == 120
    return {"loss": set(stored["loss"].to_pylist()), "columns": set(stored.column_names)}


def write_wednesday(table):
    given = pa.table({"night": ["wed"], "name": ["a"], "loss": [7.0], "unit": ["USD"]})
    replace_rows(table, given, where={"night": "wed"}, commit=Commit("r"))


def test_a_new_table_says_the_version_of_its_contract(table):
    put(table, "mon", a=1.0)
    assert schema_version(table, open_table(table)) == 1
    written = later(table.path.with_name("later.delta"))
    write_wednesday(written)
    metadata = [field.metadata for field in DeltaTable(written.path).schema().fields]
    assert metadata[0] == {"nightcast.schema_version": "3"}


def test_a_version_outlives_every_kind_of_commit(table):
    written = later(table.path)
    for _ in range(2):
        write_wednesday(written)
    delete_rows(written, where={"night": "wed"}, commit=Commit("r"))
    fields = [*LATER, pa.field("gain", pa.float64())]
    wider = Table(table.path, pa.schema(fields), written.key, ("night",), written.migrations)
    given = pa.table({"night": ["x"], "name": ["a"], "loss": [1.0], "unit": ["k"], "gain": [1.0]})
    replace_rows(wider, given, where={"night": "x"}, commit=Commit("r"))
    DeltaTable(table.path).optimize.compact()
    DeltaTable(table.path).create_checkpoint()
    assert schema_version(wider, open_table(wider)) == 3


def test_the_first_write_migrates_a_table_in_one_commit_of_its_own(tmp_path):
    table = later(write_old(tmp_path / "losses.delta"))
    write_wednesday(table)
    history = DeltaTable(table.path).history()
    assert [entry.get("run_id") for entry in history] == ["r", "migration 1 to 3", None, None, None]
    assert DeltaTable(table.path).version() == 4
    rows = read_table(table)
    assert rows.num_rows == 121
    assert rows.filter(pc.field("night") != "wed")["loss"].unique().to_pylist() == [3.0]
    assert rows["unit"].unique().to_pylist() == ["EUR", "USD"]
    stored = DeltaTable(table.path)
    assert stored.metadata().partition_columns == ["night"]
    assert not next(field for field in stored.schema().fields if field.name == "unit").nullable


def test_readers_of_an_old_table_get_the_new_columns_and_change_nothing(tmp_path):
    table = later(write_old(tmp_path / "losses.delta"))
    rows = read_table(table)
    assert rows.column_names == LATER.names
    assert set(rows["loss"].to_pylist()) == {3.0}
    assert held(table.path) == OLD


def test_deleting_from_an_old_table_migrates_it(tmp_path):
    table = later(write_old(tmp_path / "losses.delta"))
    delete_rows(table, where={"unit": "USD"}, commit=Commit("r"))
    assert held(table.path) == NEW


def test_an_old_table_without_rows_is_migrated(tmp_path):
    path = write_old(tmp_path / "losses.delta")
    DeltaTable(path).delete()
    write_wednesday(later(path))
    assert read_table(later(path))["loss"].to_pylist() == [7.0]


def test_columns_that_the_contract_does_not_name_survive_a_migration(tmp_path):
    path = write_old(tmp_path / "losses.delta")
    given = pa.table({"night": ["mon"], "name": ["z"], "loss": [1.0], "q99": [4.0]})
    write_deltalake(path, given, mode="overwrite", predicate="night = 'mon'", schema_mode="merge")
    write_wednesday(later(path))
    assert 4.0 in DeltaTable(path).to_pyarrow_table()["q99"].to_pylist()


def test_a_table_that_was_restored_to_its_old_version_is_migrated_again(tmp_path):
    table = later(write_old(tmp_path / "losses.delta"))
    ensure_table(table)
    DeltaTable(table.path).restore(2)
    assert held(table.path) == OLD
    ensure_table(table)
    assert held(table.path) == NEW


def test_a_migration_that_would_give_two_rows_one_key_changes_nothing(tmp_path):
    path = write_old(tmp_path / "losses.delta")

    def merged(rows):
        return rows.set_column(1, "name", pa.repeat(pa.scalar("all"), rows.num_rows))

    table = Table(path, SCHEMA, ("night", "name"), ("night",), (merged,))
    with pytest.raises(ContractError, match="got two for mon, all"):
        put(table, "wed", a=1.0)
    assert held(path) == OLD


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(read_table, id="read"),
        pytest.param(lambda table: put(table, "mon", a=1.0), id="write"),
        pytest.param(
            lambda table: delete_rows(table, where={"night": "mon"}, commit=Commit("r")),
            id="delete",
        ),
    ],
)
def test_a_table_of_a_newer_version_is_refused_before_anything_is_written(table, use):
    write_wednesday(later(table.path))
    before = sorted(table.path.rglob("*"))
    with pytest.raises(VersionError, match=r"losses\.delta has the schema version 3, but .* to 1;"):
        use(table)
    assert sorted(table.path.rglob("*")) == before


def test_runs_that_migrate_a_table_at_the_same_moment_migrate_it_once(tmp_path):
    for number in range(5):
        table = later(write_old(tmp_path / f"{number}.delta"))
        together = Barrier(4)

        def run(night, table=table, together=together):
            together.wait()
            given = pa.table({"night": [night], "name": ["a"], "loss": [7.0], "unit": ["USD"]})
            replace_rows(table, given, where={"night": night}, commit=Commit(night))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, "wxyz"))
        runs = [entry.get("run_id") for entry in DeltaTable(table.path).history()]
        assert runs.count("migration 1 to 3") == 1
        losses = read_table(table)["loss"].to_pylist()
        assert (losses.count(3.0), losses.count(7.0)) == (120, 4)


# Migrates all tables of a folder on command, in a process that is forked, so that imports are paid
# once; says its id, each table before it is touched, and how the process ended.
MIGRATORS = """
import os, sys
sys.path[:0] = [{root!r}, {here!r}]
from pathlib import Path
from tasks.stores.delta import ensure_table
from test_delta import later
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        print("begun", os.getpid(), flush=True)
        for path in sorted(Path(line.strip()).glob("*.delta")):
            print("table", path.name, flush=True)
            ensure_table(later(path))
        os._exit(0)
    print("ended", os.waitpid(pid, 0)[1], flush=True)
"""


def test_a_migration_killed_at_any_moment_leaves_the_old_table_or_the_new_one(tmp_path):
    old = write_old(tmp_path / "old")
    for number in range(60):
        shutil.copytree(old, tmp_path / f"{number:03}.delta")
    here = Path(__file__).parent
    script = MIGRATORS.format(root=str(here.parents[2]), here=str(here))
    delays, statuses, halves = random.Random(7), [], 0
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as migrators:

        def told():
            word, *rest = migrators.stdout.readline().split()
            return word, rest[0]

        while 0 not in statuses:
            migrators.stdin.write(f"{tmp_path}\n")
            migrators.stdin.flush()
            _, pid = told()
            if len(statuses) < 12:
                while told() != ("table", f"{4 * len(statuses) + 2:03}.delta"):
                    pass
                time.sleep(delays.uniform(0, 0.02))
                os.kill(int(pid), signal.SIGKILL)
            while (end := told())[0] != "ended":
                pass
            statuses.append(int(end[1]))
            states = [held(path) for path in tmp_path.glob("*.delta")]
            assert all(state in (OLD, NEW) for state in states)
            halves += OLD in states and NEW in states
        migrators.stdin.close()
    assert statuses[:-1] == [signal.SIGKILL] * 12
    assert halves > 0
    assert all(state == NEW for state in states)
    assert all(DeltaTable(path).version() == 3 for path in tmp_path.glob("*.delta"))
