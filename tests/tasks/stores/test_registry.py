import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import write_deltalake

from data_contracts.errors import ConflictError, SpecError, StorageError
from tasks.stores.delta import read_table
from tasks.stores.registry import (
    Champion,
    ModelVersion,
    Why,
    champion,
    champion_history,
    find_version,
    is_stored,
    open_model,
    promote,
    registry_table,
    served_before,
    store_model,
    versions,
)
from tasks.stores.warehouse import Warehouse

ROOT = Path(__file__).parents[3]
NIGHT = pd.Timestamp("2013-10-15T03:00Z")


def record(**changes):
    made_from = {
        "model": "attention_lstm",
        "snapshot": "5ca1ab1e",
        "spec_digest": "0123",
        "seed": 7,
        "code_version": "0.1.0",
        "packages": {"keras": "3.15.0", "numpy": "2.4.0"},
        "train_cutoff": NIGHT - pd.Timedelta("14D"),
        "cutoff": NIGHT,
        "created_at": NIGHT + pd.Timedelta("1h"),
        "train_minutes": 4.5,
    }
    return ModelVersion(**made_from | changes)


def save(folder):
    (folder / "members").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "members" / "0.keras").write_bytes(b"weights")


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "nyc")


def stored(warehouse, **changes):
    return store_model(warehouse, save, record(**changes)).model_version


def test_the_name_of_a_version_says_when_and_what():
    name = record().model_version
    assert name.startswith("20131015T0300-attention_lstm-")
    assert len(name.rsplit("-")[-1]) == 6


def test_names_sort_by_the_night():
    nights = [NIGHT + pd.Timedelta(days=days) for days in range(40)]
    names = [record(cutoff=night).model_version for night in nights]
    assert names == sorted(names)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"snapshot": "0ther"},
        {"spec_digest": "4567"},
        {"code_version": "0.1.1"},
        {"packages": {"keras": "3.16.0"}},
        {"train_cutoff": NIGHT},
        {"start": "20131014T0300-attention_lstm-0a1b2c"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_version_made_from_something_else_has_another_name(change):
    assert record(**change).model_version != record().model_version


def test_when_and_how_long_do_not_count_for_the_name():
    later = record().finished(NIGHT + pd.Timedelta("5h"), 9.0)
    assert later == record(created_at=NIGHT + pd.Timedelta("5h"), train_minutes=9.0)
    assert later.model_version == record().model_version
    assert record(start_reason="Asked.").model_version == record().model_version


def test_a_stored_version_is_found_again_with_all_that_is_known_about_it(anywhere):
    made = record(start="20131014T0300-tcn-0a1b2c", start_reason="tcn starts from there.")
    version = store_model(anywhere, save, made)
    assert versions(anywhere) == [version]
    assert find_version(anywhere, version.model_version) == version
    assert replace(version, manifest="") == made
    folder = open_model(anywhere, version.model_version)
    assert folder == anywhere.models / version.model_version
    assert (folder / "members" / "0.keras").read_bytes() == b"weights"


def test_the_folder_alone_says_what_the_model_was_made_from(warehouse):
    folder = open_model(warehouse, stored(warehouse))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["lineage"]["snapshot"] == "5ca1ab1e"
    assert manifest["lineage"]["train_cutoff"] == "2013-10-01T03:00:00+00:00"
    assert set(manifest["files"]) == {"config.json", "members/0.keras"}


def test_a_night_that_runs_again_registers_no_second_version(anywhere):
    first = store_model(anywhere, save, record())
    again = store_model(anywhere, save, record(created_at=NIGHT + pd.Timedelta("9h")))
    assert again == first
    assert versions(anywhere) == [first]
    assert [path.name for path in anywhere.models.iterdir()] == [first.model_version]


def test_versions_are_listed_by_when_they_were_made_whatever_the_table_reads_first(warehouse):
    for hours in (2, 0, 3, 1):
        made = record(seed=hours, created_at=NIGHT + pd.Timedelta(hours=hours))
        store_model(warehouse, save, made)
    assert [version.seed for version in versions(warehouse)] == [0, 1, 2, 3]


def test_runs_that_store_one_version_at_the_same_moment_store_it_once(warehouse):
    together = Barrier(4)

    def save_together(folder):
        together.wait()
        save(folder)

    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(lambda _: store_model(warehouse, save_together, record()), "wxyz"))
    assert set(records) == set(versions(warehouse))
    assert len(records) == 4
    assert [path.name for path in warehouse.models.iterdir()] == [records[0].model_version]
    assert open_model(warehouse, records[0].model_version).is_dir()


