import dataclasses
import hashlib
import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_contracts.errors import NightcastError, RefusedError, SpecError
from models.decomposition.settings import Decomposition
from models.forecasters.persistence import load_forecaster
from models.learning.settings import TrainingSettings
from models.learning.training import train
from models.networks import network_names

CUTOFF, HORIZON = 1000, 6
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6, 12),
    members=1,
    max_epochs=2,
    minutes=1000,  # however busy the machine is, the clock must not hurry the schedule
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=64,
    scalings=("last_season",),  # each other one compiles another model
)


def _histories():
    rng = np.random.default_rng(0)
    wave = 10 + 3 * np.sin(np.arange(300) * 2 * np.pi / 6)
    histories = [size * (wave + rng.normal(size=300)) for size in (1, 1000, 0.01)]
    histories[0][20:30] = np.nan
    return [*histories, wave[:40]]


@pytest.fixture
def panel(make_panel):
    return make_panel(_histories(), horizon=HORIZON, cutoff_slot=CUTOFF)


def _forecast(forecaster, panel):
    series = np.arange(panel.num_series)
    return forecaster.predict(panel, series, np.full(len(series), CUTOFF))


@pytest.mark.parametrize("network", network_names())
def test_two_trainings_give_the_same_bytes(panel, network):
    settings = dataclasses.replace(SETTINGS, network=network, members=2)

    first, second = (train(panel, settings, train_until=980) for _ in range(2))

    assert _forecast(first, panel).tobytes() == _forecast(second, panel).tobytes()


