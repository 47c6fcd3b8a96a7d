from itertools import pairwise

import numpy as np
import pytest

from models.gate.stability import series_stability, stability_index


def index_by_loop(past, recent):
    """The definition, bin by bin."""
    edges = [-np.inf, *sorted(set(np.quantile(past, [k / 10 for k in range(1, 10)]))), np.inf]
    bins = list(pairwise(edges))
    total = 0.0
    for low, high in bins:
        p, r = (
            (sum(low < value <= high for value in values) + 0.5) / (len(values) + 0.5 * len(bins))
            for values in (past, recent)
        )
        total += (r - p) * np.log(r / p)
    return total


@pytest.mark.parametrize("kind", ["normal", "shifted", "counts"])
def test_the_index_is_that_of_the_obvious_loop(kind):
    rng = np.random.default_rng(0)
    past, recent = rng.normal(size=500), rng.normal(size=120)
    if kind == "shifted":
        recent = recent + 1
    if kind == "counts":  # many are equal, so that tenths fall together
        past, recent = rng.poisson(1, 500).astype(float), rng.poisson(2, 120).astype(float)

    index = stability_index(past.astype(np.float32), recent.astype(np.float32))

    assert index == pytest.approx(index_by_loop(past.astype(np.float32), recent.astype(np.float32)))


def test_what_was_not_observed_does_not_count():
    rng = np.random.default_rng(0)
    past, recent = rng.normal(size=(2, 300)).astype(np.float32)
    holes = np.where(np.arange(600) % 2 == 0, np.repeat(recent, 2), np.float32(np.nan))

    assert stability_index(past, holes) == stability_index(past, recent)


@pytest.mark.parametrize(
    ("past", "recent"), [(49, 500), (500, 49)], ids=["a short past", "few recent"]
)
def test_of_too_few_values_nothing_is_said(past, recent):
    assert np.isnan(stability_index(np.zeros(past, np.float32), np.zeros(recent, np.float32)))


def days(count, *, rng):
    return (np.tile(np.arange(24) * 10, count) + rng.normal(size=24 * count)).astype(np.float32)


def test_a_season_is_no_drift_whatever_part_of_it_is_recent():
    y = days(60, rng=np.random.default_rng(1))
    past, recent = y[:960], np.where(np.arange(480) % 24 < 6, y[960:], np.float32(np.nan))

    assert stability_index(past, recent) > 1
    assert series_stability(past, recent, offset=960, season=24) < 0.25
    assert series_stability(past, recent, offset=966, season=24) > 1


def test_a_new_level_is_a_drift():
    rng = np.random.default_rng(2)
    past, recent = days(40, rng=rng), days(10, rng=rng)

    assert series_stability(past, recent, offset=960, season=24) < 0.1
    assert series_stability(past, recent + 3, offset=960, season=24) > 1


def test_a_phase_that_was_never_observed_is_left_out():
    past, recent = np.tile(np.arange(24.0), 20), np.tile(np.arange(24.0), 5)
    past[5::24] = np.nan

    index = series_stability(
        past.astype(np.float32), recent.astype(np.float32), offset=0, season=24
    )

    assert index < 0.01
