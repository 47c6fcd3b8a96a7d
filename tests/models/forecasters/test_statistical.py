import warnings
from dataclasses import replace

import numpy as np
import pytest

from models.forecasters import statistical
from models.forecasters.persistence import load_forecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.statistical import METHODS, Statistical, filled
from models.gate.evaluation import evaluate

LEVELS = (0.1, 0.25, 0.5, 0.9)
SEASONS = (6, 12)
HORIZON = 8
NAN = np.nan
COMPILED_FIRST = "AutoCES"  # half a minute, before it forecasts anything
NAMES = [
    pytest.param(name, marks=[pytest.mark.train] if name == COMPILED_FIRST else [])
    for name in METHODS
]
QUICK = ["AutoETS", "HistoricAverage", "MSTL", "SeasonalWindowAverage", "Theta"]


def seasonal(length, seed=0, level=20.0):
    rng = np.random.default_rng(seed)
    return level + 5 * np.sin(np.arange(length) * 2 * np.pi / 6) + rng.normal(0, 1, length)


def statistical_of(name, seasons=SEASONS, levels=LEVELS):
    return Statistical(name, seasons, horizon=HORIZON, quantile_levels=levels)


def naive_of(seasons=SEASONS, levels=LEVELS):
    return SeasonalNaive(seasons, horizon=HORIZON, quantile_levels=levels)


def forecast(forecaster, panel, origin=None):
    """Quantiles of all series from one origin, shape (S, H, Q)."""
    origins = np.full(panel.num_series, panel.cutoff_slot if origin is None else origin)
    return forecaster.predict(panel, np.arange(panel.num_series), origins)


@pytest.fixture
def panel_of(make_panel):
    return lambda *histories: make_panel(list(histories), horizon=HORIZON)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_gives_finite_ascending_quantiles_of_its_own(panel_of, name):
    panel = panel_of(seasonal(60), seasonal(80, 1))

    quantiles = forecast(statistical_of(name), panel)

    assert quantiles.dtype == np.float32
    assert quantiles.shape == (2, HORIZON, len(LEVELS))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert (quantiles != forecast(naive_of(), panel)).any(axis=(1, 2)).all()


@pytest.mark.parametrize("name", ["AutoETS", "MSTL", "SeasonalWindowAverage"])
def test_the_median_follows_the_season(panel_of, name):
    quantiles = forecast(statistical_of(name), panel_of(seasonal(72)))

    truth = 20 + 5 * np.sin(np.arange(72, 72 + HORIZON) * 2 * np.pi / 6)
    assert np.abs(quantiles[0, :, LEVELS.index(0.5)] - truth).max() < 2


@pytest.mark.parametrize("name", QUICK)
def test_nothing_after_the_origin_is_read(panel_of, name):
    panel = panel_of(seasonal(90), seasonal(70, 1))
    origin = panel.cutoff_slot - 20
    slots = panel.first_slots.repeat(np.diff(panel.indptr))
    slots = slots + np.arange(len(slots)) - panel.indptr[:-1].repeat(np.diff(panel.indptr))
    y = np.where(slots > origin, np.float32(-1e9), panel.y)
    other = replace(panel, y=y, observed=panel.observed | (slots > origin))

    seen, unseen = (forecast(statistical_of(name), p, origin=origin) for p in (panel, other))

    assert seen.tobytes() == unseen.tobytes()


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize(
    "history",
    [
        pytest.param([7.0] * 60, id="constant"),
        pytest.param([3.0], id="one value"),
        pytest.param([NAN] * 40, id="never observed"),
        pytest.param([], id="no history"),
        pytest.param([*seasonal(7), *[NAN] * 60], id="few values, long ago"),
    ],
)
def test_the_seasonal_naive_takes_the_place_of_a_window_without_enough(panel_of, name, history):
    panel = panel_of(history, seasonal(60))

    quantiles = forecast(statistical_of(name), panel)

    np.testing.assert_array_equal(quantiles[0], forecast(naive_of(), panel)[0])
    assert (quantiles[1] != forecast(naive_of(), panel)[1]).any()


