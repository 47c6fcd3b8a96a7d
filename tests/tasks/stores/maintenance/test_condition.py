import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from data_contracts.errors import StorageError, VersionError
from tasks.stores.delta import open_table, read_table
from tasks.stores.maintenance import condition
from tasks.stores.maintenance.condition import Work, examine, look_after
from tasks.stores.table import Table

NOW = pd.Timestamp.now("UTC")
ROOT = Path(__file__).parents[4]


@pytest.fixture
def neglected(table, put, aged):
    """A table that needs everything that there is to do."""
    put(table, "mon", "a", 1)
    put(table, "mon", "a", 2)
    aged(table, 40)
    for name in "bcde":
        put(table, "mon", name)
    for number in range(20):
        put(table, f"night {number}", "a")
    for path in (table.path / "_delta_log").glob("*checkpoint*"):
        path.unlink()  # as if no writer had lived long enough to write one
    half = table.path / "night=mon" / "part-0.parquet#1"
    half.write_bytes(b"half")
    os.utime(half, (time.time() - 2 * 86_400,) * 2)
    return table


def test_what_there_is_to_do_is_found_and_nothing_is_changed(neglected):
    before = {path: path.stat().st_mtime_ns for path in neglected.path.rglob("*")}

    found = examine(neglected, history_days=20, now=NOW)

    assert (found.table, found.rows, found.files, found.version) == ("losses", 25, 25, 26)
    assert (found.oldest_version, found.last_checkpoint, found.log_entries) == (0, None, 27)
    assert set(found.work.settings.values()) == {"interval 20 days"}
    assert (found.work.small_files, found.work.merged_into) == (5, 1)
    assert (found.work.stale_files, found.work.staged_files, found.work.staged_bytes) == (1, 1, 4)
    assert (found.work.checkpoint, found.work.expired_entries) == (27, 0)
    assert found.work.bytes == found.work.stale_bytes + 4
    assert {path: path.stat().st_mtime_ns for path in neglected.path.rglob("*")} == before


def test_what_was_found_is_what_is_done_and_the_second_time_there_is_nothing(neglected):
    rows = read_table(neglected)
    found = examine(neglected, history_days=20, now=NOW)

    done = look_after(neglected, history_days=20, now=NOW)

    assert done.checkpoint > found.work.checkpoint, "it holds what was done, too"
    assert {**vars(done), "checkpoint": 0} == {**vars(found.work), "checkpoint": 0}
    after = examine(neglected, history_days=20, now=NOW)
    assert after.work == Work()
    assert (after.files, after.oldest_version) == (21, 2)
    assert after.last_checkpoint == after.version
    assert read_table(neglected).equals(rows)
    assert look_after(neglected, history_days=20, now=NOW) == Work()
    assert open_table(neglected).version() == after.version


def test_what_was_replaced_within_the_history_can_still_be_read(neglected):
    look_after(neglected, history_days=20, now=NOW)

    before_the_others = DeltaTable(neglected.path, version=2).to_pyarrow_table()
    assert before_the_others["loss"].to_pylist() == [2]


def test_a_table_that_is_not_there_needs_nothing(table):
    assert examine(table, history_days=30, now=NOW) is None
    assert look_after(table, history_days=30, now=NOW) == Work()


def test_a_table_that_lacks_a_file_is_told_and_left_alone(neglected):
    gone = Path(open_table(neglected).file_uris()[0])
    gone.unlink()
    left = sorted(neglected.path.rglob("*"))

    for asked in (examine, look_after):
        with pytest.raises(StorageError, match=r"lacks 1 of its 25 files, such as night=.*backup"):
            asked(neglected, history_days=20, now=NOW)
    assert sorted(neglected.path.rglob("*")) == left


def test_a_table_of_a_newer_version_is_left_alone(table, put):
    later = Table(table.path, table.schema, table.key, table.partition_by, (lambda rows: rows,))
    put(later, "mon", "a")

    for asked in (examine, look_after):
        with pytest.raises(VersionError, match="Use the Nightcast that wrote it, or a later one"):
            asked(table, history_days=30, now=NOW)


