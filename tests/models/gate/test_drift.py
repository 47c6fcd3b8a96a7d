import numpy as np
import pandas as pd
import pytest

from benchmarks.protocols import SAMPLE
from data_contracts.spec import load_spec
from models.gate.drift import _course, _nearest_before, _quantiles, input_drift, series_drift
from tasks.stores.observations import read_observations

DAY, SPAN, GAP = 24, 14 * 24, 14 * 24
BOUND = 1.5  # as in the spec
HOURS = np.arange(300 * DAY)


def business(*, seed, trend=0.0):
    """A day with its peak, a week, a yearly season, noise that persists, and growth per year."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=len(HOURS))
    for step in range(1, len(noise)):
        noise[step] += 0.8 * noise[step - 1]
    season = 20 * np.sin(2 * np.pi * HOURS / DAY) + 8 * np.sin(2 * np.pi * HOURS / (7 * DAY))
    yearly = 30 * np.sin(2 * np.pi * HOURS / (365 * DAY) + seed)
    return 100 + season + yearly + 3 * noise + trend * HOURS / (365 * DAY)


@pytest.fixture(scope="module")
def years():
    return [business(seed=seed) for seed in range(5)]


CHANGES = {
    "level": lambda recent: recent + 40,
    "scale": lambda recent: 1.6 * recent,
    "spread": lambda recent: recent.mean() + 3 * (recent - recent.mean()),
    "shape": lambda recent: np.roll(recent, 8),
    "order": lambda recent: np.random.default_rng(0).permutation(recent),
    "silence": lambda recent: np.zeros_like(recent),
}


def drift(histories, make_panel):
    panel = make_panel(histories, horizon=DAY)
    return input_drift(panel, learned_until=panel.cutoff_slot - GAP, span=SPAN, season=DAY)


@pytest.mark.parametrize("trend", [0, 60], ids=["seasons", "seasons and growth"])
def test_quiet_nights_of_seasonal_series_raise_no_alarm(trend, make_panel):
    histories = [business(seed=seed, trend=trend) for seed in range(5)]

    nights = [drift([y[:end] for y in histories], make_panel) for end in HOURS[150 * DAY :: 72]]

    assert len(nights) == 50
    assert max(nights) < BOUND


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_all_series_is_a_drift(years, change, make_panel):
    changed = [np.concatenate([y[:-SPAN], change(y[-SPAN:])]) for y in years]

    assert drift(changed, make_panel) > BOUND > drift(years, make_panel)


def test_a_change_of_a_few_series_is_none(years, make_panel):
    changed = [*years[:3], *(np.append(y[:-SPAN], 2 * y[-SPAN:]) for y in years[3:])]

    assert drift(changed, make_panel) < BOUND


def test_what_was_learned_from_before_is_no_drift(years):
    before = years[0].copy()
    before[100 * DAY : 160 * DAY] *= 1.6
    again = before.copy()
    again[-SPAN:] *= 1.6

    known = series_drift(again, gap=GAP, span=SPAN, season=DAY)

    assert (
        known
        < BOUND
        < series_drift(np.append(years[0][:-SPAN], again[-SPAN:]), gap=GAP, span=SPAN, season=DAY)
    )


def test_the_unit_of_a_series_changes_nothing(years):
    expected = series_drift(years[0], gap=GAP, span=SPAN, season=DAY)

    assert series_drift(1000 * years[0] - 7, gap=GAP, span=SPAN, season=DAY) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    "y",
    [
        np.empty(0),
        np.full(9000, np.nan),
        np.full(9000, 3.0),
        np.arange(3 * SPAN, dtype=float),
        np.where(np.arange(9000) > 9000 - SPAN, np.nan, np.arange(9000) % 24),
        np.where(np.arange(9000) < 9000 - SPAN, np.nan, np.arange(9000) % 24),
    ],
    ids=["empty", "nothing observed", "constant", "short", "silent of late", "new"],
)
def test_drift_is_not_known_without_a_history_to_tell_what_is_usual(y):
    assert series_drift(y, gap=GAP, span=SPAN, season=DAY) is None


def test_a_champion_that_learned_from_less_history_than_there_is_windows_knows_no_drift(years):
    assert series_drift(years[0], gap=len(years[0]), span=SPAN, season=DAY) is None
    assert series_drift(years[0], gap=len(years[0]) + 1, span=SPAN, season=DAY) is None


def test_drift_of_a_panel_is_not_known_where_that_of_no_series_is(make_panel):
    assert drift([np.full(9000, 3.0), np.arange(50.0)], make_panel) is None


def test_gaps_count_for_nothing(years):
    rng = np.random.default_rng(1)
    holes = np.where(rng.random(len(HOURS)) < 0.2, np.nan, years[0])

    whole, torn = (series_drift(y, gap=GAP, span=SPAN, season=DAY) for y in (years[0], holes))

    assert torn == pytest.approx(whole, rel=0.3)


def test_profiles_answer_to_a_loop():
    rng = np.random.default_rng(2)
    windows = rng.normal(size=(4, 124))
    windows[rng.random(windows.shape) < 0.1] = np.nan

    quantiles = _quantiles(windows, (~np.isnan(windows)).sum(axis=1))
    course = _course(windows, 24)

    for row, window in enumerate(windows):
        levels = np.linspace(0.05, 0.95, 19)
        np.testing.assert_allclose(quantiles[row], np.nanquantile(window, levels) / 19)
        means = np.array([np.nanmean(window[4 + phase :: 24]) for phase in range(24)])
        np.testing.assert_allclose(course[row], (means - means.mean()) / 24, atol=1e-12)


def test_the_nearest_window_before_answers_to_a_loop():
    rng = np.random.default_rng(3)
    profiles = rng.normal(size=(12, 5))
    profiles[7] = np.nan

    nearest = _nearest_before(profiles, 3)

    for window in range(12):
        past = [np.abs(profiles[window] - each).sum() for each in profiles[window + 3 :]]
        past = [distance for distance in past if np.isfinite(distance)]
        expected = min(past) if len(past) >= 3 else np.nan
        np.testing.assert_equal(nearest[window], expected)


@pytest.mark.parametrize("month", ["2013-06-01", "2013-08-15", "2013-10-16", "2013-12-31"])
def test_the_months_of_the_sample_raise_no_alarm(month, monkeypatch):
    monkeypatch.chdir(SAMPLE.parents[2])
    spec = load_spec(SAMPLE / "spec.yaml")
    panel = read_observations(spec, pd.Timestamp(month, tz=spec.grid.timezone)).panel

    drifts = [
        input_drift(panel, learned_until=panel.cutoff_slot - gap * DAY, span=SPAN, season=168)
        for gap in (14, 28, 42)
    ]

    assert all(drift is None or drift < BOUND for drift in drifts)
    assert drifts[0] is not None