@pytest.mark.parametrize("name", ["AutoETS", "MSTL", "SeasonalWindowAverage"])
def test_a_history_shorter_than_two_seasons_shows_none(panel_of, name):
    panel = panel_of(seasonal(11))

    np.testing.assert_array_equal(
        forecast(statistical_of(name), panel), forecast(naive_of(), panel)
    )


def test_mstl_takes_the_seasons_that_the_history_holds_twice(panel_of):
    panel = panel_of(seasonal(20))

    short = forecast(statistical_of("MSTL", seasons=(6,)), panel)

    np.testing.assert_array_equal(forecast(statistical_of("MSTL"), panel), short)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NAN, id="NaN"),
        pytest.param(np.inf, id="infinite"),
        pytest.param(1e9, id="run away"),
        pytest.param(ZeroDivisionError("as they do"), id="failed"),
    ],
)
def test_the_seasonal_naive_takes_the_place_of_a_broken_forecast(panel_of, monkeypatch, answer):
    def broken(*_):
        if isinstance(answer, Exception):
            raise answer
        return np.full((HORIZON, len(LEVELS)), answer)

    panel = panel_of(seasonal(60))
    forecaster = statistical_of("AutoETS")
    monkeypatch.setattr(forecaster, "_quantiles", broken)

    np.testing.assert_array_equal(forecast(forecaster, panel), forecast(naive_of(), panel))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("size", [1e-30, 1e-3, 1e9, 1e30], ids=str)
def test_any_unit_gives_finite_ascending_quantiles(panel_of, name, size):
    quantiles = forecast(statistical_of(name), panel_of(seasonal(60) * size))

    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("name", [*QUICK, "CrostonSBA", "IMAPA"])
def test_counts_are_forecast_as_counts(panel_of, name):
    counts = np.random.default_rng(0).poisson(0.7, 72).astype(float)

    quantiles = forecast(statistical_of(name), panel_of(counts))

    assert (quantiles >= 0).all()
    np.testing.assert_array_equal(quantiles, np.rint(quantiles))


@pytest.mark.parametrize("name", QUICK)
def test_windows_do_not_depend_on_each_other_nor_on_the_hour(panel_of, monkeypatch, name):
    monkeypatch.setattr(Statistical, "windows_at_once", 2)
    panel = panel_of(*(seasonal(40 + 9 * k, k) for k in range(5)))
    forecaster = statistical_of(name)
    together = forecast(forecaster, panel)

    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    alone = [
        forecaster.predict(panel, np.array([k]), np.array([panel.cutoff_slot])) for k in range(5)
    ]

    np.testing.assert_array_equal(np.concatenate(alone), together)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_what_statsforecast_warns_of_is_not_heard(panel_of):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for name in QUICK:
            forecast(statistical_of(name, seasons=(30,)), panel_of(seasonal(70)))

    assert heard == []


@pytest.mark.parametrize(
    "levels", [(0.5,), (0.005, 0.5), (0.1, 0.5, 0.6), (0.05, 0.35, 0.5, 0.999)]
)
@pytest.mark.parametrize("name", QUICK)
def test_any_levels_are_served(panel_of, name, levels):
    quantiles = forecast(statistical_of(name, levels=levels), panel_of(seasonal(60)))

    assert quantiles.shape == (1, HORIZON, len(levels))
    assert (np.diff(quantiles, axis=-1) > 0).all()


