"""The flow `training` by itself, on a real Prefect server."""

import numpy as np
import pandas as pd
import pytest
import yaml

from data_contracts.errors import NightcastError, SpecError
from data_contracts.spec import load_spec
from flows.training import training
from tasks.stores.registry import is_stored, versions
from tasks.stores.sharing import share_folder
from tasks.stores.snapshots import save_panel
from tasks.stores.specs import keep_spec
from tasks.stores.warehouse import open_warehouse

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]

AS_OF = pd.Timestamp("2024-03-01T00:00Z").to_pydatetime()
CUTOFF = pd.Timestamp("2024-02-29T23:00Z")


@pytest.fixture
def place(waves, tmp_path):
    """Writes a spec with a warehouse of its own; returns its path and the warehouse."""

    def build(**changes):
        fields = yaml.safe_load((waves / "spec.yaml").read_text())
        training = fields["training"] | {"minutes": 1000} | changes.pop("training", {})
        fields |= {"candidates": ["attention_lstm"], "warehouse": str(tmp_path / "warehouse")}
        path = tmp_path / "spec.yaml"
        path.write_text(yaml.safe_dump(fields | {"training": training} | changes))
        return str(path), open_warehouse(load_spec(path))

    return build


@pytest.mark.train
def test_the_spec_is_enough_and_what_is_stored_is_not_trained_again(place):
    path, warehouse = place()

    made = training(path, as_of=AS_OF)

    (version,) = versions(warehouse)
    assert made.versions == {"attention_lstm": version.model_version}
    assert version.cutoff == CUTOFF
    assert version.train_cutoff == CUTOFF - pd.Timedelta(hours=14 * 6)
    assert not warehouse.runs.exists(), "the record of the night is the night's"

    reference = keep_spec(warehouse, load_spec(path))
    again = training(
        reference,
        snapshot=warehouse.uri_of(warehouse.snapshots / version.snapshot),
        train_until=version.train_cutoff.to_pydatetime(),
    )

    assert again == made
    assert [each.created_at for each in versions(warehouse)] == [version.created_at]


@pytest.mark.train
def test_a_worker_on_another_machine_finds_all_it_needs_in_the_object_store(
    place, make_panel, bucket, tmp_path, monkeypatch
):
    path, warehouse = place(warehouse=f"{bucket}/warehouse")
    spec = load_spec(path)
    steps = 20 + np.sin(np.arange(40 * 24) * np.pi / 12)
    panel = make_panel([steps, steps + 1], horizon=6, cutoff_slot=spec.grid.slot(CUTOFF))
    snapshot = save_panel(panel, warehouse.snapshots)
    share_folder(warehouse, snapshot)
    reference = keep_spec(warehouse, spec)
    assert reference.startswith("s3://")
    (tmp_path / "spec.yaml").unlink()

    with monkeypatch.context() as there:
        there.setenv("NIGHTCAST_CACHE", str(tmp_path / "another machine"))
        made = training(reference, snapshot=warehouse.uri_of(snapshot))

    assert is_stored(warehouse, made.versions["attention_lstm"])


def test_a_training_that_fails_says_so_as_the_run_does(place):
    path, warehouse = place(training={"minutes": 1e-9})

    with pytest.raises(NightcastError, match="The training of attention_lstm failed: "):
        training(path, as_of=AS_OF)
    assert versions(warehouse) == []


def test_a_worker_without_the_gpu_that_the_spec_asks_for_says_so(place):
    path, _ = place(training={"on": "gpu", "device": "gpu"})

    with pytest.raises(SpecError, match="training.device: expected auto or cpu where .* no GPU"):
        training(path, as_of=AS_OF)


def test_what_does_not_fit_the_snapshot_is_refused(place, make_panel):
    path, warehouse = place()
    slot = load_spec(path).grid.slot(CUTOFF)
    panel = make_panel([[1.0] * 500], horizon=6, cutoff_slot=slot)
    snapshot = save_panel(panel, warehouse.snapshots).name

    with pytest.raises(SpecError, match="as_of: expected an instant of the night of the snapshot"):
        training(path, as_of=pd.Timestamp("2024-02-01T00:00Z").to_pydatetime(), snapshot=snapshot)
    for late in (AS_OF, pd.Timestamp("2024-02-10T00:30Z").to_pydatetime()):
        with pytest.raises(SpecError, match="train_until: expected a step before the cutoff"):
            training(path, snapshot=snapshot, train_until=late)
    with pytest.raises(NightcastError, match=r"expected manifest\.json in .*/0123, got none"):
        training(path, snapshot="0123")
