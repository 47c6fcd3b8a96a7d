import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.panel import Panel
from models.standstill import least_share_away

HORIZON = 3
NAN = np.nan


def panel(*histories, firsts=None):
    """Series that all end at slot 99, unless `firsts` says where each begins."""
    rows = [np.array([*history, *[NAN] * HORIZON], np.float32) for history in histories]
    y = np.concatenate(rows) if rows else np.zeros(0, np.float32)
    none = np.zeros((len(y), 0), np.float32)
    return Panel(
        unique_ids=tuple(map(str, range(len(rows)))),
        indptr=np.cumsum([0, *map(len, rows)]),
        y=y,
        observed=~np.isnan(y),
        past=none,
        known=none,
        static=np.zeros((len(rows), 0), dtype=str),
        past_names=(),
        known_names=(),
        static_names=(),
        grid=Grid("h"),
        cutoff_slot=99,
        horizon=HORIZON,
    )


def by_a_loop(known, value):
    """The same, step by step."""
    shares = []
    for last in range(known.first_slots.min() + HORIZON - 1, known.cutoff_slot + 1):
        seen = [
            y
            for k, first in enumerate(known.first_slots)
            for slot in range(max(first, last - HORIZON + 1), last + 1)
            if not np.isnan(y := known.y[known.indptr[k] + slot - first])
        ]
        if seen:
            shares.append(np.mean(np.array(seen) != np.float32(value)))
    return min(shares, default=1.0)


@pytest.mark.parametrize(
    ("histories", "value", "share"),
    [
        pytest.param([[5, 7, 0, 0, 0, 6]], 0, 0.0, id="closed for a horizon"),
        pytest.param([[5, 7, 0, 0, 6, 6]], 0, 1 / 3, id="closed for less"),
        pytest.param([[5, 7, 1, 2, 6, 6]], 0, 1.0, id="never there"),
        pytest.param([[0, 0, 0, 1, 2], [1, 2, 0, 0, 0]], 0, 1 / 3, id="never all together"),
        pytest.param([[5, 7, NAN, NAN, NAN, 0]], 0, 0.0, id="gaps count for nothing"),
        pytest.param([[0.1, 0.1, 0.1]], 0.1, 0.0, id="in the precision of the panel"),
    ],
)
def test_it_is_the_best_stretch_of_all_series_together(histories, value, share):
    assert least_share_away(panel(*histories), value) == pytest.approx(share)


@pytest.mark.parametrize("histories", [[], [[1, 2]]], ids=["no series", "two steps"])
def test_it_is_not_known_before_a_whole_horizon_was_seen(histories):
    assert np.isnan(least_share_away(panel(*histories), 0.0))


def test_it_agrees_with_a_loop_on_random_counts():
    rng = np.random.default_rng(3)
    for _ in range(50):
        histories = [rng.poisson(0.7, rng.integers(3, 12)).astype(float) for _ in range(3)]
        for history in histories:
            history[1:][rng.random(len(history) - 1) < 0.2] = NAN
        known = panel(*histories)
        assert least_share_away(known, 0.0) == pytest.approx(by_a_loop(known, 0.0))
