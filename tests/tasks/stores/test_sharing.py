import dataclasses
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import StorageError
from data_contracts.spec import Retention
from data_contracts.verdicts import Check, Severity, Verdict
from tasks.stores import forecasts as publishing
from tasks.stores.forecasts import export_latest, read_batch
from tasks.stores.history import read_history
from tasks.stores.objects import ObjectStore
from tasks.stores.registry import is_stored, open_model, versions
from tasks.stores.retention import clear_out
from tasks.stores.runs import latest_report, nights_with, write_report, write_validation
from tasks.stores.sharing import fetch_file, fetch_folder, on_this_machine, share_file, share_folder
from tasks.stores.snapshots import load_panel, save_panel
from tasks.stores.warehouse import Warehouse

NOW = pd.Timestamp.now("UTC")
LATER = pd.Timedelta("3D")
ONLY_NEEDED = Retention(versions=0, snapshots=0, runs=1)


@pytest.fixture
def here(bucket, tmp_path):
    return Warehouse(tmp_path / "here", ObjectStore(f"{bucket}/nyc"))


@pytest.fixture
def there(here, tmp_path):
    """The same warehouse on another machine."""
    return dataclasses.replace(here, root=tmp_path / "there")


def names(warehouse, folder):
    return {name.split("/")[1] for name in warehouse.store.entries(folder)}


def test_a_model_that_was_stored_on_one_machine_is_opened_on_another(here, there, store_version):
    version = store_version(here, 1)
    assert is_stored(there, version)
    assert (open_model(there, version) / "weights").read_text() == "weights"


def test_a_copy_that_was_damaged_is_fetched_again(here, store_version):
    version = store_version(here, 1)
    (here.models / version / "weights").write_text("torn")
    assert (open_model(here, version) / "weights").read_text() == "weights"


def test_a_folder_that_is_put_anew_has_no_manifest_until_it_is_whole(here, monkeypatch):
    folder = here.snapshots / "panel"
    folder.mkdir(parents=True)
    for name in ("a", "b", "manifest.json"):
        (folder / name).write_text("old")
    share_folder(here, folder)
    put = ObjectStore.put

    def full(store, name, path):
        if name.endswith("/b"):
            raise StorageError("The store is full.")
        put(store, name, path)

    monkeypatch.setattr(ObjectStore, "put", full)
    with pytest.raises(StorageError, match="full"):
        share_folder(here, folder, anew=True)

    assert set(here.store.entries("snapshots/panel")) == {"snapshots/panel/a", "snapshots/panel/b"}


def test_a_model_that_is_damaged_in_the_store_is_refused_everywhere_else(
    here, there, tmp_path, store_version
):
    version = store_version(here, 1)
    (tmp_path / "torn").write_text("torn")
    here.store.put(f"models/{version}/weights", tmp_path / "torn")
    with pytest.raises(StorageError, match=f"Model {version} cannot be used: weights has been alt"):
        open_model(there, version)


def test_a_model_that_is_damaged_in_the_store_is_mended_by_training_it_again(
    here, there, tmp_path, store_version
):
    version = store_version(here, 1)
    (tmp_path / "torn").write_text("twisted")  # as long as what was there
    here.store.put(f"models/{version}/weights", tmp_path / "torn")
    store_version(there, 1)
    shutil.rmtree(here.models)
    assert (open_model(here, version) / "weights").read_text() == "weights"


def test_a_folder_without_its_manifest_is_not_fetched(here, there, store_version):
    version = store_version(here, 1)
    here.store.remove([f"models/{version}/manifest.json"])
    assert not fetch_folder(there, there.models / version)
    assert not (there.models / version).exists()


def test_a_panel_is_put_once_and_mapped_elsewhere(here, there, make_panel):
    panel = make_panel([[1, 2, 3], [4]], horizon=2)
    folder = save_panel(panel, here.snapshots)
    share_folder(here, folder)
    before = here.store.entries("snapshots")
    share_folder(here, folder)
    assert here.store.entries("snapshots").keys() == before.keys()
    loaded = load_panel(on_this_machine(there, there.snapshots / folder.name))
    np.testing.assert_array_equal(loaded.y, panel.y)


