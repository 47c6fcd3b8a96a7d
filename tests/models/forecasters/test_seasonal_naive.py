from dataclasses import replace

import numpy as np
import pytest

from models.forecasters import seasonal_naive
from models.forecasters.persistence import load_forecaster
from models.forecasters.seasonal_naive import SeasonalNaive

LEVELS = (0.1, 0.5, 0.9)
NAN = np.nan


def forecast(panel, *, seasons, horizon=None, origin=None, levels=LEVELS):
    """Quantiles of all series from one origin, shape (S, H, Q)."""
    naive = SeasonalNaive(seasons, horizon=horizon or panel.horizon, quantile_levels=levels)
    series = np.arange(panel.num_series)
    origins = np.full(panel.num_series, panel.cutoff_slot if origin is None else origin)
    return naive.predict(panel, series, origins)


def noisy_week(rng, length=1500):
    steps = np.arange(length)
    return 20 + 5 * np.sin(2 * np.pi * steps / 24) + rng.normal(0, 1 + steps % 24 / 4, length)


@pytest.mark.parametrize(
    ("history", "seasons", "median"),
    [
        pytest.param([1, 2, 3, 4, 5, 6], (3,), [4, 5, 6, 4, 5], id="the last season, continued"),
        pytest.param([1, 2, 3, 4, NAN, 6], (3,), [4, 2, 6, 4, 2], id="a gap: the season before"),
        pytest.param(
            [NAN, 2, 3, 4, NAN, 6], (2, 3), [4, 2, 6, 4, 2], id="the longest season first"
        ),
        pytest.param([NAN, NAN, 3, 4], (2, 4), [3, 4, 3, 4, 3], id="then the shorter season"),
        pytest.param([5, 7], (4,), [7, 7, 5, 7, 7], id="then the last observation"),
        pytest.param([9, *[NAN] * 50], (2,), [9] * 5, id="however far back"),
        pytest.param([3], (24, 168), [3] * 5, id="one value"),
        pytest.param([NAN, NAN], (2,), [NAN] * 5, id="never observed"),
        pytest.param([], (2,), [NAN] * 5, id="no history"),
    ],
)
def test_the_median_is_the_latest_value_of_the_same_phase(make_panel, history, seasons, median):
    quantiles = forecast(make_panel([history], horizon=5), seasons=seasons)

    np.testing.assert_array_equal(quantiles[0, :, 1], np.float32(median))


def test_nothing_after_the_origin_is_read(make_panel):
    rng = np.random.default_rng(0)
    panel = make_panel([noisy_week(rng), noisy_week(rng, 400), noisy_week(rng, 30)], horizon=24)
    origin = panel.cutoff_slot - 100
    slots = panel.first_slots.repeat(np.diff(panel.indptr))
    slots = slots + np.arange(len(slots)) - panel.indptr[:-1].repeat(np.diff(panel.indptr))
    y = np.where(slots > origin, np.float32(-1e9), panel.y)
    other = replace(panel, y=y, observed=panel.observed | (slots > origin))

    seen, unseen = (forecast(p, seasons=(24, 168), origin=origin) for p in (panel, other))

    assert seen.tobytes() == unseen.tobytes()


