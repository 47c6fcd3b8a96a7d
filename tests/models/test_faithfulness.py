import dataclasses

import numpy as np
import pytest

from models.faithfulness import faithfulness, without_patches
from models.windows import recent_target

STEPS = np.full(4, 6)


@dataclasses.dataclass(frozen=True)
class ReadsOnePatch:
    """Forecasts the mean of one past patch, 1 for the last one, and 0 where it is not there."""

    back: int
    spread: float = 1.0
    horizon: int = 6

    def predict(self, panel, series, origins):
        past = recent_target(panel, series, origins, length=24).reshape(len(series), 4, 6)
        mean = np.nan_to_num(past[:, 4 - self.back]).mean(axis=1)
        levels = self.spread * np.array([-1, 0, 1])
        return np.broadcast_to(mean[:, None, None] + levels, (len(series), self.horizon, 3)).astype(
            np.float32
        )


@pytest.fixture
def panel(make_panel):
    rng = np.random.default_rng(0)
    return make_panel([10 + rng.random(40) for _ in range(30)], horizon=6)


def looks(back, num_series=30):
    weights = np.full((num_series, 4), 0.1, np.float32)
    weights[:, 4 - back] = 0.7
    return weights


@pytest.mark.parametrize("back", [2, 3, 4])
def test_attention_to_the_one_patch_that_is_read_is_faithful(panel, back):
    found = faithfulness(ReadsOnePatch(back), panel, looks(back), STEPS, seed=1)

    assert (found.series, found.held, found.held_random, found.held_older) == (30, 1, 1, 1)
    assert found.most == pytest.approx(10.5 / 2, rel=0.05)
    assert (found.least, found.random) == (0, 0)


def test_attention_to_the_last_patch_does_not_count_among_the_older_ones(panel):
    weights = looks(1)
    weights[:, 1] = 0.05

    found = faithfulness(ReadsOnePatch(1), panel, weights, STEPS, seed=1)

    assert (found.held, found.held_older) == (1, 0)


def test_attention_to_a_patch_that_nobody_reads_is_not_faithful(panel):
    found = faithfulness(ReadsOnePatch(3), panel, looks(2), STEPS, seed=1)

    assert found.held == 0
    assert found.most == 0
    assert found.held_random == 0
    assert 0 < found.random < 10.5 / 2  # every third draw is what is read


def test_series_with_nothing_to_compare_do_not_count(make_panel):
    panel = make_panel([10 + np.arange(40.0), np.ones(4), np.full(40, np.nan)], horizon=6)
    weights = looks(2, num_series=3)

    found = faithfulness(ReadsOnePatch(2), panel, weights, STEPS, seed=1)

    assert (found.series, found.held) == (1, 1)
    assert faithfulness(ReadsOnePatch(2), panel, np.full((3, 4), 0.25), STEPS, seed=1) is None


def test_without_a_width_the_changes_have_no_unit_and_are_compared_all_the_same(panel):
    found = faithfulness(ReadsOnePatch(2, spread=0), panel, looks(2), STEPS, seed=1)

    assert found.held == 1
    assert np.isnan(found.most)


def test_the_same_seed_draws_the_same_patches(panel):
    def asked(seed):
        return faithfulness(ReadsOnePatch(3), panel, looks(2), STEPS, seed=seed)

    assert asked(1) == asked(1)
    assert asked(1).random != asked(2).random


def test_a_removed_patch_is_a_gap_and_nothing_else_changes(make_panel):
    panel = make_panel([np.arange(30.0), np.arange(9.0)], horizon=2)

    without = without_patches(panel, np.array([3, 6, 6]), np.array([0, 1]))

    gone = np.flatnonzero(np.isnan(without.y) & ~np.isnan(panel.y))
    assert panel.y[gone].tolist() == [15, 16, 17, 0, 1, 2]
    np.testing.assert_array_equal(without.observed, ~np.isnan(without.y))
    assert not np.isnan(panel.y[gone]).any()
