"""A fold's forecasts know nothing of what came after it."""

import dataclasses

import numpy as np
import pytest

from models.folds import Fold, Plan, folds_by_series, folds_by_time
from models.learning.cross_validation import cross_validate, forecast_fold
from models.learning.settings import TrainingSettings

HORIZON, CUTOFF = 6, 1000
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=12,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    members=1,
    max_epochs=1,
    minutes=1000,  # however busy the machine is, the clock must not hurry the schedule
    units=4,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
    scalings=("last_season",),
)


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def panel(make_panel, rng):
    wave = 10 + 3 * np.sin(np.arange(200) * 2 * np.pi / 6)
    histories = [wave + rng.normal(size=200), 100 + rng.normal(size=200)]
    panel = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    past = rng.normal(size=(len(panel.y), 1)).astype(np.float32)
    return dataclasses.replace(panel, past=past, past_names=("temp",))


def forecasts(panel, fold):
    return forecast_fold(panel, SETTINGS, fold, season_length=6).forecasts


def changed_from(panel, slot, until=CUTOFF):
    """Other values from one slot to another, of the target and of what is not known ahead."""
    y, past, observed = panel.y.copy(), panel.past.copy(), panel.observed.copy()
    for end in panel.indptr[1:]:
        rows = slice(end - HORIZON - (CUTOFF - slot) - 1, end - HORIZON - (CUTOFF - until))
        y[rows] = 1e6
        past[rows] = -1e6
        observed[rows] = True
    return dataclasses.replace(panel, y=y, past=past, observed=observed)


@pytest.mark.train
@pytest.mark.parametrize("window", ["expanding", "rolling"])
def test_what_comes_after_the_training_changes_no_byte_of_what_it_learned(panel, window):
    plan = Plan(folds=2, origins=2, every=6, window=window)
    fold = folds_by_time(panel, plan, end=CUTOFF, horizon=HORIZON)[1]
    until = CUTOFF - SETTINGS.context_length  # of the last forecast no context holds it
    last = dataclasses.replace(fold, origins=np.array([CUTOFF]))
    assert fold.train_until < until

    before = forecasts(panel, last).quantiles
    after = forecasts(changed_from(panel, fold.train_until + 1, until), last).quantiles
    within = forecasts(changed_from(panel, fold.train_until, until), last).quantiles

    assert after.tobytes() == before.tobytes()
    assert within.tobytes() != before.tobytes()


@pytest.mark.train
def test_what_comes_after_an_origin_changes_no_byte_of_its_forecast(panel):
    fold = folds_by_time(panel, Plan(2, 2, 6), end=CUTOFF, horizon=HORIZON)[0]
    first = int(fold.origins[0])

    before = forecasts(panel, fold).quantiles[:, 0]
    after = forecasts(changed_from(panel, first + 1), fold).quantiles[:, 0]

    assert after.tobytes() == before.tobytes()


@pytest.mark.train
def test_a_rolling_fold_learns_nothing_from_before_its_window(panel):
    late = Fold(train_from=900, train_until=960, origins=np.array([970]))
    older = dataclasses.replace(panel, y=panel.y.copy())
    for begin, length in zip(panel.indptr[:-1], panel.lengths, strict=True):
        older.y[begin : begin + length - (CUTOFF - 899)] += 50

    assert forecasts(older, late).quantiles.tobytes() == forecasts(panel, late).quantiles.tobytes()


@pytest.mark.train
def test_a_series_that_is_left_out_changes_nothing_that_is_learned(make_panel, rng):
    wave = 10 + 3 * np.sin(np.arange(200) * 2 * np.pi / 6)
    histories = [wave + rng.normal(size=200) for _ in range(4)]
    panel = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    folds = folds_by_series(panel, Plan(2, 2, 6), end=CUTOFF, horizon=HORIZON, seed=0)
    changed, beside = folds[0].left_out
    y = panel.y.copy()
    y[panel.indptr[changed] : panel.indptr[changed + 1] - HORIZON] += 50
    other = dataclasses.replace(panel, y=y)

    before, after = (
        cross_validate(each, SETTINGS, folds, season_length=6).pooled.quantiles
        for each in (panel, other)
    )

    same = [b.tobytes() == a.tobytes() for b, a in zip(before, after, strict=True)]
    assert same[beside], "a series of its fold"
    assert not same[changed], "what is forecast has a history of its own"
    assert not any(same[k] for k in folds[1].left_out), "series of the fold that learned from it"


@pytest.mark.train
def test_days_after_the_training_change_no_byte_of_a_series_that_is_left_out(panel):
    fold = folds_by_series(panel, Plan(2, 2, 6), end=CUTOFF, horizon=HORIZON, seed=0)[0]
    first = int(fold.origins[0])

    before = forecasts(panel, fold).quantiles[:, 0]
    after = forecasts(changed_from(panel, first + 1), fold).quantiles[:, 0]

    assert after.tobytes() == before.tobytes()


@pytest.mark.train
def test_every_window_is_forecast_once_by_a_training_that_has_not_seen_it(panel):
    plan = Plan(folds=2, origins=2, every=6)
    folds = folds_by_time(panel, plan, end=CUTOFF, horizon=HORIZON)

    made = cross_validate(panel, SETTINGS, folds, season_length=6)

    assert [fold.learned_until for fold in made.folds] == [fold.train_until for fold in folds]
    assert made.pooled.origins.tolist() == np.concatenate([f.origins for f in folds]).tolist()
    assert made.pooled.unique_ids == panel.unique_ids