def test_a_version_is_registered_after_a_crash_between_folder_and_row(warehouse):
    version = stored(warehouse)
    other = Warehouse(warehouse.root.parent / "other")
    other.root.mkdir()
    warehouse.models.rename(other.models)
    assert versions(other) == []
    assert stored(other) == version
    assert open_model(other, version).is_dir()


def test_a_save_that_fails_leaves_nothing(warehouse):
    def half(folder):
        save(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"):
        store_model(warehouse, half, record())
    assert list(warehouse.models.iterdir()) == []
    assert versions(warehouse) == []


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        pytest.param(
            lambda folder: (folder / "config.json").unlink(), "config.json is missing", id="lost"
        ),
        pytest.param(
            lambda folder: (folder / "members" / "0.keras").write_bytes(b"Weights"),
            "members/0.keras has been altered",
            id="altered",
        ),
        pytest.param(
            lambda folder: (folder / "members" / "0.keras").write_bytes(b""),
            "members/0.keras has been altered",
            id="empty",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").unlink(),
            "manifest.json is missing",
            id="no-manifest",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text("{}"),
            "manifest.json is not the one that was registered",
            id="other-manifest",
        ),
        pytest.param(
            lambda folder: folder.rename(folder.with_name("gone")),
            "manifest.json is missing",
            id="no-folder",
        ),
    ],
)
def test_a_damaged_model_is_refused_and_mended_by_training_it_again(warehouse, harm, complaint):
    version = stored(warehouse)
    harm(warehouse.models / version)
    with pytest.raises(StorageError, match=f"Model {version} cannot be used: {complaint} in"):
        open_model(warehouse, version)
    assert stored(warehouse) == version
    assert open_model(warehouse, version).is_dir()
    assert len(versions(warehouse)) == 1


def test_an_unknown_version_is_refused_and_the_newest_are_named(warehouse):
    with pytest.raises(SpecError, match="No model version 'v9' in .*; the newest are: none yet"):
        open_model(warehouse, "v9")
    version = stored(warehouse)
    nearly = version[:-1] + "z"
    with pytest.raises(
        SpecError, match=f"No model version '{nearly}' in .*; did you mean {version}"
    ):
        find_version(warehouse, nearly)
    with pytest.raises(SpecError, match=f"the newest are: {version}"):
        promote(warehouse, "v9", expected=None, why=Why(run_id="a", reason="better"))


def test_nothing_is_in_service_before_the_first_promotion(warehouse):
    assert champion(warehouse) is None
    assert champion_history(warehouse) == []
    stored(warehouse)
    assert champion(warehouse) is None


def test_every_move_of_the_pointer_is_kept(anywhere):
    one, two = stored(anywhere), stored(anywhere, seed=8)
    promote(anywhere, one, expected=None, why=Why(run_id="a", reason="first"))
    promote(anywhere, two, expected=one, why=Why(run_id="b", reason="better"))
    promote(anywhere, one, expected=two, why=Why(run_id="c", reason="rolled back"))
    history = champion_history(anywhere)
    moves = [(move.sequence, move.previous, move.model_version, move.reason) for move in history]
    assert moves == [
        (1, None, one, "first"),
        (2, one, two, "better"),
        (3, two, one, "rolled back"),
    ]
    assert champion(anywhere) == history[-1]
    assert len(versions(anywhere)) == 2


