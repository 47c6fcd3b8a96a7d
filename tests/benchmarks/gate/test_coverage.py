from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.gate import coverage
from benchmarks.gate.coverage import AS_FORECAST, BASELINE, CALIBRATED, SPLIT, Nights

LEVELS = tuple(tenth / 10 for tenth in range(1, 10))


@pytest.fixture
def pool():
    """Counts, and forecasts of them that are too sure: three series, seventy nights, two leads."""
    rng = np.random.default_rng(1)
    target = rng.poisson(40, (3, 70, 2)).astype(np.float32)
    spread = np.array([-2.5, -2, -1.5, -1, 0, 1, 1.5, 2, 2.5], np.float32)
    quantiles = np.rint(40 + spread + np.zeros((3, 70, 2, 1), np.float32))
    return SimpleNamespace(
        target=target, levels=LEVELS, origins=2 * np.arange(70), baseline=quantiles
    )


def test_the_judged_nights_are_the_last_and_know_nothing_of_themselves(pool):
    later = replace_target(pool, night=40)

    for way in coverage.treated(pool, "x", pool.baseline):
        (again,) = (
            nights
            for nights in coverage.treated(later, "x", pool.baseline)
            if nights.how == way.how
        )
        assert way.quantiles.shape == (3, coverage.NIGHTS, 2, 9)
        np.testing.assert_array_equal(way.quantiles[:, :31], again.quantiles[:, :31])
        changed = not np.array_equal(way.quantiles, again.quantiles)
        assert changed == (way.how != AS_FORECAST)


def replace_target(pool, *, night):
    target = pool.target.copy()
    target[:, night] += 100
    return SimpleNamespace(**{**vars(pool), "target": target})


@pytest.mark.parametrize(
    ("how", "least"), [(CALIBRATED, 50), (SPLIT, 70)], ids=["few values, small steps", "split"]
)
def test_both_ways_widen_what_is_too_sure(pool, how, least):
    before, *ways = coverage.treated(pool, "x", pool.baseline)
    (after,) = (nights for nights in ways if nights.how == how)

    assert before.of_leads.max() < 45
    assert after.of_leads.min() > least
    assert after.wql < before.wql


def test_figures_are_those_of_the_worst_network_and_leave_the_baseline_aside(monkeypatch):
    monkeypatch.setattr(coverage, "LARGE", (5, 2, 3))
    target = np.zeros((1, 10, 2))
    right = np.zeros((1, 10, 2, 9))  # sure and right: 80 %
    wrong = right.copy()
    wrong[:, :, 1] = 1
    nights = Nights("a", AS_FORECAST, target, wrong, LEVELS)
    found = [
        nights,
        replace(nights, how=CALIBRATED, quantiles=right),
        replace(nights, who="b"),
        replace(nights, who="b", how=CALIBRATED),
        replace(nights, who=BASELINE, how=CALIBRATED),
    ]

    low, high, outside, *_ = coverage.figures(found)

    assert (low.ours, low.peer) == (pytest.approx(0), pytest.approx(0))
    assert high.ours == pytest.approx(80)
    assert (outside.ours, outside.peer) == (1, 2)
    assert outside.falls_short
    assert len(coverage.listing(found).rows) == 5


def test_the_picture_is_drawn(pool, tmp_path):
    coverage.draw(coverage.treated(pool, "x", pool.baseline), tmp_path / "coverage.png")

    assert (tmp_path / "coverage.png").stat().st_size > 1000
