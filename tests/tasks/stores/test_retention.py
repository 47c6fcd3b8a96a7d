import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from data_contracts.errors import StorageError
from data_contracts.forecasts import schema
from data_contracts.night import Decision
from data_contracts.spec import Retention
from tasks.stores.forecasts import publish_batch
from tasks.stores.records import Occasion, record_decision
from tasks.stores.registry import (
    ModelVersion,
    Why,
    find_version,
    open_model,
    promote,
    store_model,
    versions,
)
from tasks.stores.retention import Removed, Unneeded, clear_out, unneeded
from tasks.stores.warehouse import Warehouse

ROOT = Path(__file__).parents[3]
NIGHT = pd.Timestamp("2024-03-01T00:00Z")
NOW = pd.Timestamp.now("UTC")
OLD = (NOW - pd.Timedelta("3D")).timestamp()
ONLY_NEEDED = Retention(versions=0, snapshots=0, runs=1)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "nyc")


def save(folder):
    folder.mkdir()
    for name in ("config.json", "weights"):
        (folder / name).write_text(name)


def aged(path, days=3):
    stamp = (NOW - pd.Timedelta(days=days)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def stored(warehouse, seed, *, start=None, snapshot="5ca1ab1e", days=3, judged=True):
    """A version that was trained some days ago, and that the gate had a verdict on."""
    version = ModelVersion(
        model="tcn",
        snapshot=snapshot,
        spec_digest="0123",
        seed=seed,
        code_version="0.1.0",
        packages={},
        train_cutoff=NIGHT,
        cutoff=NIGHT,
        created_at=(NOW - pd.Timedelta(days=days)).as_unit("us"),
        train_minutes=1.0,
        start=start,
    )
    name = store_model(warehouse, save, version).model_version
    aged(warehouse.models / name, days)
    if judged:
        decision = Decision(
            outcome="kept", reason="So.", champion=None, previous=None, origins=14, judged=(name,)
        )
        occasion = Occasion(
            cutoff=NIGHT, run_id=name, spec_digest="0123", code_version="0.1.0", decided_at=NOW
        )
        record_decision(warehouse, decision, occasion=occasion)
    return name


@pytest.mark.parametrize(
    ("days", "stays"), [(3, True), (27, True), (29, False)], ids=["young", "waits", "given up"]
)
def test_a_version_that_a_verdict_is_owed_stays_for_four_weeks(warehouse, days, stays):
    name = stored(warehouse, 1, days=days, judged=False)

    removed = clear_out(warehouse, ONLY_NEEDED, now=NOW)

    assert removed.versions == (() if stays else (name,))


def published(warehouse, version):
    row = {
        "unique_id": "a",
        "ds": NIGHT + pd.Timedelta("1h"),
        "lead": 1,
        "mean": 1.0,
        "q50": 1.0,
        "model": "tcn",
        "model_version": version,
        "quality": "champion",
        "issued_at": NIGHT,
    }
    kinds = pa.schema([field for field in schema((0.5,)) if field.name in row])
    publish_batch(
        warehouse,
        pa.Table.from_pylist([row], schema=kinds),
        cutoff=NIGHT,
        levels=(0.5,),
        run_id="a",
        token=1,
    )


def kept(warehouse):
    return {path.name for path in warehouse.models.iterdir()}


def test_of_versions_that_nothing_needs_the_newest_stay(warehouse):
    names = [stored(warehouse, seed, days=9 - seed) for seed in range(5)]

    removed = clear_out(warehouse, Retention(versions=2), now=NOW)

    assert set(removed.versions) == set(names[:3])
    assert kept(warehouse) == set(names[3:])
    assert len(versions(warehouse)) == 5, "what they were made from stays known"
    assert find_version(warehouse, names[0]).removed_at is not None
    assert clear_out(warehouse, Retention(versions=2), now=NOW) == Removed()


def test_whatever_is_needed_stays(warehouse):
    oldest = stored(warehouse, 1)
    start = stored(warehouse, 2, start=oldest)
    champion = stored(warehouse, 3, start=start)
    before, batch, named, other = (stored(warehouse, seed) for seed in (4, 5, 6, 7))
    young = stored(warehouse, 8, days=0)
    promote(warehouse, before, expected=None, why=Why("a", ""))
    promote(warehouse, champion, expected=before, why=Why("a", ""))
    published(warehouse, batch)

    removed = clear_out(warehouse, ONLY_NEEDED, now=NOW, named=named)

    assert removed.versions == (other,)
    assert kept(warehouse) == {oldest, start, champion, before, batch, named, young}


def test_a_removed_version_is_refused_with_its_reason_and_can_be_trained_again(warehouse):
    name = stored(warehouse, 1)
    clear_out(warehouse, ONLY_NEEDED, now=NOW)

    with pytest.raises(StorageError, match=f"Model {name} cannot be used: retention removed its"):
        open_model(warehouse, name)
    assert stored(warehouse, 1) == name
    assert open_model(warehouse, name).is_dir()


def test_snapshots_of_kept_versions_stay_and_the_newest_others(warehouse):
    stored(warehouse, 1, snapshot="gone")
    champion = stored(warehouse, 2, snapshot="needed")
    promote(warehouse, champion, expected=None, why=Why("a", ""))
    for days, name in enumerate(("young", "recent", "older", "gone", "needed")):
        folder = warehouse.snapshots / name
        folder.mkdir(parents=True)
        aged(folder, days)

    removed = clear_out(warehouse, Retention(versions=0, snapshots=2), now=NOW)

    assert set(removed.snapshots) == {"older", "gone"}
    assert {path.name for path in warehouse.snapshots.iterdir()} == {"young", "recent", "needed"}


def test_the_newest_nights_stay(warehouse):
    for day in range(1, 5):
        folder = warehouse.run(pd.Timestamp(f"2024-03-0{day}T00:00Z"))
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("")
        aged(folder, 9 - day)

    removed = clear_out(warehouse, Retention(runs=2), now=NOW)

    assert set(removed.runs) == {"20240301T0000", "20240302T0000"}
    assert len(list(warehouse.runs.iterdir())) == 2


def test_a_backfill_of_earlier_dates_displaces_no_later_night(warehouse):
    for day, age in ((1, 2), (2, 3), (8, 5), (9, 4)):
        folder = warehouse.run(pd.Timestamp(f"2024-03-0{day}T00:00Z"))
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("")
        aged(folder, age)

    removed = clear_out(warehouse, Retention(runs=2), now=NOW)

    assert set(removed.runs) == {"20240301T0000", "20240302T0000"}


def test_what_killed_runs_left_behind_goes_after_a_day(warehouse):
    leftovers = [
        folder / name
        for folder in (warehouse.models, warehouse.snapshots, warehouse.runs)
        for name in (".tmp-0a", ".damaged-0a", ".tmp-new")
    ]
    for path in leftovers:
        path.mkdir(parents=True)
        aged(path, 0 if path.name == ".tmp-new" else 2)

    clear_out(warehouse, ONLY_NEEDED, now=NOW)

    assert [path.name for path in leftovers if path.exists()] == [".tmp-new"] * 3


def test_the_folder_of_a_version_that_never_got_a_row_goes_after_four_weeks(warehouse):
    known = stored(warehouse, 1, days=0)
    published(warehouse, "published")
    for name, days in {"died": 29, "young": 27, "published": 29}.items():
        save(warehouse.models / name)
        aged(warehouse.models / name, days)

    clear_out(warehouse, ONLY_NEEDED, now=NOW)

    assert kept(warehouse) == {known, "young", "published"}


def test_without_a_registry_no_version_is_taken_for_unneeded(warehouse):
    warehouse.models.mkdir(parents=True)
    save(warehouse.models / "unknown")
    aged(warehouse.models / "unknown", 99)

    clear_out(warehouse, ONLY_NEEDED, now=NOW)

    assert kept(warehouse) == {"unknown"}


def test_what_is_found_is_what_is_removed_and_finding_changes_nothing(warehouse):
    names = [stored(warehouse, seed, days=9 - seed) for seed in range(3)]
    for folder in (warehouse.snapshots / "one", warehouse.runs / "two", warehouse.runs / ".tmp-0"):
        folder.mkdir(parents=True)
        aged(folder, 3)
    keep = Retention(versions=2, snapshots=0, runs=1)

    found = unneeded(warehouse, keep, now=NOW)

    assert kept(warehouse) == set(names)
    assert find_version(warehouse, names[0]).removed_at is None
    assert [version.model_version for version in found.versions] == names[:1]
    assert found[1:] == ((names[0],), ("one",), (), (warehouse.runs / ".tmp-0",))
    assert clear_out(warehouse, keep, now=NOW) == Removed((names[0],), ("one",), ())
    assert unneeded(warehouse, keep, now=NOW) == Unneeded()


def test_an_empty_warehouse_has_nothing_to_remove(warehouse):
    assert clear_out(warehouse, ONLY_NEEDED, now=NOW) == Removed()


def test_nothing_is_removed_where_it_cannot_be_told_what_was_published(warehouse, monkeypatch):
    name = stored(warehouse, 1)
    published(warehouse, "other")
    next((warehouse.forecasts / "_delta_log").glob("*1.json")).write_text("{")

    with pytest.raises(StorageError):
        clear_out(warehouse, ONLY_NEEDED, now=NOW)

    assert kept(warehouse) == {name}
    assert find_version(warehouse, name).removed_at is None


# Kills itself, as only a signal can, when a function is called for the nth time.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import pandas as pd
from data_contracts.spec import Retention
from tasks.stores import registry, retention
from tasks.stores.warehouse import Warehouse

left = {call}
def or_die(function):
    def called(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return called

{place} = or_die({place})
retention.clear_out(
    Warehouse(Path({warehouse!r})),
    Retention(versions=0, snapshots=0, runs=1),
    now=pd.Timestamp.now("UTC"),
)
"""


@pytest.mark.parametrize(
    ("place", "call"),
    [
        pytest.param("retention.mark_removed", 2, id="between two rows"),
        pytest.param("Path.rename", 1, id="between row and folder"),
        pytest.param("Path.rename", 2, id="between two folders"),
        pytest.param("shutil.rmtree", 1, id="before the files"),
        pytest.param("os.unlink", 2, id="between two files"),
    ],
)
def test_a_run_that_is_killed_leaves_no_half_removed_version_and_the_next_one_finishes(
    warehouse, place, call
):
    names = [stored(warehouse, seed) for seed in range(3)]
    promote(warehouse, names[0], expected=None, why=Why("a", ""))
    script = KILLED.format(root=str(ROOT), warehouse=str(warehouse.root), place=place, call=call)

    done = subprocess.run([sys.executable, "-c", script], check=False, stderr=subprocess.DEVNULL)

    assert done.returncode == -signal.SIGKILL
    for version in versions(warehouse):
        if version.removed_at is None:
            assert open_model(warehouse, version.model_version).is_dir()
        elif (warehouse.models / version.model_version).exists():
            files = {path.name for path in (warehouse.models / version.model_version).iterdir()}
            assert files == {"config.json", "weights", "manifest.json"}
    clear_out(warehouse, ONLY_NEEDED, now=NOW + pd.Timedelta("2D"))
    assert kept(warehouse) == {names[0]}
    assert open_model(warehouse, names[0]).is_dir()


def test_two_runs_that_remove_the_same_remove_it_once(warehouse, monkeypatch):
    names = [stored(warehouse, seed) for seed in range(2)]
    move = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda path, to: (move(path, to.with_name(".tmp-x")), move(path, to))[1]
    )

    clear_out(warehouse, Retention(versions=1), now=NOW)

    assert len(kept(warehouse) & set(names)) == 1