def test_another_process_gives_the_same_bytes(panel, tmp_path):
    def digest(forecaster):
        return hashlib.sha256(_forecast(forecaster, panel).tobytes()).hexdigest()

    script = tmp_path / "again.py"
    script.write_text(
        "import sys, pickle, pathlib\n"
        "panel, settings, folder = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "from models.learning.training import train\n"
        "train(panel, settings, train_until=980).save(pathlib.Path(folder))\n"
    )
    job = tmp_path / "job.pickle"
    job.write_bytes(pickle.dumps((panel, SETTINGS, str(tmp_path / "model"))))
    subprocess.run(
        [sys.executable, script, job],
        check=True,
        env={"PYTHONPATH": str(Path.cwd()), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )

    again = load_forecaster(tmp_path / "model")
    assert digest(again) == digest(train(panel, SETTINGS, train_until=980))


def test_nothing_after_train_until_is_seen(panel):
    y = panel.y.copy()
    for end in panel.indptr[1:]:
        y[end - HORIZON - (CUTOFF - 980) : end - HORIZON] *= 100
    changed = dataclasses.replace(panel, y=y)

    first, second = (train(each, SETTINGS, train_until=980) for each in (panel, changed))

    for left, right in zip(first.networks, second.networks, strict=True):
        for one, other in zip(left.get_weights(), right.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_training_learns_what_a_constant_guess_does_not(panel):
    losses = []
    settings = dataclasses.replace(SETTINGS, max_epochs=10)

    train(panel, settings, train_until=CUTOFF, progress=lambda p: losses.append(p.training_loss))

    assert losses[-1] < losses[0]


def test_progress_counts_the_epochs_of_all_members(panel):
    seen = []
    settings = dataclasses.replace(SETTINGS, members=2)

    train(panel, settings, train_until=CUTOFF, progress=seen.append)

    assert {each.total for each in seen} == {4}
    assert [each.done for each in seen][:2] == [1, 2]
    assert seen[-1].done == 4
    assert seen[-1].seconds_left == 0


@pytest.fixture
def seconds(monkeypatch):
    """A clock that goes on by a second whenever training looks at it; counts from 0."""
    clock = itertools.count()
    monkeypatch.setattr("models.learning.training.time", SimpleNamespace(monotonic=clock.__next__))
    return clock


def test_a_budget_that_ends_within_the_first_pass_is_refused(panel, seconds):
    settings = dataclasses.replace(SETTINGS, minutes=0.01)

    with pytest.raises(RefusedError, match="time for one pass over 64 windows, got 0.01 minutes"):
        train(panel, settings, train_until=CUTOFF)


def test_a_member_that_finds_no_time_left_is_left_out(panel, seconds):
    settings = dataclasses.replace(SETTINGS, minutes=0.25, members=5)

    forecaster = train(panel, settings, train_until=CUTOFF)

    assert 1 <= len(forecaster.members) < 5
    assert np.isfinite(_forecast(forecaster, panel)).all()


@pytest.mark.parametrize("combine", ["median", "weights"])
def test_the_budget_is_kept_whatever_is_left_to_learn(panel, seconds, combine):
    settings = dataclasses.replace(
        SETTINGS, minutes=5, max_epochs=100, windows_per_epoch=4096, members=2, combine=combine
    )

    forecaster = train(panel, settings, train_until=CUTOFF)

    assert next(seconds) < 5 * 60 + 20
    assert len(forecaster.members) == 2
    assert np.isfinite(_forecast(forecaster, panel)).all()


def test_a_context_longer_than_every_history_is_refused(panel):
    settings = dataclasses.replace(SETTINGS, context_length=301)

    with pytest.raises(RefusedError, match="at most the longest history, 300 steps, got 301"):
        train(panel, settings, train_until=CUTOFF)


def test_a_history_too_short_to_take_apart_is_said_to_be_that(panel):
    apart = Decomposition("vmd", modes=12)
    settings = dataclasses.replace(SETTINGS, context_length=24, decomposition=apart)

    with pytest.raises(SpecError, match=r"decomposition.modes: expected 2 to 3, .* got 12"):
        train(panel, settings, train_until=CUTOFF)
    many = Decomposition("vmd", modes=40)
    long = dataclasses.replace(settings, context_length=300, decomposition=many)
    with pytest.raises(RefusedError, match="300 steps, too few for vmd into 40 components; wait"):
        train(panel, long, train_until=CUTOFF)


def test_members_of_different_networks_and_contexts_forecast_together(panel):
    settings = dataclasses.replace(
        SETTINGS,
        network="multihead_lstm+tcn",
        members=4,
        contexts=(1, 100),
        max_epochs=1,
    )

    forecaster = train(panel, settings, train_until=CUTOFF)

    assert [(each.network, each.context_length) for each in forecaster.members] == [
        ("multihead_lstm", 24),
        ("tcn", 24),
        ("multihead_lstm", 300),
        ("tcn", 300),
    ]
    assert np.isfinite(_forecast(forecaster, panel)).all()


def test_learned_weights_are_non_negative_and_sum_to_one(panel):
    settings = dataclasses.replace(SETTINGS, members=3, combine="weights", max_epochs=1)

    forecaster = train(panel, settings, train_until=CUTOFF)

    assert len(forecaster.weights) == 3
    assert min(forecaster.weights) >= 0
    assert sum(forecaster.weights) == pytest.approx(1)


def test_members_weigh_the_same_where_a_short_history_leaves_nothing_unseen(make_panel):
    panel = make_panel([np.arange(14.0) % 3], horizon=HORIZON, cutoff_slot=CUTOFF)
    settings = dataclasses.replace(
        SETTINGS, context_length=12, members=2, combine="weights", max_epochs=1
    )

    assert train(panel, settings, train_until=CUTOFF).weights == (0.5, 0.5)


def test_weights_of_a_start_stay_where_it_knows_the_held_out_windows(panel):
    settings = dataclasses.replace(SETTINGS, members=2, combine="weights")
    start = train(panel, settings, train_until=CUTOFF - HORIZON)
    long_ago = dataclasses.replace(start, trained_until=CUTOFF - 200)

    warm, later = (train(panel, settings, train_until=CUTOFF, start=s) for s in (start, long_ago))

    assert warm.weights == start.weights
    assert later.weights != start.weights


def test_every_epoch_of_every_member_is_on_its_curve(panel):
    seen = []
    forecaster = train(
        panel, dataclasses.replace(SETTINGS, members=2), train_until=CUTOFF, progress=seen.append
    )

    first, second = forecaster.curves
    assert [*first.held_out] == [each.held_out_loss for each in seen if each.member == 0]
    assert [*second.training] == [each.loss for each in seen if each.member == 1]
    assert first.held_out[first.best] == min(first.held_out)
    assert second.held_out == ()


def test_a_later_epoch_is_kept_that_is_worse_by_no_more_than_is_tolerated(panel):
    rising = dataclasses.replace(SETTINGS, max_epochs=4, learning_rate=0.1)

    strict = train(panel, rising, train_until=980)
    mild = train(panel, dataclasses.replace(rising, tolerance=1000.0), train_until=980)

    assert strict.curves[0].best < 3  # of such a rate the last epoch is not the best
    assert mild.curves[0].best == 3


def test_later_members_learn_from_everything_for_as_long_as_was_best_for_the_first(panel):
    settings = dataclasses.replace(SETTINGS, members=2, max_epochs=6)

    first, second = train(panel, settings, train_until=CUTOFF).curves

    assert len(second.training) == first.best + 1
    assert second.best == first.best


def test_with_learned_weights_every_member_is_held_to_the_last_origins(panel):
    settings = dataclasses.replace(SETTINGS, members=2, combine="weights")

    assert all(curve.held_out for curve in train(panel, settings, train_until=CUTOFF).curves)


def test_a_loss_that_is_not_finite_names_the_series(panel):
    y = panel.y.copy()
    y[panel.indptr[1] + 150] = np.inf
    with pytest.raises(NightcastError, match="loss became .*'series-0001'; check its values"):
        train(
            dataclasses.replace(panel, y=y),
            dataclasses.replace(SETTINGS, windows_per_epoch=512, max_epochs=5),
            train_until=CUTOFF,
        )


def test_a_held_out_loss_that_is_not_finite_names_the_series(panel):
    y = panel.y.copy()
    y[panel.indptr[3] - HORIZON - 1] = np.inf

    with pytest.raises(NightcastError, match="loss became .*'series-0002'; check its values"):
        train(dataclasses.replace(panel, y=y), SETTINGS, train_until=CUTOFF)


def test_an_unknown_network_is_refused_before_anything_is_read(panel):
    with pytest.raises(SpecError, match="got 'prophet'"):
        train(panel, dataclasses.replace(SETTINGS, network="prophet"), train_until=CUTOFF)


def test_histories_too_short_for_one_window_are_refused(make_panel):
    panel = make_panel([np.arange(10.0)], horizon=HORIZON, cutoff_slot=CUTOFF)

    with pytest.raises(RefusedError, match="at least 12 steps .* the longest has 10"):
        train(panel, SETTINGS, train_until=CUTOFF)
