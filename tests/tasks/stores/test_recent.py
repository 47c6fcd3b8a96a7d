from functools import partial

import numpy as np
import pytest

from tasks.stores import recent as module
from tasks.stores.recent import LEAST_BLOCKS, Spans, compare_sizes, count_values, shifts

HORIZON, CUTOFF = 2, 900
DAYS = Spans(recent=24, month=96, season=48)
GAP = np.nan


@pytest.fixture
def build(make_panel):
    return partial(make_panel, horizon=HORIZON, cutoff_slot=CUTOFF, name="s{}")


def size(values):
    """The median size of what is not zero, the obvious way."""
    found = sorted(abs(value) for value in values if not np.isnan(value) and value)
    if len(found) < 6:
        return GAP
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def test_sizes_are_what_a_loop_over_values_finds(build):
    rng = np.random.default_rng(3)
    histories = [np.rint(rng.normal(0, 2, length)) for length in (5, 23, 24, 30, 119, 120, 300)]
    for y in histories:
        y[1:][rng.random(len(y) - 1) < 0.4] = GAP
    found = compare_sizes(build(histories), DAYS)

    for series, y in enumerate(histories):
        recent, usual = size(y[-24:]), size(y[-120:-24])
        assert found["recent_size"][series] == pytest.approx(recent, nan_ok=True)
        assert found["usual_size"][series] == pytest.approx(usual, nan_ok=True)
        ratio = max(recent / usual, usual / recent)
        assert found["level_ratio"][series] == pytest.approx(ratio, nan_ok=True)


def test_sizes_do_not_depend_on_how_many_series_are_looked_at_together(build, monkeypatch):
    panel = build([np.arange(1.0, length) for length in (200, 90, 150)])
    together = compare_sizes(panel, DAYS)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 1)
    for name, sizes in compare_sizes(panel, DAYS).items():
        np.testing.assert_array_equal(sizes, together[name])


@pytest.mark.parametrize("factor", [1000, 0.001, 60, -24])
def test_another_unit_shows_in_the_sizes_on_its_first_day(build, factor):
    y = 20 + np.sin(np.arange(240))
    y[-24:] *= factor
    ratio = compare_sizes(build([y]), DAYS)["level_ratio"][0]
    assert ratio == pytest.approx(max(abs(factor), 1 / abs(factor)), rel=0.05)


def test_an_hour_without_anything_and_an_extreme_do_not_change_the_size(build):
    y = np.full(240, 7.0)
    y[-24:-10], y[-1] = 0, 1e6
    assert compare_sizes(build([y]), DAYS)["level_ratio"][0] == 1


def test_a_season_that_was_seen_before_is_no_new_level(build):
    year = np.r_[np.full(240, 5.0), np.full(48, 90.0), np.full(240, 5.0)]
    again = np.r_[year, np.full(24, 100.0)]
    beyond = np.r_[year, np.full(24, 200.0)]
    first = np.r_[np.full(528, 5.0), np.full(24, 100.0)]
    ratios = compare_sizes(build([again, beyond, first]), DAYS, doubtful=8)["level_ratio"]
    assert ratios == pytest.approx([100 / 90, 40, 20])


def test_values_are_counted_at_the_same_phase_of_earlier_seasons(build):
    whole = np.ones(240)
    half = whole.copy()
    half[-12:] = GAP
    weekend = np.tile(np.r_[np.ones(24), np.full(24, GAP)], 5)[1:]  # every other day
    recent, earlier = count_values(build([whole, half, weekend]), DAYS, age=0)

    assert recent.tolist() == [24, 12, 0]
    assert earlier.tolist() == [[24, 24], [24, 24], [0, 0]]


def test_what_is_late_for_all_is_not_missing(build):
    y = np.ones(240)
    y[-30:] = GAP
    recent, earlier = count_values(build([y, y]), DAYS, age=30)
    assert recent.tolist() == [24, 24]
    assert earlier.tolist() == [[24, 24], [24, 24]]


def test_no_earlier_steps_are_looked_at_than_the_longest_history_has(build):
    y = np.ones(24 + 48 + 10)  # of which the last ten are late, so that one season lacks as many
    y[-20:] = GAP
    _, earlier = count_values(build([y]), DAYS, age=20)
    assert earlier.shape == (1, 0)


def test_a_short_history_has_no_earlier_values(build):
    recent, earlier = count_values(build([np.ones(30)]), DAYS, age=0)
    assert recent.tolist() == [24]
    assert earlier.shape == (1, 0)


def shift_of(y, season=4):
    y = np.asarray(y, np.float32)
    return shifts(y, ~np.isnan(y), np.array([0]), season)[0]


def test_a_shift_is_counted_in_deviations_of_the_levels_before():
    rng = np.random.default_rng(1)
    y = rng.normal(10, 1, 4 * 30)
    y[-4:] += 5
    levels = y.reshape(-1, 4).mean(axis=1)
    expected = (levels[-1] - levels[-5:-1].mean()) / levels[:-1].std()
    assert shift_of(y) == pytest.approx(expected, rel=1e-4)


def test_a_level_that_never_changed_and_then_does_is_a_shift():
    assert shift_of([5.0] * 100 + [6.0] * 4) == pytest.approx(20)
    assert shift_of([5.0] * 104) == 0
    assert shift_of([0.0] * 100 + [1.0] * 4) == np.inf


def test_too_few_or_too_empty_seasons_tell_no_shift():
    assert np.isnan(shift_of([5.0] * 4 * LEAST_BLOCKS))
    assert np.isnan(shift_of([5.0] * 100 + [9.0, GAP, GAP, GAP]))


def shift_by_a_loop(y, season):
    """The shift of one history, the obvious way."""
    count = len(y) // season
    blocks = y[len(y) - count * season :].reshape(-1, season)
    full = 2 * (~np.isnan(blocks)).sum(axis=1) > season
    levels = [
        np.nanmean(block) if enough else GAP for block, enough in zip(blocks, full, strict=True)
    ]
    before = [level for level in levels[:-1] if not np.isnan(level)]
    if len(before) < LEAST_BLOCKS or np.isnan(levels[-1]):
        return GAP
    unit = max(np.std(before), 0.01 * np.mean(np.abs(before)))
    return abs(levels[-1] - np.mean(before[-4:])) / unit


def test_shifts_are_what_a_loop_over_blocks_finds():
    rng = np.random.default_rng(5)
    lengths = [3, 4 * 12 + 3, 4 * 13, 4 * 15 + 1, 200, 161, 90, 123]
    histories = [rng.normal(-3, 5, length) for length in lengths]
    for y in histories:
        y[2:-4:6] = GAP
    histories[4][40:60] = GAP
    histories[5][-3:] = GAP
    y = np.concatenate(histories).astype(np.float64)
    found = shifts(y, ~np.isnan(y), np.cumsum([0, *lengths[:-1]]), 4)
    expected = [shift_by_a_loop(y, 4) for y in histories]

    np.testing.assert_allclose(found, expected)
    assert np.isnan(expected).sum() >= 3
    assert np.isfinite(expected).sum() >= 3


def test_each_series_has_its_own_levels():
    long, short = np.r_[np.full(100, 5.0), np.full(4, 6.0)], np.full(10, 2.0)
    y = np.r_[long, short, long].astype(np.float32)
    found = shifts(y, ~np.isnan(y), np.array([0, 104, 114]), 4)
    assert found[[0, 2]] == pytest.approx([20, 20])
    assert np.isnan(found[1])
