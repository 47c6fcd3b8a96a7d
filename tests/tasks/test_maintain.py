import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from data_contracts import decisions
from data_contracts.errors import RefusedError
from data_contracts.spec import parse_spec
from tasks.maintain import Folders, maintain, survey
from tasks.stores.delta import Commit, read_table, replace_rows
from tasks.stores.forecasts import export_latest
from tasks.stores.maintenance.condition import Work
from tasks.stores.reader_aids import GUARD
from tasks.stores.records import decisions_table, quarantine_table
from tasks.stores.warehouse import warehouse_of

NOW = pd.Timestamp.now("UTC")
NIGHT = pd.Timestamp("2024-03-01T00:00Z")


@pytest.fixture
def spec(tmp_path):
    return parse_spec(
        {
            "name": "waves",
            "source": {"uri": "in.parquet"},
            "calendar": {"frequency": "h"},
            "horizon": 6,
            "retention": {"snapshots": 0, "runs": 1, "history_days": 20},
            "warehouse": str(tmp_path / "warehouse"),
        }
    )


def decide(warehouse, day):
    """The decision of one night, in a file of its own."""
    cutoff = NIGHT + pd.Timedelta(days=day)
    row = dict.fromkeys(decisions.SCHEMA.names, "") | {
        "cutoff": cutoff,
        "origins": 14,
        "decided_at": cutoff,
        "judged": [],
    }
    rows = pa.Table.from_pylist([row], schema=decisions.SCHEMA)
    table = decisions_table(warehouse)
    replace_rows(table, rows, where={"cutoff": cutoff, "run_id": ""}, commit=Commit("run"))


@pytest.fixture
def warehouse(spec):
    """Three decisions, three nights, a snapshot that nothing names, and a draft."""
    warehouse = warehouse_of(spec)
    draft = warehouse.exports / f".latest.parquet-{'0f' * 16}"
    folders = [warehouse.snapshots / "5ca1ab1e"]
    for day in range(3):
        decide(warehouse, day)
        folders.append(warehouse.run(NIGHT + pd.Timedelta(days=day)))
    for days, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"content")
        aged(folder, 9 - days)
    draft.parent.mkdir()
    draft.write_bytes(b"draft")
    aged(draft, 2)
    return warehouse


def aged(path, days):
    stamp = (NOW - pd.Timedelta(days=days)).timestamp()
    os.utime(path, (stamp, stamp))


UNNEEDED = Folders(
    models=(),
    snapshots=("5ca1ab1e",),
    runs=("20240302T0000", "20240301T0000"),
    leftovers=(f"exports/.latest.parquet-{'0f' * 16}",),
    bytes=3 * 7 + 5,
)


def paths(warehouse):
    return sorted(warehouse.root.rglob("*"))


def test_what_there_is_to_do_is_found_and_nothing_is_changed(spec, warehouse):
    before = paths(warehouse)

    found = survey(spec, now=NOW)

    assert [table.table for table in found.tables] == ["decisions"]
    assert found.work["decisions"].small_files == 3
    assert found.folders == UNNEEDED
    assert found.bytes == 26
    assert found.trouble == ()
    assert paths(warehouse) == before


def test_what_was_found_is_done_once(spec, warehouse):
    rows = read_table(decisions_table(warehouse))

    done = maintain(spec, now=NOW)

    assert (done.work["decisions"].small_files, done.tables[0].files) == (3, 1)
    assert done.work["decisions"].settings
    assert (done.folders, done.bytes) == (UNNEEDED, 26)
    assert read_table(decisions_table(warehouse)).equals(rows)
    assert [path.name for path in warehouse.runs.iterdir()] == ["20240303T0000"]
    left = paths(warehouse)
    again = maintain(spec, now=NOW)
    assert (again.work, again.folders) == ({"decisions": Work()}, Folders())
    assert paths(warehouse) == left


def test_plain_readers_are_stopped_even_where_nothing_was_published_for_long(nights):
    place = nights()
    place.publish(0)
    export_latest(place.warehouse)
    guard = place.warehouse.forecasts / GUARD
    aged(guard, 90)
    assert survey(place.spec, now=NOW).work["forecasts"].stale_files == 1

    maintain(place.spec, now=NOW)

    assert guard.exists()
    assert survey(place.spec, now=NOW).work["forecasts"].stale_files == 0


def test_a_table_in_trouble_is_told_and_the_others_are_looked_after(spec, warehouse):
    table = quarantine_table(warehouse)
    (table.path / "_delta_log").mkdir(parents=True)
    (table.path / "_delta_log" / f"{0:020}.json").write_text("{")

    for work in (survey, maintain):
        done = work(spec, now=NOW)

        assert len(done.trouble) == 1
        assert "quarantine.delta" in done.trouble[0]
        assert done.work["decisions"].small_files == 3


def test_a_torn_file_is_told_and_nothing_that_it_may_name_is_removed(spec, warehouse):
    next(decisions_table(warehouse).path.rglob("part-*.parquet")).write_bytes(b"x" * 100)

    done = maintain(spec, now=NOW)

    (trouble,) = done.trouble
    assert trouble.startswith(f"Cannot read {decisions_table(warehouse).path}: ")
    assert done.folders == Folders()


def test_nothing_is_taken_for_unneeded_where_it_cannot_be_told_what_is_needed(spec, warehouse):
    registry = warehouse.registry / "_delta_log" / f"{0:020}.json"
    registry.parent.mkdir(parents=True)
    registry.write_text("{")

    done = maintain(spec, now=NOW)

    assert done.folders == Folders()
    assert (warehouse.snapshots / "5ca1ab1e").exists()
    assert len(done.trouble) == 1


def test_a_folder_that_may_not_be_removed_is_told(spec, warehouse, monkeypatch):
    def forbidden(path, target):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", forbidden)
    done = maintain(spec, now=NOW)

    (trouble,) = done.trouble
    assert trouble.startswith(f"Cannot write {warehouse.root}: Permission denied; expected")
    assert done.folders == Folders()
    assert done.work["decisions"].small_files == 3


@pytest.mark.parametrize("work", [survey, maintain])
def test_where_there_is_no_warehouse_none_is_made(spec, work):
    with pytest.raises(RefusedError, match="There is no warehouse in .*waves yet; `nightcast run`"):
        work(spec, now=NOW)
    assert not warehouse_of(spec).root.exists()
