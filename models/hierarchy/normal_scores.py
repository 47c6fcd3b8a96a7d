"""Between values and the normal scores of their places in a forecast.

A forecast is known at its quantile levels. Between two of them a quantile is linear in the normal
score of its level, and beyond the outermost it goes on as between the last two, so that a normal
forecast is exact, tails included: of a sum it matters how far the tails of its parts reach. Whole
numbers are taken as they were before they were rounded.
"""

from statistics import NormalDist

import numpy as np

from models.forecasters.counts import spread_ties
from models.forecasters.support import Support
from models.panel import Floats, Ints
from models.scores import Doubles

LARGEST = 4.0  # that a score may be: of normal forecasts 1 in 16,000 actuals has a larger one
SERIES_AT_ONCE = 256  # in memory
TINY = 1e-9


def normal_scores(
    target: Floats, quantiles: Floats, *, levels: tuple[float, ...], support: Support
) -> Floats:
    """Scores of actuals in their forecasts.

    Args:
        target: What came, NaN where it was not observed, shape `(S, ...)`.
        quantiles: What had been forecast, ascending, shape `(S, ..., Q)`.
        levels: Quantile levels, ascending; of one alone, every score is 0.
        support: Which values the target can take.

    Returns:
        From `-LARGEST` to `LARGEST`, NaN where nothing was observed, shape `(S, ...)`.

    >>> forecast = np.float32([[-1.2816, 0, 1.2816]])
    >>> scores = normal_scores(np.float32([2]), forecast, levels=(0.1, 0.5, 0.9), support=Support())
    >>> scores.round(3).tolist()
    [2.0]
    """
    knots = knots_of(levels)
    made = np.empty(target.shape, np.float32)
    for begin in range(0, len(target), SERIES_AT_ONCE):
        batch = slice(begin, begin + SERIES_AT_ONCE)
        smooth = unrounded(quantiles[batch], levels=levels, support=support)
        made[batch] = _scores(target[batch].astype(np.float64), smooth, knots)
    return made


def values_at(scores: Doubles, quantiles: Doubles, *, levels: tuple[float, ...]) -> Floats:
    """Values that have given scores in every one of many forecasts.

    Args:
        scores: Shape `(T,)`.
        quantiles: Ascending, shape `(S, Q)`, before any rounding.
        levels: Quantile levels, ascending; of one alone, every value is its quantile.

    Returns:
        Shape `(S, T)`.
    """
    knots = knots_of(levels)
    if len(knots) == 1:
        return np.repeat(quantiles.astype(np.float32), len(scores), axis=1)
    slopes = np.diff(quantiles, axis=1) / np.diff(knots)  # (S, Q - 1)
    starts = quantiles[:, :-1] - slopes * knots[:-1]
    piece = np.searchsorted(knots[1:-1], scores)
    made: Floats = starts.astype(np.float32)[:, piece]
    made += slopes.astype(np.float32)[:, piece] * scores.astype(np.float32)
    return made


def unrounded(quantiles: Floats, *, levels: tuple[float, ...], support: Support) -> Doubles:
    """Quantiles before they were rounded, where the target is a whole number."""
    if support.integral:
        return spread_ties(quantiles, levels=levels)
    return quantiles.astype(np.float64)


def knots_of(levels: tuple[float, ...]) -> Doubles:
    """Normal scores of quantile levels, shape `(Q,)`."""
    return np.array([NormalDist().inv_cdf(level) for level in levels])


def _scores(value: Doubles, quantiles: Doubles, knots: Doubles) -> Doubles:
    """The inverse of `values_at`, each actual in a forecast of its own."""
    if len(knots) == 1:
        return value * 0
    after = np.clip((quantiles <= value[..., None]).sum(axis=-1), 1, len(knots) - 1)
    low, high = _at(quantiles, after - 1), _at(quantiles, after)
    # Where quantiles agree, the score of every other value is as large as one may be.
    share = (value - low) / np.maximum(high - low, TINY)
    made = knots[after - 1] + share * (knots[after] - knots[after - 1])
    return np.clip(made, -LARGEST, LARGEST)


def _at(quantiles: Doubles, place: Ints) -> Doubles:
    return np.take_along_axis(quantiles, place[..., None], axis=-1)[..., 0]
