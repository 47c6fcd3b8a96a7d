import numpy as np
import pytest

from models.learning import sampling
from models.learning.sampling import Origins, split_origins
from models.learning.settings import TrainingSettings

CUTOFF, HORIZON = 1000, 6
SETTINGS = TrainingSettings(
    "multihead_lstm", 24, HORIZON, (0.5,), season_lengths=(6, 12), windows_per_epoch=64
)


@pytest.fixture
def panel(make_panel):
    rng = np.random.default_rng(0)
    lengths = (300, 300, 300, 40)
    return make_panel([rng.normal(size=n) for n in lengths], horizon=HORIZON, cutoff_slot=CUTOFF)


def test_held_out_targets_are_unseen_in_training(panel):
    split = split_origins(panel, SETTINGS, train_until=980)
    training, (series, origins) = split.training, split.held_out

    last_seen = (training.first + training.counts - 1)[training.counts > 0].max() + HORIZON
    assert split.learned_until(HORIZON) == last_seen
    assert last_seen <= origins.min()
    assert origins.max() + HORIZON == 980
    assert set(series) == {0, 1, 2, 3}


def test_of_long_contexts_fewer_windows_are_held_out_because_they_are_one_batch(panel, monkeypatch):
    series, _ = split_origins(panel, SETTINGS, train_until=980).held_out
    assert len(series) > 3

    monkeypatch.setattr(sampling, "MAX_HELD_OUT_STEPS", 3 * 2 * SETTINGS.context_length)

    fewer, _ = split_origins(panel, SETTINGS, train_until=980).held_out
    assert len(fewer) == 3


def test_everything_reaches_to_the_last_origin_whose_target_may_be_seen(panel):
    everything = split_origins(panel, SETTINGS, train_until=980).everything

    assert (everything.first + everything.counts - 1).tolist() == [980 - HORIZON] * 4


def test_a_history_of_one_window_is_trained_on_and_held_to_it(make_panel):
    panel = make_panel([np.arange(12.0)], horizon=HORIZON, cutoff_slot=CUTOFF)

    split = split_origins(panel, SETTINGS, train_until=CUTOFF)
    series, origins = split.held_out

    assert split.learned_until(HORIZON) == CUTOFF > origins.min(), "nothing is unseen"
    assert split.training.total == 1
    assert (series.tolist(), origins.tolist()) == ([0], [CUTOFF - HORIZON])


def test_every_window_is_drawn_and_no_other():
    origins = Origins(first=np.array([10, 50, 90]), counts=np.array([2, 0, 3]))

    series, slots = origins.draw(500, np.random.default_rng(0))

    assert set(zip(series.tolist(), slots.tolist(), strict=True)) == {
        (0, 10),
        (0, 11),
        (2, 90),
        (2, 91),
        (2, 92),
    }


def test_aligned_origins_lie_whole_patches_before_the_anchor():
    origins = Origins(first=np.array([10, 0]), counts=np.array([30, 30]))

    moved = origins.align(np.array([0, 0, 1, 1]), np.array([25, 12, 24, 23]), anchor=100, every=8)

    # 100 is 4 beyond a multiple of 8; the second origin would have to leave its range.
    assert moved.tolist() == [20, 12, 20, 20]