@pytest.mark.parametrize("length", [1, 2, 5, 20, 30, 170, 200, 400, 1500])
@pytest.mark.parametrize("seasons", [(1,), (7,), (24, 168)], ids=str)
def test_any_history_gives_finite_ascending_quantiles(make_panel, length, seasons):
    rng = np.random.default_rng(length)
    history = noisy_week(rng, length) - 20
    history[rng.random(length) < 0.3] = NAN
    history[length // 2] = 1

    quantiles = forecast(make_panel([history], horizon=30), seasons=seasons)

    assert quantiles.dtype == np.float32
    assert quantiles.shape == (1, 30, 3)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_quantiles_of_too_short_a_history_are_the_median(make_panel):
    quantiles = forecast(make_panel([[4, 5, 6]], horizon=2), seasons=(2,))

    assert (quantiles == quantiles[..., 1:2]).all()


def test_a_history_that_shrinks_the_interval_to_nothing_repeats_itself(make_panel):
    quantiles = forecast(make_panel([np.tile([1, 5, 2], 40)], horizon=3), seasons=(3,))

    np.testing.assert_array_equal(quantiles[0], np.float32([[1] * 3, [5] * 3, [2] * 3]))


def test_quantiles_are_those_of_the_changes_at_the_same_phase(make_panel):
    y = noisy_week(np.random.default_rng(2)).astype(np.float32)
    quantiles = forecast(make_panel([y], horizon=24), seasons=(24, 168))

    recent = y[-seasonal_naive.NUM_SEASONS * 168 :].astype(float)
    for step in range(24):
        changes = [
            recent[t] - recent[t - 168]
            for t in range(168, len(recent))
            if (t - len(recent)) % 24 == step
        ]
        expected = np.quantile(changes, LEVELS, method="weibull") - np.median(changes)
        np.testing.assert_allclose(quantiles[0, step] - y[step - 168], expected, atol=1e-4)


def test_uncertainty_grows_with_the_root_of_the_seasons_ahead(make_panel):
    y = 50 + np.random.default_rng(4).normal(size=200)
    quantiles = forecast(make_panel([y], horizon=28), seasons=(7,))

    width = quantiles[0, :, 2] - quantiles[0, :, 0]
    np.testing.assert_allclose(width / width[0], np.sqrt(np.arange(28) // 7 + 1), rtol=1e-5)


def test_a_history_without_negative_values_has_no_negative_quantiles(make_panel):
    counts = np.random.default_rng(5).poisson(0.5, 400)
    quantiles = forecast(make_panel([counts, counts - 1.0], horizon=7), seasons=(7,))

    assert quantiles[0].min() == 0
    assert quantiles[1].min() < -1


def test_a_batch_gives_what_each_window_gives_alone(make_panel, monkeypatch):
    rng = np.random.default_rng(6)
    panel = make_panel([noisy_week(rng, length) for length in (900, 40, 3, 1, 500)], horizon=12)
    naive = SeasonalNaive((6, 24), horizon=12, quantile_levels=LEVELS)
    series = rng.integers(0, 5, 40)
    origins = panel.cutoff_slot - rng.integers(0, 50, 40)
    monkeypatch.setattr(seasonal_naive, "VALUES_AT_ONCE", 1500)

    together = naive.predict(panel, series, origins)

    for window in range(40):
        alone = naive.predict(panel, series[[window]], origins[[window]])
        np.testing.assert_array_equal(together[[window]], alone)


def test_the_interval_covers_what_it_says(make_panel):
    rng = np.random.default_rng(7)
    panel = make_panel([noisy_week(rng, 2000) for _ in range(30)], horizon=24)
    origin = panel.cutoff_slot - 24
    quantiles = forecast(panel, seasons=(24, 168), origin=origin)

    actual = np.stack([panel.history(k)[-24:] for k in range(30)])
    covered = (quantiles[..., 0] <= actual) & (actual <= quantiles[..., 2])
    assert 0.72 < covered.mean() < 0.88


def test_what_is_saved_is_what_is_loaded(make_panel, tmp_path):
    panel = make_panel([noisy_week(np.random.default_rng(8))], horizon=24)
    naive = SeasonalNaive((24, 168), horizon=24, quantile_levels=LEVELS)
    naive.save(tmp_path / "model")
    loaded = load_forecaster(tmp_path / "model")

    windows = panel, np.zeros(1, int), np.array([panel.cutoff_slot])
    assert loaded.predict(*windows).tobytes() == naive.predict(*windows).tobytes()
    assert vars(loaded) == vars(naive)
    assert loaded.trained_until is None


@pytest.mark.parametrize(
    ("seasons", "horizon"),
    [
        pytest.param((), 1, id="no season"),
        pytest.param((0,), 1, id="a season of nothing"),
        pytest.param((7,), 0, id="no horizon"),
    ],
)
def test_impossible_sizes_are_refused(seasons, horizon):
    with pytest.raises(ValueError, match="at least one step"):
        SeasonalNaive(seasons, horizon=horizon, quantile_levels=LEVELS)