@pytest.mark.parametrize(
    ("history", "seasons", "expected"),
    [
        pytest.param([NAN, NAN, 1, 2], (2,), [1, 2], id="a leading gap is cut"),
        pytest.param([1, 2, NAN, NAN, NAN, NAN], (2,), [1, 2, 1, 2, 1, 2], id="seasons in a row"),
        pytest.param([1, 2, 3, NAN], (2, 3), [1, 2, 3, 1], id="the longest season first"),
        pytest.param([1, 2, NAN, 9], (2, 5), [1, 2, 1, 9], id="then the shorter one"),
        pytest.param([1, NAN, 3, 4], (3,), [1, 2, 3, 4], id="then the line between neighbours"),
        pytest.param([1, NAN], (3,), [1, 1], id="then the last value"),
        pytest.param([NAN, NAN], (1,), [], id="nothing to fill from"),
    ],
)
def test_gaps_are_filled_from_the_season_before(history, seasons, expected):
    np.testing.assert_array_equal(filled(np.array(history, float), seasons), expected)


def test_filling_answers_to_a_loop():
    rng = np.random.default_rng(0)
    for seed in range(20):
        y = seasonal(50, seed)
        y[rng.random(50) < 0.5] = NAN
        expected = y[np.flatnonzero(~np.isnan(y))[0] :].copy()
        for season in (12, 6):
            for t in range(season, len(expected)):
                if np.isnan(expected[t]):
                    expected[t] = expected[t - season]
        gaps = np.isnan(expected)
        expected[gaps] = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), expected[~gaps])

        np.testing.assert_array_equal(filled(y, SEASONS), expected)


def test_gaps_do_not_stop_a_model(panel_of):
    history = seasonal(72)
    history[np.random.default_rng(0).random(72) < 0.3] = NAN

    panel = panel_of(history)

    assert (forecast(statistical_of("AutoETS"), panel) != forecast(naive_of(), panel)).any()


def test_only_the_last_seasons_are_read(panel_of, monkeypatch):
    monkeypatch.setattr(statistical, "MIN_CONTEXT", 1)
    long = seasonal(200)

    quantiles = forecast(statistical_of("HistoricAverage"), panel_of(long))

    short = forecast(statistical_of("HistoricAverage"), panel_of(long[-48:]))
    np.testing.assert_array_equal(quantiles, short)


def test_a_saved_one_is_read_back(tmp_path, panel_of):
    saved = statistical_of("SeasonalNaive")
    saved.save(tmp_path / "model")

    loaded = load_forecaster(tmp_path / "model")

    panel = panel_of(seasonal(60))
    assert isinstance(loaded, Statistical)
    assert (loaded.name, loaded.trained_until, dict(loaded.covariates)) == (
        "SeasonalNaive",
        None,
        {},
    )
    np.testing.assert_array_equal(forecast(loaded, panel), forecast(saved, panel))


@pytest.mark.parametrize("name", ["Oracle", "seasonal_naive"])
def test_a_name_that_is_not_among_them_is_refused(name):
    with pytest.raises(ValueError, match=f"got '{name}'"):
        statistical_of(name)


def test_levels_without_the_median_are_refused():
    with pytest.raises(ValueError, match="the median"):
        statistical_of("AutoETS", levels=(0.1, 0.9))


def test_progress_is_told_between_small_batches(panel_of, monkeypatch):
    monkeypatch.setattr(Statistical, "windows_at_once", 3)
    panel = panel_of(*(seasonal(60, k) for k in range(4)))
    told = []

    evaluate(
        statistical_of("Naive"),
        panel,
        np.arange(4),
        panel.cutoff_slot - np.array([16, 8]),
        season_length=6,
        progress=lambda done, total: told.append((done, total)),
    )

    assert told == [(3, 8), (6, 8), (8, 8)]


def test_naming_one_does_not_import_statsforecast(elsewhere):
    script = (
        "import sys; from models.forecasters.baselines import build_baseline; "
        "build_baseline('AutoETS', (24,), horizon=2, quantile_levels=(0.5,)); "
        "answer = [name for name in ('statsforecast', 'numba', 'fugue') if name in sys.modules]"
    )

    assert elsewhere(script) == []
