"""Several forecasts made into one."""

from typing import Final

import numpy as np

from models.panel import Floats
from models.scores import Doubles

WEIGHTS: Final = "weights"
ROUNDS = 300
RATE = 0.3


def combine(forecasts: Floats, weights: tuple[float, ...] = ()) -> Floats:
    """One forecast of several, level by level.

    Args:
        forecasts: Ascending quantiles of each member, shape `(M, ..., Q)`.
        weights: Non-negative with sum 1, one per member; without any, the median.

    Returns:
        Ascending quantiles, shape `(..., Q)`.
    """
    if weights:
        fused = np.tensordot(np.asarray(weights, np.float32), forecasts, axes=1)
    else:
        fused = np.median(forecasts, axis=0)
    return np.sort(fused, axis=-1)


def learn_weights(
    forecasts: Floats, target: Floats, importance: Floats, levels: tuple[float, ...]
) -> tuple[float, ...]:
    """Weights of the members with the least pinball loss on windows that none has trained on.

    The loss of a weighted mean is convex in the weights, and exponentiated gradients stay
    non-negative with sum one (Kivinen and Warmuth, 1997). The mean over the rounds starts from
    equal weights and moves no farther than the evidence carries it.

    Args:
        forecasts: Quantiles of each member, shape `(M, B, H, Q)`.
        target: What came, NaN where not observed, shape `(B, H)`.
        importance: How much each window counts, positive, shape `(B,)`.
        levels: Quantile levels, `Q` of them.

    Returns:
        Non-negative, sum 1, `M` of them; equal where nothing was observed.
    """
    members = len(forecasts)
    seen = ~np.isnan(target)
    quantiles = forecasts[:, seen].astype(np.float64)  # (M, n, Q)
    unit = np.broadcast_to(importance[:, None], target.shape)[seen][:, None]
    y = target[seen].astype(np.float64)[:, None]
    level = np.asarray(levels)
    weights = np.full(members, 1 / members)
    total = np.zeros(members)
    for turn in range(ROUNDS if len(y) else 0):
        slope = np.where(y < np.tensordot(weights, quantiles, axes=1), 1 - level, -level) * unit
        gradient: Doubles = np.einsum("mnq,nq->m", quantiles, slope)
        gradient -= weights @ gradient
        size = np.abs(gradient).max()
        if size > 0:
            step = RATE / np.sqrt(turn + 1)
            weights = weights * np.exp(-step * gradient / size)
            weights /= weights.sum()
        total += weights
    return tuple((total / total.sum()).tolist()) if len(y) else tuple(weights.tolist())
