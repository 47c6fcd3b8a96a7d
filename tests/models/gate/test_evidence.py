from dataclasses import replace

import numpy as np
import pytest

from models.gate.evidence import Chance, draw_blocks, gain

CHANCE = Chance(block_length=4, resamples=500)
NIGHTS = 400
NIGHT_ERROR = (0.05 * 0.95 / NIGHTS) ** 0.5  # of a share of nights


def losses(rng, *, num_series=12, num_origins=14, of_series=0.0, of_origins=0.0, of_windows=0.1):
    """Losses of two equals whose difference has three sources."""
    parts = (
        of_series * rng.normal(size=(2, num_series, 1)),
        of_origins * rng.normal(size=(2, 1, num_origins)),
        of_windows * rng.normal(size=(2, num_series, num_origins)),
    )
    return np.exp(sum(parts))


@pytest.fixture
def pair():
    return losses(np.random.default_rng(1))


def test_the_gain_is_that_of_the_means_over_origins_of_the_means_over_series(pair):
    theirs, ours = pair
    odd = np.random.default_rng(2).random(theirs.shape) < 0.3
    theirs[odd] = np.nan

    found = gain(theirs, ours, CHANCE, alpha=0.05)

    means = [np.mean([loss[~odd[:, o], o].mean() for o in range(14)]) for loss in (theirs, ours)]
    assert found.mean == pytest.approx(1 - means[1] / means[0])
    assert found.at_least < found.mean < found.at_most


def test_a_gain_that_is_the_same_everywhere_leaves_nothing_to_chance(pair):
    assert gain(pair[0], 0.9 * pair[0], CHANCE, alpha=0.05) == pytest.approx((0.1, 0.1, 0.1))


def test_a_smaller_alpha_gives_wider_bounds(pair):
    wide, narrow = (gain(*pair, CHANCE, alpha=alpha) for alpha in (0.01, 0.2))

    assert wide.at_least < narrow.at_least < narrow.at_most < wide.at_most


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"of_series": 0.1, "of_windows": 0.02}, id="series"),
        pytest.param({"of_origins": 0.1, "of_windows": 0.02}, id="origins"),
        pytest.param({}, id="windows"),
    ],
)
def test_equals_seem_better_no_more_often_than_accepted(source):
    rng = np.random.default_rng(12)
    bounds = [gain(*losses(rng, **source), CHANCE, alpha=0.05) for _ in range(NIGHTS)]

    assert np.mean([found.at_least > 0 for found in bounds]) <= 0.05 + 2 * NIGHT_ERROR


def test_what_differs_between_series_counts_as_chance(pair):
    rng = np.random.default_rng(5)
    theirs, ours = losses(rng, of_series=0.1, of_windows=0.01)

    alone = gain(
        theirs.mean(axis=0, keepdims=True), ours.mean(axis=0, keepdims=True), CHANCE, alpha=0.05
    )
    together = gain(theirs, ours, CHANCE, alpha=0.05)

    assert together.at_most - together.at_least > 3 * (alone.at_most - alone.at_least)


def test_many_series_are_drawn_in_parts_with_the_same_result(pair, monkeypatch):
    whole = gain(*pair, CHANCE, alpha=0.05)
    monkeypatch.setattr("models.gate.evidence.VALUES_AT_ONCE", 100)

    assert gain(*pair, CHANCE, alpha=0.05) == whole


def test_the_seed_decides_the_bounds(pair):
    assert gain(*pair, CHANCE, alpha=0.05) == gain(*pair, CHANCE, alpha=0.05)
    assert gain(*pair, CHANCE, alpha=0.05) != gain(*pair, replace(CHANCE, seed=8), alpha=0.05)


def test_a_reference_without_loss_is_not_beaten():
    nothing = np.zeros((3, 14))

    assert gain(nothing, nothing, CHANCE, alpha=0.05) == (0, 0, 0)
    assert gain(nothing, nothing + 1, CHANCE, alpha=0.05).at_most < 0


def test_blocks_are_runs_of_origins_around_the_circle():
    drawn = draw_blocks(np.random.default_rng(7), 14, length=3, resamples=500)

    assert drawn.shape == (500, 14)
    within = np.arange(1, 14) % 3 != 0
    assert (np.diff(drawn, axis=1) % 14 == 1)[:, within].all()
    assert set(np.unique(drawn)) == set(range(14))
