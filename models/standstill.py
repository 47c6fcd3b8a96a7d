"""Whether all series of a panel have ever stood still at one value."""

import numpy as np

from models.panel import Ints, Panel


def least_share_away(panel: Panel, value: float) -> float:
    """Least share of observed values that differ from one value in any stretch of `horizon` steps.

    All series count together. It is 0 where they have once been at the value for a whole horizon,
    such as at 0 on a night or a holiday on which everything is closed; small where they are there
    most of the time, such as counts of rare events; and near 1 where the value is none of theirs.

    Args:
        panel: The histories; nothing after the cutoff is read.
        value: In the unit of the target.

    Returns:
        NaN where no history is as long as the horizon.
    """
    lengths, horizon = panel.lengths, panel.horizon
    first = panel.first_slots.min(initial=panel.cutoff_slot)
    num_steps = panel.cutoff_slot - first + 1
    if num_steps < horizon:
        return float("nan")
    observed, away = np.zeros((2, num_steps), np.int64)
    for begin, length in zip(panel.indptr[:-1], lengths, strict=True):
        rows = slice(begin, begin + length)
        there = panel.observed[rows]
        observed[-length:] += there
        away[-length:] += there & (panel.y[rows] != np.float32(value))
    seen, differing = _stretches(observed, horizon), _stretches(away, horizon)
    known = seen > 0
    return float(np.min(differing[known] / seen[known], initial=1.0))


def _stretches(counts: Ints, num_steps: int) -> Ints:
    """Sums over every stretch of so many steps."""
    sums = np.cumsum(np.concatenate([[0], counts]))
    stretches: Ints = sums[num_steps:] - sums[:-num_steps]
    return stretches