def test_a_file_is_as_it_is_in_the_store(here, there):
    file, copy = here.root / "runs" / "n" / "x.txt", there.root / "runs" / "n" / "x.txt"
    for text in ("one", "two"):  # of the same size
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        share_file(here, file)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("old")
        assert fetch_file(there, copy).read_text() == text
    here.store.remove(["runs/n/x.txt"])
    assert not fetch_file(there, copy).exists()


def test_in_a_folder_nothing_is_shared_or_fetched(tmp_path):
    warehouse = Warehouse(tmp_path / "nyc")
    assert not fetch_folder(warehouse, warehouse.models / "none")
    share_file(warehouse, tmp_path / "none")
    share_folder(warehouse, tmp_path / "none")
    assert fetch_file(warehouse, tmp_path / "none") == tmp_path / "none"
    assert list(tmp_path.iterdir()) == []


def test_pages_and_verdicts_of_other_machines_are_read(here, there, night):
    check = Check(
        expectation="rule",
        title="a rule holds",
        contract="observations",
        severity=Severity.WARNING,
        passed=False,
    )
    verdict = Verdict(contract="observations", checked=(check,))
    write_report(here, night, "page")
    write_validation(here, night, verdict)
    assert latest_report(there).read_text() == "page"
    assert nights_with(there, "validation.json") == ["20131015T0300"]
    history = read_history(there, night + LATER, verdict)
    assert not history.passed_over
    assert len(history.nights) == 2


def test_tables_and_files_of_one_warehouse_lie_side_by_side(here, publish_row):
    odd = Warehouse(here.root, ObjectStore(f"{here.store.uri} of ü/a warehouse"))
    publish_row(odd)
    assert odd.store.entries("forecasts.delta")
    assert read_batch(odd).num_rows == 1


def test_the_export_of_another_machine_is_not_undone_by_an_older_batch(
    here, there, monkeypatch, publish_row, night
):
    publish_row(here, "old")
    read, still_to_come = publishing.read_batch, ["new"]

    def overtaken(warehouse):
        rows = read(warehouse)
        if still_to_come:
            monkeypatch.setattr(publishing, "read_batch", read)
            publish_row(there, still_to_come.pop(), cutoff=night + LATER)
            export_latest(there, night + LATER)
        return rows

    monkeypatch.setattr(publishing, "read_batch", overtaken)
    export_latest(here, night)
    latest = fetch_file(there, there.exports / "latest.parquet")
    assert pq.read_table(latest)["run_id"][0].as_py() == "new"


def test_what_nothing_needs_is_removed_from_the_store_and_from_every_cache(
    here, there, store_version, publish_row
):
    gone, kept = (store_version(here, seed, days=40) for seed in (1, 2))
    publish_row(here)
    assert open_model(there, gone)
    later = NOW + LATER  # no clock of a store can be set back

    keep = ONLY_NEEDED.model_copy(update={"versions": 1})
    removed = clear_out(here, keep, now=later)

    assert set(removed.versions) in ({gone}, {kept})
    (stays,) = {gone, kept} - set(removed.versions)
    assert names(here, "models") == {stays}
    assert {path.name for path in here.models.iterdir()} == {stays}
    assert [each.removed_at is None for each in versions(there)].count(True) == 1
    shutil.rmtree(there.models / removed.versions[0], ignore_errors=True)
    with pytest.raises(StorageError, match="retention removed its files"):
        open_model(there, removed.versions[0])


def test_the_newest_nights_and_snapshots_of_a_store_stay(here, night):
    for day in (1, 2, 3):
        write_report(here, night + pd.Timedelta(days=day), "page")
        for name in ("manifest.json", "y.npy"):
            file = here.snapshots / f"panel-{day}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        share_folder(here, here.snapshots / f"panel-{day}")
    young = clear_out(here, ONLY_NEEDED, now=NOW)
    assert (young.snapshots, young.runs) == ((), ())
    old = clear_out(here, ONLY_NEEDED, now=NOW + LATER)
    assert len(old.runs) == 2
    assert len(old.snapshots) == 3
    assert len(names(here, "runs")) == 1
    assert here.store.entries("snapshots") == {}