def move(number, version, restores=None):
    return Champion(
        model_version=version,
        previous=None,
        sequence=number,
        cutoff=NIGHT,
        decided_at=NIGHT,
        run_id="a",
        reason="",
        restores=restores,
    )


@pytest.mark.parametrize(
    ("history", "line"),
    [
        pytest.param(["a"], [], id="the first"),
        pytest.param(["a", "b", "c"], ["b", "a"], id="each before"),
        pytest.param(["a", "b", "c", ("b", 2)], ["a"], id="once rolled back"),
        pytest.param(["a", "b", "c", ("b", 2), ("a", 1)], [], id="to the first"),
        pytest.param(["a", "b", "c", ("b", 2), "d"], ["b", "a"], id="what went out stays out"),
        pytest.param(["a", "b", "c", ("b", 2), "d", ("b", 4)], ["a"], id="rolled back twice"),
        pytest.param(["a", "baseline", "b"], ["baseline", "a"], id="over the baseline"),
        pytest.param(["a", "b", "a", "c"], ["a", "b"], id="every version once"),
    ],
)
def test_rolling_back_walks_further_back_and_never_to_what_was_rolled_back(history, line):
    steps = [step if isinstance(step, tuple) else (step, None) for step in history]
    moves = [move(number, *step) for number, step in enumerate(steps, start=1)]
    assert [each.model_version for each in served_before(moves, moves[-1])] == line


def test_the_baseline_can_take_the_place_of_a_version(warehouse):
    version = stored(warehouse)
    promote(warehouse, version, expected=None, why=Why("a", "first"))
    later = NIGHT + pd.Timedelta("1D")
    promote(warehouse, "baseline", expected=version, why=Why("b", "worse", cutoff=later))
    last = champion(warehouse)
    assert (last.model_version, last.version, last.previous) == ("baseline", None, version)
    assert [each.cutoff for each in champion_history(warehouse)] == [NIGHT, later]


def test_moves_are_good_from_ascending_nights_on(warehouse):
    new, old = stored(warehouse), stored(warehouse, cutoff=NIGHT - pd.Timedelta("7D"))
    promote(warehouse, new, expected=None, why=Why("a", "first"))
    promote(warehouse, old, expected=new, why=Why("b", "by hand"))
    assert [each.cutoff for each in champion_history(warehouse)] == [NIGHT, NIGHT]


def test_a_registry_of_the_first_version_is_read_as_if_its_moves_knew_their_night(warehouse):
    version = stored(warehouse)
    promote(warehouse, version, expected=None, why=Why("a", "first", cutoff=NIGHT))
    table = registry_table(warehouse)
    rows = read_table(table).drop_columns(["restores", "removed_at"])
    moved = pc.equal(rows["kind"], "promotion")
    rows = rows.set_column(
        rows.column_names.index("cutoff"),
        "cutoff",
        pc.if_else(moved, pa.scalar(None, rows["cutoff"].type), rows["cutoff"]),
    )
    rows = rows.cast(pa.schema([field.remove_metadata() for field in rows.schema]))
    shutil.rmtree(table.path)
    write_deltalake(table.path, rows, partition_by=["kind"])

    (first,) = champion_history(warehouse)
    (known,) = versions(warehouse)

    assert (first.model_version, first.cutoff, first.restores) == (version, NIGHT, None)
    assert known.removed_at is None
    other = stored(warehouse, seed=8)
    promote(warehouse, other, expected=version, why=Why("b", "better"))
    assert [each.sequence for each in champion_history(warehouse)] == [1, 2]


def test_promoting_what_is_in_service_changes_nothing(warehouse):
    version = stored(warehouse)
    first = promote(warehouse, version, expected=None, why=Why(run_id="a", reason="first"))
    for expected in (None, version):
        again = promote(warehouse, version, expected=expected, why=Why(run_id="b", reason="again"))
        assert again == first
    assert champion_history(warehouse) == [first]