def test_two_at_the_same_time_do_it_once(neglected):
    rows = read_table(neglected)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: look_after(neglected, history_days=20, now=NOW), range(2)))

    assert examine(neglected, history_days=20, now=NOW).work == Work()
    assert read_table(neglected).equals(rows)


@pytest.mark.parametrize(
    "step", ["set_differing", "vacuum", "remove_staged", "compact", "write_checkpoint", "sync_log"]
)
def test_what_is_broken_off_after_any_step_is_finished_the_next_time(neglected, monkeypatch, step):
    rows, work = read_table(neglected), getattr(condition, step)

    def broken_off(*arguments, **options):
        work(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(condition, step, broken_off)
    with pytest.raises(KeyboardInterrupt):
        look_after(neglected, history_days=20, now=NOW)
    monkeypatch.undo()

    assert read_table(neglected).equals(rows)
    look_after(neglected, history_days=20, now=NOW)
    assert examine(neglected, history_days=20, now=NOW).work == Work()
    assert read_table(neglected).equals(rows)


LOOP = """
import sys
sys.path.insert(0, {root!r})
from contextlib import suppress
from pathlib import Path
import pandas as pd, pyarrow as pa
from data_contracts.errors import ConflictError
from tasks.stores.delta import Commit, read_table, replace_rows
from tasks.stores.maintenance.condition import look_after
from tasks.stores.table import Table

table = Table(Path({path!r}), pa.schema([
    pa.field("night", pa.string(), nullable=False), pa.field("name", pa.string(), nullable=False),
    pa.field("loss", pa.int64())]), ("night", "name"), {partition_by!r})

def write():
    for number in range(24):
        night, names = f"night {{number % 4}}", ["a", "b"]
        rows = pa.table({{"night": [night] * 2, "name": names, "loss": [number] * 2}})
        where = {{"night": night, "name": names}}
        replace_rows(table, rows, where=where, commit=Commit("w", number))

def maintain():
    for _ in range(10):
        with suppress(ConflictError):  # the writer comes first
            look_after(table, history_days=30, now=pd.Timestamp.now("UTC"))

{job}()
"""


@pytest.mark.parametrize("partition_by", [("night",), ()], ids=["folders", "one folder"])
def test_beside_writers_and_readers_no_row_is_lost_or_doubled_and_no_read_fails(
    table, put, partition_by
):
    table = Table(table.path, table.schema, table.key, partition_by)
    for number in range(4):
        for name in "abxyz":
            put(table, f"night {number}", name)

    def start(job):
        script = LOOP.format(
            root=str(ROOT), path=str(table.path), partition_by=partition_by, job=job
        )
        return subprocess.Popen([sys.executable, "-c", script])

    running = [start("write"), start("maintain"), start("maintain")]
    counts = set()
    while any(process.poll() is None for process in running):
        counts.add(read_table(table).num_rows)

    assert counts == {20}
    assert [process.returncode for process in running] == [0, 0, 0]
    rows = read_table(table).to_pylist()
    assert {(row["night"], row["loss"]) for row in rows if row["name"] in "ab"} == {
        (f"night {number}", 20 + number) for number in range(4)
    }


def test_a_table_in_an_object_store_is_looked_after_too(table, put, bucket):
    stored = replace(table, path=f"{bucket}/losses.delta")
    for number in range(22):
        put(stored, f"night {number % 2}", f"n{number}")
    rows = read_table(stored)

    found = examine(stored, history_days=20, now=NOW)
    done = look_after(stored, history_days=20, now=NOW)

    assert (found.rows, found.files, found.oldest_version, found.last_checkpoint) == (22, 22, 0, 19)
    assert (found.work.small_files, found.work.merged_into, found.work.stale_files) == (22, 2, 0)
    assert done == found.work
    assert examine(stored, history_days=20, now=NOW).work == Work()
    assert read_table(stored).equals(rows)
