import dataclasses
import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import NightcastError, RefusedError, SpecError
from models.networks import network_names
from models.persistence import load_forecaster
from models.settings import TrainingSettings
from models.training import Origins, series_scales, split_origins, train

CUTOFF, HORIZON = 1000, 6
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6, 12),
    members=1,
    max_epochs=2,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=64,
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
        "from models.training import train\n"
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

    train(panel, settings, train_until=CUTOFF, progress=lambda p: losses.append(p.loss))

    assert min(losses[1:]) < losses[0]


def test_progress_counts_the_epochs_of_all_members(panel):
    seen = []
    settings = dataclasses.replace(SETTINGS, members=2)

    train(panel, settings, train_until=CUTOFF, progress=seen.append)

    assert [(each.done, each.total) for each in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seen[-1].seconds_left == 0


def test_a_spent_budget_ends_the_training_with_a_usable_forecaster(panel):
    seen = []
    settings = dataclasses.replace(SETTINGS, minutes=1e-6, max_epochs=50)

    forecaster = train(panel, settings, train_until=CUTOFF, progress=seen.append)

    assert len(seen) == settings.members
    assert np.isfinite(_forecast(forecaster, panel)).all()


def test_a_loss_that_is_not_finite_names_the_series(panel):
    y = panel.y.copy()
    y[panel.indptr[1] + 150] = np.inf
    with pytest.raises(NightcastError, match="loss became .*'series-0001'; check its values"):
        train(
            dataclasses.replace(panel, y=y),
            dataclasses.replace(SETTINGS, windows_per_epoch=512, max_epochs=5),
            train_until=CUTOFF,
        )


def test_an_unknown_network_is_refused_before_anything_is_read(panel):
    with pytest.raises(SpecError, match="got 'prophet'"):
        train(panel, dataclasses.replace(SETTINGS, network="prophet"), train_until=CUTOFF)


def test_histories_too_short_for_one_window_are_refused(make_panel):
    panel = make_panel([np.arange(10.0)], horizon=HORIZON, cutoff_slot=CUTOFF)

    with pytest.raises(RefusedError, match="at least 12 steps .* the longest has 10"):
        train(panel, SETTINGS, train_until=CUTOFF)


def test_held_out_targets_are_unseen_in_training(panel):
    training, (series, origins) = split_origins(panel, SETTINGS, train_until=980)

    last_seen = (training.first + training.counts - 1)[training.counts > 0].max() + HORIZON
    assert last_seen <= origins.min()
    assert origins.max() + HORIZON == 980
    assert set(series) == {0, 1, 2, 3}


def test_a_history_of_one_window_is_trained_on_and_held_to_it(make_panel):
    panel = make_panel([np.arange(12.0)], horizon=HORIZON, cutoff_slot=CUTOFF)

    training, (series, origins) = split_origins(panel, SETTINGS, train_until=CUTOFF)

    assert training.total == 1
    assert (series.tolist(), origins.tolist()) == ([0], [CUTOFF - HORIZON])


def test_every_window_is_drawn_and_no_other():
    origins = Origins(first=np.array([10, 50, 90]), counts=np.array([2, 0, 3]))

    series, slots = origins.draw(500, np.random.default_rng(0))

    assert set(zip(series.tolist(), slots.tolist(), strict=True)) == {
        (0, 10),
        (0, 11),
        (2, 90),
        (2, 91),
        (2, 92),
    }


def test_aligned_origins_lie_whole_patches_before_the_anchor():
    origins = Origins(first=np.array([10, 0]), counts=np.array([30, 30]))

    moved = origins.align(np.array([0, 0, 1, 1]), np.array([25, 12, 24, 23]), anchor=100, every=8)

    # 100 is 4 beyond a multiple of 8; the second origin would have to leave its range.
    assert moved.tolist() == [20, 12, 20, 20]


def test_the_scale_of_a_series_is_its_mean_seasonal_change(make_panel):
    histories = [[1, 2, 3, 5], [7, 7, 7, 7], [0, 0, 0, 0], [3], [np.nan, np.nan]]
    panel = make_panel(histories, horizon=1, cutoff_slot=CUTOFF)

    scales = series_scales(panel, season_length=2, train_until=CUTOFF)

    np.testing.assert_allclose(scales, [2.5, 0.07, 1, 3, 1])