def test_a_promotion_against_an_old_champion_is_refused(anywhere):
    one, two = stored(anywhere), stored(anywhere, seed=8)
    promote(anywhere, one, expected=None, why=Why(run_id="a", reason="first"))
    with pytest.raises(ConflictError, match=f"follow no champion, but meanwhile {one}"):
        promote(anywhere, two, expected=None, why=Why(run_id="b", reason="first too"))
    with pytest.raises(ConflictError, match=f"follow v0, but meanwhile {one} is in service"):
        promote(anywhere, two, expected="v0", why=Why(run_id="b", reason="better"))
    assert champion(anywhere).model_version == one


# For every line "expected version version", forks a process for each version; both try at the same
# moment to put theirs into service. Answers with their exit statuses: 0 won, 1 lost.
PROMOTERS = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
import deltalake
from data_contracts.errors import ConflictError
from tasks.stores.registry import Why, promote
from tasks.stores.warehouse import Warehouse

warehouse = Warehouse(Path({warehouse!r}))

def compete(expected, version, start):
    time.sleep(max(0, start - time.monotonic()))
    try:
        promote(warehouse, version, expected=expected, why=Why(run_id=version, reason="race"))
    except ConflictError:
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    expected, *versions = line.split()
    start = time.monotonic() + 0.05
    pids = []
    for version in versions:
        pids.append(os.fork())
        if pids[-1] == 0:
            compete(None if expected == "-" else expected, version, start)
    print(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids), flush=True)
"""


def test_of_two_processes_that_promote_at_once_exactly_one_wins(warehouse):
    names = [stored(warehouse, seed=seed) for seed in range(16)]
    in_service = "-"
    script = PROMOTERS.format(root=str(ROOT), warehouse=str(warehouse.root))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as promoters:
        for one, other in zip(names[::2], names[1::2], strict=True):
            promoters.stdin.write(f"{in_service} {one} {other}\n")
            promoters.stdin.flush()
            statuses = promoters.stdout.readline().split()
            assert sorted(statuses) == ["0", "1"]
            in_service = (one, other)[statuses.index("0")]
            assert champion(warehouse).model_version == in_service
        promoters.stdin.close()
    assert [move.sequence for move in champion_history(warehouse)] == list(range(1, 9))


def test_a_commit_between_look_up_and_promotion_lets_the_other_win(warehouse, monkeypatch):
    from tasks.stores import registry

    one, two = stored(warehouse), stored(warehouse, seed=8)
    look_up = registry.ensure_table
    others = iter([one])

    def overtaken(table):
        opened = look_up(table)
        for version in others:
            promote(warehouse, version, expected=None, why=Why(run_id="fast", reason="first"))
        return opened

    monkeypatch.setattr(registry, "ensure_table", overtaken)
    with pytest.raises(ConflictError, match=f"meanwhile {one} is in service"):
        promote(warehouse, two, expected=None, why=Why(run_id="slow", reason="first too"))
    assert [move.run_id for move in champion_history(warehouse)] == ["fast"]


def test_a_version_registered_between_look_up_and_promotion_is_no_conflict(warehouse, monkeypatch):
    from tasks.stores import registry

    version = stored(warehouse)
    look_up = registry.ensure_table

    def beside(table):
        opened = look_up(table)
        stored(warehouse, seed=8)
        return opened

    monkeypatch.setattr(registry, "ensure_table", beside)
    move = promote(warehouse, version, expected=None, why=Why(run_id="a", reason="first"))
    assert champion(warehouse) == move


def test_a_damaged_version_does_not_count_as_stored(warehouse):
    name = stored(warehouse)
    assert is_stored(warehouse, name)

    (warehouse.models / name / "members" / "0.keras").write_bytes(b"altered")

    assert not is_stored(warehouse, name)
