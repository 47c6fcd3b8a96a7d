import threading
import time

import numpy as np
import pytest
from prefect import flow

from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.schedule import Due
from tasks.contenders import CHALLENGER
from tasks.hand_over import failures_of, train_tonight, where_of
from tasks.remote import Answer
from tasks.standing import TRAINED
from tasks.starts import Start
from tasks.stores.registry import store_model
from tasks.stores.snapshots import save_panel
from tasks.train import train_candidates, version_of

DUE = Due(True, "Training, because it was asked for.", {TRAINED: 1.0})
QUICK = {
    "season_lengths": [24],
    "candidates": ["attention_lstm"],
    "training": {
        "on": "gpu",
        "context_length": 48,
        "members": 1,
        "max_epochs": 1,
        "minutes": 1000,
        "queue_minutes": 0.02,
    },
}
ENDS = ("failed", "crashed", "cancelled", "untaken", "running", "absent")


@pytest.fixture
def lesson(walks):
    """Origins, of which training sees what lies before the first."""
    return walks.cutoff_slot - 24 * np.arange(14, 0, -1)


@pytest.fixture
def deployed(prefect_backend):
    """The deployment `training/train`, whose pool has no worker."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.training import training

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="gpu", type="process"), overwrite=True)
        of_flow = client.create_flow(training)
        made = client.create_deployment(of_flow, "train", work_pool_name="gpu")
        yield client
        client.delete_deployment(made)


@pytest.fixture
def saved_model(tonight_of):
    """Writes the files of a model that repeats the day before."""
    spec = tonight_of(**QUICK).spec
    sizes = {"horizon": spec.horizon, "quantile_levels": spec.quantile_levels}
    return SeasonalNaive((24,), **sizes).save


def night(tonight, snapshot, origins):
    @flow(name="night")
    def run():
        return train_tonight(tonight, DUE, snapshot, origins)

    return run()


@pytest.mark.flow
def test_a_server_that_knows_no_gpu_worker_stops_no_night(tonight_of, walks, lesson):
    tonight = tonight_of(**QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    trained = night(tonight, snapshot, lesson)

    assert trained.challengers == []
    assert trained.where == "It could not be handed to the work pool gpu."
    (failure,) = trained.failures
    assert failure == (
        "The training on the work pool gpu could not begin and the night went on without it: The "
        "Prefect server has no deployment training/train. Run `nightcast serve SPEC` and let "
        "PREFECT_API_URL name its server, or train here with training.on: local."
    )
    assert trained.noted(DUE) == {TRAINED: 0.0}, "so that the next night tries again"


@pytest.mark.flow
def test_what_travels_is_where_things_are(tonight_of, walks, lesson, deployed):
    tonight = tonight_of(**QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    trained = night(tonight, snapshot, lesson)

    assert trained.where == "No worker of the work pool gpu took it."
    (run,) = [run for run in deployed.read_flow_runs() if run.name.startswith("walks as of")]
    assert run.state.is_cancelled()
    assert run.tags == ["walks"]
    assert run.parameters == {
        "spec": str(tonight.warehouse.specs / f"{tonight.spec.digest}.yaml"),
        "as_of": tonight.as_of.isoformat(),
        "snapshot": str(snapshot),
        "train_until": tonight.grid.timestamp(int(lesson[0])).isoformat(),
    }
    deployed.delete_flow_run(run.id)


@pytest.mark.flow
@pytest.mark.train
def test_what_an_earlier_run_of_the_night_got_is_asked_for_no_more(tonight_of, walks, lesson):
    tonight = tonight_of(**QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    @flow(name="trained before")
    def before():
        return train_candidates(tonight, snapshot, train_until=int(lesson[0]))

    (made,) = before().challengers

    trained = night(tonight, snapshot, lesson)

    assert [each.version for each in trained.challengers] == [made.version]
    assert (trained.failures, trained.counts) == ([], True)
    assert trained.where == "An earlier run of this night had handed it to the work pool gpu."


@pytest.mark.flow
def test_a_version_of_a_worker_with_other_libraries_is_found_by_what_it_was_made_from(
    tonight_of, walks, lesson, deployed, saved_model
):
    from prefect.states import Completed

    tonight = tonight_of(**QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)
    expected = version_of(tonight, "attention_lstm", snapshot, int(lesson[0]), Start())
    name = expected.model_version

    def work():
        while not (waiting := [run for run in deployed.read_flow_runs() if run.tags == ["walks"]]):
            time.sleep(0.05)
        other = {**vars(expected), "packages": {"keras": "9.9"}, "model_version": ""}
        store_model(tonight.warehouse, saved_model, type(expected)(**other))
        deployed.set_flow_run_state(waiting[0].id, Completed(), force=True)

    threading.Thread(target=work, daemon=True).start()
    patient = tonight_of(**QUICK | {"training": QUICK["training"] | {"queue_minutes": 5}})
    (made,) = night(patient, snapshot, lesson).challengers

    assert made.version != name
    assert made.record.packages == {"keras": "9.9"}
    assert made.role == CHALLENGER


@pytest.mark.parametrize("ended", ENDS)
def test_a_night_that_goes_on_says_why_and_where_to_look(tonight_of, ended):
    tonight = tonight_of(training={"on": "gpu", "minutes": 5})
    answer = Answer(ended, "So it was.", "walks as of", "http://prefect/runs/1")

    (sentence,) = failures_of(tonight, answer, {"tcn": "", "transformer": ""})

    assert sentence.startswith("The training on the work pool gpu ")
    assert " and the night went on without it" in sentence
    assert sentence.endswith(".")
    assert any(word in sentence for word in ("So it was.", "http://prefect/runs/1"))
    assert where_of(answer).endswith(".")


def test_limits_are_named_where_they_were_too_short(tonight_of):
    tonight = tonight_of(training={"on": "gpu", "minutes": 5, "queue_minutes": 2.5})

    def said(ended):
        return " ".join(failures_of(tonight, Answer(ended, "So it was."), {"tcn": ""}))

    assert "did not begin within 2.5 minutes" in said("untaken")
    assert "`prefect worker start --pool gpu`" in said("untaken")
    assert "takes longer than 20 minutes" in said("running")
    assert "is judged the next night" in said("running")


def test_what_is_there_after_all_is_no_failure(tonight_of):
    for ended in ENDS:
        assert failures_of(tonight_of(), Answer(ended, "So it was."), {}) == []
    completed = Answer("completed", "")
    (sentence,) = failures_of(tonight_of(), completed, {"tcn": "Model x cannot be used."})
    assert sentence.endswith("gave nothing that can be used: Model x cannot be used.")
