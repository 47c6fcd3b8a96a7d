import numpy as np
import pytest

from models.hierarchy.templates import FEWEST, MOST, Templates


def correlation(templates, first=0, second=1):
    return np.corrcoef(templates.ranks[first], templates.ranks[second])[0, 1]


@pytest.fixture
def scores():
    """Two series that miss together, and one that misses alone: 20 origins, 24 leads."""
    rng = np.random.default_rng(0)
    storm, own = rng.normal(size=(20, 24)), rng.normal(size=(3, 20, 24))
    return np.stack([storm + 0.5 * own[0], storm + 0.5 * own[1], own[2]]).astype(np.float32)


def test_every_series_has_every_rank_once(scores):
    ranks = Templates.learn(scores, seed=7).ranks
    assert ranks.shape == (3, 480)
    np.testing.assert_array_equal(np.sort(ranks, axis=1), np.tile(np.arange(480), (3, 1)))


def test_series_go_together_as_they_did(scores):
    templates = Templates.learn(scores, seed=7)
    assert correlation(templates) == pytest.approx(
        np.corrcoef(scores[0].ravel(), scores[1].ravel())[0, 1], abs=0.05
    )
    assert abs(correlation(templates, 0, 2)) < 0.15


@pytest.mark.parametrize(("origins", "count"), [(1, 408), (20, 480), (100, MOST)])
def test_there_are_neither_few_nor_very_many_scenarios(scores, origins, count):
    more = np.tile(scores, (1, 5, 1))[:, :origins]
    templates = Templates.learn(more, seed=7)
    assert templates.ranks.shape[1] == len(templates.scores) == count
    assert correlation(templates) > 0.6


def test_steps_that_were_not_observed_are_spread_over_all_ranks(scores):
    gaps = np.random.default_rng(1).random(scores.shape) < 0.2
    templates = Templates.learn(np.where(gaps, np.nan, scores), seed=7)
    missed = templates.ranks[0][gaps[0].ravel()]
    assert missed.mean() == pytest.approx(240, abs=40)
    assert correlation(templates) > 0.4


def test_a_series_that_is_new_borrows_how_another_went(scores):
    newcomer = np.concatenate([scores, np.full((1, 20, 24), np.nan, np.float32)])
    templates = Templates.learn(newcomer, seed=7)
    assert any((templates.ranks[3] == ranks).all() for ranks in templates.ranks[:3])


def test_where_nothing_is_known_all_series_miss_together():
    templates = Templates.learn(np.full((3, 4, 5), np.nan, np.float32), seed=7)
    assert templates.ranks.shape == (3, FEWEST)
    assert correlation(templates) == pytest.approx(1)


def test_the_same_seed_gives_the_same_scenarios(scores):
    tied = np.round(scores)
    first, second, other = (Templates.learn(tied, seed=seed).ranks for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
