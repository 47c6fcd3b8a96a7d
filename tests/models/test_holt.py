import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from models import holt
from models.holt import USUAL, HoltConstants, fit_holt, holt_states

HORIZON, CUTOFF = 4, 1000
CONSTANTS = HoltConstants(level=0.5, trend=0.4)
NAN = float("nan")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def panel(make_panel, rng):
    """Series of different length, two with holes, one that is missing at first."""
    histories = [rng.normal(10, 3, size) for size in (40, 7, 25, 1, 40)]
    histories[0][5:9] = NAN
    histories[2][:6] = NAN
    histories[4][-1] = NAN
    return make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)


def by_the_book(y, constants):
    """Holt's recursion step by step, as it is written in textbooks."""
    level, trend, states = NAN, NAN, []
    for value in y.astype(float):
        if np.isnan(level):
            level, trend = value, (NAN if np.isnan(value) else 0.0)
        elif np.isnan(value):
            level += trend
        else:
            before = level
            level = constants.level * value + (1 - constants.level) * (level + trend)
            trend = constants.trend * (level - before) + (1 - constants.trend) * trend
        states.append((level, trend))
    return np.array(states)


def changed_after(panel, slot):
    """Other values after a slot, where there were none too."""
    y, observed = panel.y.copy(), panel.observed.copy()
    for end in panel.indptr[1:]:
        rows = slice(end - HORIZON - (CUTOFF - slot), end)
        y[rows], observed[rows] = 1e6, True
    return replace(panel, y=y, observed=observed)


def test_a_case_by_hand(make_panel):
    panel = make_panel([[10, 12, NAN, 15]], horizon=2)

    states = holt_states(panel, HoltConstants(level=0.5, trend=0.5))

    # 12: expected 10, error 2. Missing: on by the trend. 15: expected 12, error 3.
    by_hand = [(10, 0), (11, 0.5), (11.5, 0.5), (13.5, 1.25)]
    np.testing.assert_allclose(states, [*by_hand, (NAN, NAN), (NAN, NAN)])


@pytest.mark.parametrize("cells", [holt.CELLS_AT_ONCE, 7], ids=["at once", "in passes"])
@pytest.mark.parametrize("at_once", [holt.SERIES_AT_ONCE, 2], ids=["all series", "two at once"])
def test_all_series_together_are_as_each_by_the_book(panel, monkeypatch, cells, at_once):
    monkeypatch.setattr(holt, "CELLS_AT_ONCE", cells)
    monkeypatch.setattr(holt, "SERIES_AT_ONCE", at_once)

    states = holt_states(panel, CONSTANTS)

    assert (states.shape, states.dtype) == ((len(panel.y), 2), np.float32)
    for series, (begin, end) in enumerate(zip(panel.indptr[:-1], panel.indptr[1:], strict=True)):
        expected = by_the_book(panel.history(series), CONSTANTS)
        np.testing.assert_allclose(states[begin : end - HORIZON], expected, rtol=1e-5)
        assert np.isnan(states[end - HORIZON : end]).all()


