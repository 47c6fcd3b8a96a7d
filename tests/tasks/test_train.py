from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pytest
from prefect import flow

from models.decomposition.settings import Decomposition
from models.gate.schedule import Due
from tasks.contenders import CHALLENGER, open_contender
from tasks.progress import REPORTER
from tasks.service import Service
from tasks.starts import Start
from tasks.stores.registry import versions
from tasks.stores.snapshots import save_panel
from tasks.train import (
    Trained,
    train_candidates,
    train_challenger,
    train_challengers,
    training_settings,
    training_tonight,
)

QUICK = {
    "season_lengths": [24],
    "training": {"context_length": 48, "members": 1, "max_epochs": 1, "minutes": 1000},
}
ORIGINS = np.array([10, 34])
NOBODY = Service(champion=None, pointer=None, overtaken=False)


class Epochs:
    """Counts the reports of progress."""

    def __init__(self):
        self.count = 0

    def begin(self, title):
        def report(done, total, note=""):
            self.count += 1

        return report

    def end(self, title, seconds):
        pass


@contextmanager
def counted():
    epochs = Epochs()
    token = REPORTER.set(epochs)
    try:
        yield epochs
    finally:
        REPORTER.reset(token)


@pytest.mark.parametrize(
    ("before", "origins", "asked", "train", "reason"),
    [
        pytest.param(NOBODY, ORIGINS, None, True, "no model is in service", id="no champion"),
        pytest.param(NOBODY, ORIGINS, "never", False, "says never", id="never"),
        pytest.param(NOBODY, ORIGINS, "always", True, "asked for", id="always"),
        pytest.param(NOBODY, ORIGINS[:0], "always", False, "too short to judge", id="no origins"),
        pytest.param(
            Service(None, "20131016", overtaken=True),
            ORIGINS,
            "always",
            False,
            "a later night",
            id="overtaken",
        ),
    ],
)
def test_training_is_due_where_its_model_may_go_into_service(
    tonight_of, before, origins, asked, train, reason
):
    due = training_tonight(tonight_of(), before, origins, asked=asked)

    assert due.train is train
    assert reason in due.reason


@pytest.mark.parametrize(("limit", "train"), [(14, False), (13.5, True)], ids=["young", "old"])
def test_training_is_due_again_when_the_champion_is_old(tonight_of, store, limit, train):
    fortnight = timedelta(days=14)
    tonight = tonight_of(training={"max_age_days": limit})
    made = tonight_of(cutoff=tonight.cutoff - fortnight)
    champion = open_contender(tonight.warehouse, store(made), "champion")
    assert champion.age(tonight.cutoff) == fortnight

    before = Service(champion, champion.version, overtaken=False)

    assert training_tonight(tonight, before, ORIGINS, asked=None).train is train


def test_auxiliary_targets_of_the_spec_reach_the_training(tonight_of):
    tonight = tonight_of(covariates={"past": ["temp"]}, training={"auxiliary": ["temp"]})

    settings = training_settings(tonight, "attention_lstm", longest=1000)

    assert settings.auxiliary == ("temp",)


def test_decomposition_and_holt_of_the_spec_reach_the_training(tonight_of):
    apart = {"method": "stl", "components": "networks"}
    tonight = tonight_of(training={"decomposition": apart, "holt": True, "seed": 3})

    settings = training_settings(tonight, "cnn_lstm", longest=1000)

    assert settings.decomposition == Decomposition("stl", modes=3, seed=3)
    assert (settings.components, settings.holt) == ("networks", True)


@pytest.mark.train
def test_what_is_stored_is_not_trained_again_unless_it_is_damaged(tonight_of, walks):
    tonight = tonight_of(**QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)
    train_until = walks.cutoff_slot - 14 * 24

    def train(run):
        with counted() as epochs:
            made = train_challenger.fn(
                run, "attention_lstm", snapshot, train_until=train_until, start=Start()
            )
        return made, epochs.count

    first, trained = train(tonight)
    again, trained_again = train(tonight_of(run_id="again", **QUICK))

    assert (trained, trained_again) == (1, 0)
    assert (first.version, first.role) == (again.version, CHALLENGER)
    assert first.forecaster.trained_until == train_until
    assert first.record.train_cutoff == tonight.grid.timestamp(train_until)
    series, origins = np.arange(3), np.full(3, walks.cutoff_slot)
    forecasts = [each.forecaster.predict(walks, series, origins) for each in (first, again)]
    np.testing.assert_array_equal(*forecasts)

    (tonight.warehouse.models / first.version / "member-0.keras").write_bytes(b"torn")
    mended, trained_once_more = train(tonight)

    assert trained_once_more == 1
    np.testing.assert_array_equal(mended.forecaster.predict(walks, series, origins), forecasts[0])
    assert [record.model_version for record in versions(tonight.warehouse)] == [first.version]


@pytest.mark.train
@pytest.mark.parametrize("log", ["none", "tensorboard"])
def test_events_for_tensorboard_are_written_where_the_spec_asks_for_them(tonight_of, walks, log):
    tonight = tonight_of(**{**QUICK, "training": {**QUICK["training"], "log": log}})
    snapshot = save_panel(walks, tonight.warehouse.snapshots)
    train_until = walks.cutoff_slot - 14 * 24

    train_challenger.fn(tonight, "tcn", snapshot, train_until=train_until, start=Start())

    files = tonight.warehouse.run(tonight.cutoff).glob("tensorboard/tcn/member-0/events.out.*")
    assert len(list(files)) == (log == "tensorboard")


@pytest.mark.flow
@pytest.mark.train
def test_a_training_that_fails_does_not_stop_the_night(tonight_of, walks):
    tonight = tonight_of(candidates=["oracle", "attention_lstm"], **QUICK)
    snapshot = save_panel(walks, tonight.warehouse.snapshots)
    origins = walks.cutoff_slot - 24 * np.arange(14, 0, -1)

    @flow
    def night():
        return train_challengers(tonight, Due(True, "asked"), snapshot, origins)

    trained = night()

    assert [each.name for each in trained.challengers] == ["attention_lstm"]
    (failure,) = trained.failures
    assert failure.startswith("The training of oracle failed and the night went on without it: ")
    assert "got 'oracle'" in failure
    assert [told.split(", because ")[0] for told in trained.starts] == [
        f"{network} starts from scratch and not from hourly-2"
        for network in ("oracle", "attention_lstm")
    ]


@pytest.mark.flow
@pytest.mark.train
def test_a_training_that_does_not_come_to_an_end_is_given_up(tonight_of, walks):
    endless = {**QUICK["training"], "max_epochs": 100_000}
    tonight = tonight_of(**{**QUICK, "candidates": ["attention_lstm"], "training": endless})
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    @flow
    def night():
        return train_candidates(
            tonight, snapshot, train_until=walks.cutoff_slot - 14 * 24, limit=3.0
        )

    trained = night()

    assert trained.challengers == []
    (failure,) = trained.failures
    assert "TaskRunTimeoutError" in failure
    assert versions(tonight.warehouse) == []
    assert list(tonight.warehouse.models.glob("*")) == []


def test_nothing_is_trained_where_it_is_not_due(tonight_of, tmp_path):
    trained = train_challengers(tonight_of(), Due(False, "no"), tmp_path, ORIGINS[:0])

    assert trained == Trained([], [])
