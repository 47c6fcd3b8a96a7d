import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from data_contracts.errors import NightcastError, VersionError
from data_contracts.frequency import Grid
from models.panel import Panel
from tasks.stores.snapshots import load_panel, save_panel


def build(**changes):
    y = np.array([1, np.nan, 3, np.nan, np.nan, 5, np.nan, np.nan], np.float32)
    panel = Panel(
        unique_ids=("a", "ä/b"),
        indptr=np.array([0, 5, 8]),
        y=y,
        observed=~np.isnan(y),
        past=np.arange(16, dtype=np.float32).reshape(8, 2),
        known=np.empty((8, 0), np.float32),
        static=np.array([["north"], ["south west"]]),
        past_names=("temp", "wind"),
        known_names=(),
        static_names=("region",),
        grid=Grid("h", "Europe/Berlin"),
        cutoff_slot=1000,
        horizon=2,
    )
    return dataclasses.replace(panel, **changes)


ARRAYS = ("indptr", "y", "observed", "past", "known", "static")


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(build(), id="with covariates"),
        pytest.param(
            build(static=np.empty((2, 0), np.str_), static_names=()), id="without static columns"
        ),
    ],
)
def test_a_panel_comes_back_as_it_was_written(tmp_path, panel):
    loaded = load_panel(save_panel(panel, tmp_path))

    for field in dataclasses.fields(Panel):
        before, after = getattr(panel, field.name), getattr(loaded, field.name)
        if field.name in ARRAYS:
            np.testing.assert_array_equal(after, before)
            assert after.shape == before.shape
            assert after.dtype.kind == before.dtype.kind
        else:
            assert after == before


def test_arrays_are_mapped_and_cannot_be_written(tmp_path):
    loaded = load_panel(save_panel(build(), tmp_path))

    assert isinstance(loaded.y, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.y[0] = 7


def test_another_process_can_map_it(tmp_path):
    snapshot = save_panel(build(), tmp_path)
    program = (
        "import sys, pathlib; from tasks.stores.snapshots import load_panel; "
        "print(load_panel(pathlib.Path(sys.argv[1])).history(0).tolist())"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program, str(snapshot)], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[1.0, nan, 3.0]"


def test_the_same_content_is_written_once(tmp_path):
    first = save_panel(build(), tmp_path)
    times = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}

    second = save_panel(load_panel(first), tmp_path)

    assert second == first
    assert {path.name: path.stat().st_mtime_ns for path in second.iterdir()} == times
    assert list(tmp_path.iterdir()) == [first]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"y": np.ones(8, np.float32)}, id="y"),
        pytest.param({"unique_ids": ("a", "c")}, id="names"),
        pytest.param({"cutoff_slot": 1001}, id="cutoff"),
        pytest.param({"grid": Grid("h", "UTC")}, id="zone"),
        pytest.param({"past_names": ("wind", "temp")}, id="order of covariates"),
        pytest.param({"static": np.array([["north"], ["south"]])}, id="static"),
    ],
)
def test_other_content_has_another_digest(tmp_path, changes):
    assert save_panel(build(), tmp_path).name != save_panel(build(**changes), tmp_path).name


def test_the_manifest_names_every_file_with_its_size(tmp_path):
    snapshot = save_panel(build(), tmp_path)
    manifest = json.loads((snapshot / "manifest.json").read_text())

    assert manifest["digest"] == snapshot.name
    sizes = {name: entry["bytes"] for name, entry in manifest["files"].items()}
    assert sizes == {
        path.name: path.stat().st_size
        for path in snapshot.iterdir()
        if path.name != "manifest.json"
    }


def remove(name):
    return lambda snapshot: (snapshot / name).unlink()


def flip_last_byte(snapshot):
    content = bytearray((snapshot / "y.npy").read_bytes())
    content[-1] ^= 1
    (snapshot / "y.npy").write_bytes(content)


def cut(snapshot):
    (snapshot / "past.npy").write_bytes((snapshot / "past.npy").read_bytes()[:-4])


DAMAGES = [
    pytest.param(remove("y.npy"), "y.npy is missing", id="a file is missing"),
    pytest.param(flip_last_byte, "y.npy was altered", id="a byte was altered"),
    pytest.param(cut, "past.npy was altered", id="a file was cut"),
    pytest.param(remove("manifest.json"), "expected manifest.json", id="no manifest"),
    pytest.param(
        lambda snapshot: (snapshot / "manifest.json").write_text("{"),
        "manifest.json cannot be read",
        id="half a manifest",
    ),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_damaged_snapshot_is_not_read_but_written_anew(tmp_path, damage, words):
    snapshot = save_panel(build(), tmp_path)
    damage(snapshot)

    with pytest.raises(NightcastError, match=words):
        load_panel(snapshot)
    assert save_panel(build(), tmp_path) == snapshot
    np.testing.assert_array_equal(load_panel(snapshot).y, build().y)


def test_a_missing_snapshot_is_named(tmp_path):
    with pytest.raises(NightcastError, match="expected manifest.json in .*nowhere"):
        load_panel(tmp_path / "nowhere")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        save_panel(build(y=np.array([None] * 8)), tmp_path)

    assert list(tmp_path.iterdir()) == []


def manifest_with(snapshot, **changes):
    path = snapshot / "manifest.json"
    told = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))


def test_a_snapshot_says_its_version_and_one_that_says_none_is_of_the_first(tmp_path):
    snapshot = save_panel(build(), tmp_path)
    assert json.loads((snapshot / "manifest.json").read_text())["schema_version"] == 1
    manifest_with(snapshot, schema_version=None)
    assert load_panel(snapshot).unique_ids == build().unique_ids
    assert save_panel(build(), tmp_path) == snapshot


def test_a_snapshot_of_a_newer_version_is_refused_and_not_thrown_away(tmp_path):
    snapshot = save_panel(build(), tmp_path)
    manifest_with(snapshot, schema_version=2)
    for use in (load_panel, lambda _: save_panel(build(), tmp_path)):
        with pytest.raises(VersionError, match=f"{snapshot.name} has the schema version 2, but"):
            use(snapshot)
    assert list(tmp_path.iterdir()) == [snapshot]