def test_states_are_those_of_statsmodels(make_panel, rng):
    from statsmodels.tsa.holtwinters import Holt

    y = rng.normal(50, 5, 80).astype(np.float32)
    panel = make_panel([y], horizon=HORIZON)

    states = holt_states(panel, CONSTANTS)

    start = {"initial_level": float(y[0]), "initial_trend": 0.0}
    model = Holt(y[1:].astype(float), initialization_method="known", **start)
    fitted = model.fit(smoothing_level=0.5, smoothing_trend=0.4, optimized=False)
    np.testing.assert_allclose(states[1:-HORIZON, 0], fitted.level, rtol=1e-5)
    np.testing.assert_allclose(states[1:-HORIZON, 1], fitted.trend, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("slot", [CUTOFF - 30, CUTOFF - 8, CUTOFF - 1])
def test_what_comes_after_a_row_changes_no_byte_of_its_state(panel, slot):
    before, after = (holt_states(each, CONSTANTS) for each in (panel, changed_after(panel, slot)))

    up_to = panel.rows(np.arange(panel.num_series), np.array(slot))
    for begin, row in zip(panel.indptr[:-1], up_to, strict=True):
        assert after[begin : row + 1].tobytes() == before[begin : row + 1].tobytes()
    assert after.tobytes() != before.tobytes()


def test_a_value_that_was_not_observed_or_is_not_finite_is_missing(panel):
    observed, y = panel.observed.copy(), panel.y.copy()
    observed[20], y[30] = False, np.inf
    holes = panel.y.copy()
    holes[[20, 30]] = NAN

    states = holt_states(replace(panel, observed=observed, y=y), CONSTANTS)

    np.testing.assert_array_equal(states, holt_states(replace(panel, y=holes), CONSTANTS))


def test_a_series_has_the_state_that_it_has_alone(panel):
    alone = panel.select(np.array([2]))

    states = holt_states(panel, CONSTANTS)[panel.indptr[2] : panel.indptr[3]]

    assert holt_states(alone, CONSTANTS).tobytes() == states.tobytes()


def test_a_memory_mapped_panel_has_the_same_states(panel, tmp_path):
    np.save(tmp_path / "y.npy", panel.y)
    mapped = replace(panel, y=np.load(tmp_path / "y.npy", mmap_mode="r"))

    assert holt_states(mapped, CONSTANTS).tobytes() == holt_states(panel, CONSTANTS).tobytes()


def test_states_are_computed_once_and_kept_no_longer_than_their_panel(panel):
    gc.collect()
    before = len(holt._KEPT)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(holt_states, [panel] * 8, [CONSTANTS] * 8)

    assert all(each is first for each in others)
    assert not first.flags.writeable
    assert holt_states(panel, USUAL) is not first
    holt_states(replace(panel), CONSTANTS)
    gc.collect()
    assert len(holt._KEPT) <= before + 1


@pytest.mark.parametrize(
    ("history", "last"),
    [
        pytest.param(np.full(500, 3.0), (3, 0), id="constant"),
        pytest.param(np.zeros(500), (0, 0), id="zeros"),
        pytest.param(np.full(500, NAN), (NAN, NAN), id="all missing"),
        pytest.param([5.0], (5, 0), id="one step"),
        pytest.param(np.r_[np.full(499, NAN), 5.0], (5, 0), id="one observation"),
    ],
)
def test_a_series_that_says_nothing_gets_the_usual_constants(make_panel, history, last):
    panel = make_panel([history], horizon=HORIZON, cutoff_slot=CUTOFF)

    constants = fit_holt(panel, until=CUTOFF)

    assert constants == USUAL
    np.testing.assert_array_equal(holt_states(panel, constants)[-HORIZON - 1], last)


def test_the_largest_numbers_that_a_panel_holds_stay_finite(make_panel, rng):
    largest = np.finfo(np.float32).max
    panel = make_panel([np.where(rng.random(300) < 0.5, largest, -largest)], horizon=HORIZON)

    states = holt_states(panel, fit_holt(panel, until=CUTOFF))

    assert np.isfinite(states[:-HORIZON]).all()


def test_before_all_series_begin_there_is_nothing_to_fit(panel):
    assert fit_holt(panel, until=CUTOFF - 400) == USUAL


def test_a_series_that_says_nothing_takes_no_part_in_the_fit(make_panel, rng):
    walk = rng.normal(size=300).cumsum()
    empty, flat = np.full(300, NAN), np.full(300, 7.0)

    alone, among = make_panel([walk], horizon=HORIZON), make_panel([empty, walk, flat], horizon=4)

    assert fit_holt(among, until=CUTOFF) == fit_holt(alone, until=CUTOFF)


def test_constants_know_nothing_of_what_comes_after(make_panel, rng):
    histories = [rng.normal(size=400).cumsum(), rng.normal(size=90)]
    panel = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    until = CUTOFF - 20

    fitted = fit_holt(panel, until=until)

    assert fit_holt(changed_after(panel, until), until=until) == fitted
    assert fit_holt(changed_after(panel, until - 150), until=until) != fitted


def test_a_season_is_not_chased_and_a_walk_is(make_panel, rng):
    hours = np.arange(1200)
    season = 50 + 20 * np.sin(hours * 2 * np.pi / 24) + rng.normal(size=1200)
    walk = 50 + rng.normal(size=1200).cumsum()

    slow, fast = (
        fit_holt(make_panel([y], horizon=24, cutoff_slot=2000), until=2000) for y in (season, walk)
    )

    assert slow.level < 0.05
    assert fast.level > 0.5


def test_every_series_counts_alike_whatever_its_unit(make_panel, rng):
    histories = [rng.normal(size=400).cumsum() for _ in range(3)]
    panel = make_panel(histories, horizon=HORIZON)
    scaled = make_panel([histories[0] * 1024, *histories[1:]], horizon=HORIZON)

    assert fit_holt(scaled, until=CUTOFF) == fit_holt(panel, until=CUTOFF)


def test_what_is_found_is_no_worse_than_a_loop_over_the_grid_finds(make_panel, rng):
    y = (rng.normal(size=240).cumsum() + rng.normal(size=240)).astype(np.float32)
    panel = make_panel([y], horizon=1, cutoff_slot=CUTOFF)
    pairs = [(level, trend) for level in holt.LEVELS for trend in holt.TRENDS]

    def error(level, trend):
        states = by_the_book(y, HoltConstants(level, trend))
        return np.abs(y[120:] - states[119:-1].sum(axis=1)).mean()

    fitted = fit_holt(panel, until=CUTOFF, season_lengths=(1,))

    best = min(pairs, key=lambda pair: error(*pair))
    assert error(fitted.level, fitted.trend) <= error(*best)
    assert fitted != HoltConstants(*best), "finer than the grid"
