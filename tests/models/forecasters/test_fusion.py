import numpy as np
import pytest

from data_contracts.errors import RefusedError
from models.forecasters.fusion import HeldOut, combine, learn_weights

LEVELS = (0.1, 0.5, 0.9)


def _quantiles(center, spread):
    return (center[..., None] + spread * np.array([-1, 0, 1])).astype(np.float32)


def _held_out(forecasts, target, importance=None):
    importance = np.ones(len(target)) if importance is None else importance
    origins = np.arange(100, 100 + len(target))
    return HeldOut(forecasts, target, importance, origins, np.full(len(target), 100))


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(10, 3, size=(200, 4)).astype(np.float32)


def test_without_weights_the_median_of_each_level_counts():
    forecasts = np.float32([[[[1, 2, 3]]], [[[2, 3, 9]]], [[[0, 8, 9]]]])

    np.testing.assert_array_equal(combine(forecasts), [[[1, 3, 9]]])


def test_with_weights_each_level_is_a_weighted_mean():
    forecasts = np.float32([[[[1, 2, 3]]], [[[2, 4, 8]]]])

    np.testing.assert_allclose(combine(forecasts, (0.25, 0.75)), [[[1.75, 3.5, 6.75]]])


def test_a_member_that_knows_more_weighs_more(truth):
    rng = np.random.default_rng(1)
    good = _quantiles(truth + rng.normal(0, 0.5, truth.shape), 0.6)
    bad = _quantiles(truth + 20, 0.6)

    weights = learn_weights(_held_out(np.stack([bad, good]), truth), LEVELS)

    assert weights[1] > 0.9
    assert sum(weights) == pytest.approx(1)


def test_learned_weights_are_no_worse_than_the_best_of_a_fine_grid(truth):
    rng = np.random.default_rng(2)
    left = _quantiles(truth + rng.normal(0, 1, truth.shape), 1.2)
    right = _quantiles(truth + rng.normal(0, 2, truth.shape), 1.2)
    forecasts, importance = np.stack([left, right]), rng.uniform(0.5, 2, len(truth))

    def loss(weights):
        error = truth[..., None] - np.tensordot(weights, forecasts, axes=1)
        level = np.array(LEVELS)
        pinball = np.maximum(level * error, (level - 1) * error).mean(axis=(1, 2))
        return (pinball * importance).mean()

    weights = learn_weights(_held_out(forecasts, truth, importance), LEVELS)

    best = min(loss((share, 1 - share)) for share in np.linspace(0, 1, 201))
    assert loss(weights) <= 1.002 * best


def test_steps_that_were_not_observed_do_not_count(truth):
    rng = np.random.default_rng(3)
    forecasts = np.stack([_quantiles(truth + rng.normal(size=truth.shape), 1) for _ in range(3)])
    holes = truth.copy()
    holes[::2] = np.nan

    expected = learn_weights(_held_out(forecasts[:, 1::2], truth[1::2]), LEVELS)

    assert learn_weights(_held_out(forecasts, holes), LEVELS) == pytest.approx(expected)


def test_without_any_observation_all_weigh_the_same(truth):
    forecasts = np.zeros((2, *truth.shape, 3), np.float32)

    weights = learn_weights(_held_out(forecasts, np.full_like(truth, np.nan)), LEVELS)

    assert weights == (0.5, 0.5)


def test_a_window_that_a_member_has_learned_from_is_refused(truth):
    forecasts = np.zeros((2, *truth.shape, 3), np.float32)
    learned = np.full(len(truth), 100)
    learned[7] = 108

    with pytest.raises(RefusedError, match=r"from slot 107 of members that learned up to slot 108"):
        HeldOut(forecasts, truth, np.ones(len(truth)), np.arange(100, 100 + len(truth)), learned)
