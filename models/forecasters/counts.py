"""Forecasts of counts: what equal quantiles, and an actual that equals them, say of probability.

Of whole numbers several levels share one value, and an actual often equals it. It is then neither
below nor above these levels: the probability of all lower values lies under the first of them, that
of the value and all lower ones over the last. Where exactly, the published levels do not say.
Between two levels the middle is taken; beyond the outermost the middle too, but of the logarithm,
because tails shrink by a factor with every step. Where all levels agree, the value was certain.

So a perfect forecast of a Poisson or negative binomial count covers 80 % by its deciles on average
over the means from 0 to 40, within half a point. Both ends counted as inside, it would cover 93 %.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


def level_shares(y: NDArray[Any], quantiles: NDArray[Any], *, levels: tuple[float, ...]) -> Doubles:
    """Share of an actual that lies below each level: 1 below its quantile, 0 above, ties between.

    The distribution of the mid-probability (Czado, Gneiting and Held, 2009): the actual is spread
    evenly over the probabilities that its value takes. Under a perfect forecast the mean share of
    every level is the level. Of values without ties it is 0 or 1.

    Args:
        y: Actuals, shape `(...)`.
        quantiles: Forecast, ascending, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    Returns:
        Shape `(..., Q)`, NaN where the actual or the forecast is.

    >>> level_shares(np.array([0.0, 1.0]), np.array([[0, 0, 2], [1, 5, 9]]), levels=(0.1, 0.5, 0.9))
    array([[0.125     , 0.70833333, 1.        ],
           [0.25      , 1.        , 1.        ]])
    """
    value = np.asarray(y)[..., None]
    below, up_to = (quantiles < value).sum(axis=-1), (quantiles <= value).sum(axis=-1)
    before, after = _probabilities(below, up_to, levels)
    before, size = before[..., None], (after - before)[..., None]
    share = np.asarray(levels) - before
    shares = np.divide(share, size, out=(share > 0).astype(np.float64), where=size > 0)
    unknown = np.isnan(value) | np.isnan(quantiles).any(axis=-1, keepdims=True)
    return np.where(unknown, np.nan, np.clip(shares, 0, 1))


def spread_ties(quantiles: NDArray[Any], *, levels: tuple[float, ...]) -> Doubles:
    """Quantiles before they were rounded to whole numbers, as far as ties tell.

    The levels that share a value lie in the interval of numbers that are rounded to it, each where
    its probability puts it. An actual that is spread over the same interval lies below a level with
    the probability that `level_shares` gives (jittering; Machado and Santos Silva, 2005).

    Args:
        quantiles: Forecast of whole numbers, ascending, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    >>> spread_ties(np.array([[0.0, 0.0, 2.0]]), levels=(0.1, 0.5, 0.9)).round(2).tolist()
    [[-0.38, 0.21, 2.25]]
    """
    before, after = _probabilities(*_runs(quantiles), levels)
    return quantiles - 0.5 + (np.asarray(levels) - before) / (after - before)


def _runs(quantiles: NDArray[Any]) -> tuple[Ints, Ints]:
    """Number of levels below the value of each level, and up to it, shape `(..., Q)`."""
    number = quantiles.shape[-1]
    place = np.broadcast_to(np.arange(number), quantiles.shape)
    begins = np.ones(quantiles.shape, bool)
    begins[..., 1:] = quantiles[..., 1:] != quantiles[..., :-1]
    ends = np.ones(quantiles.shape, bool)
    ends[..., :-1] = begins[..., 1:]
    below = np.maximum.accumulate(np.where(begins, place, 0), axis=-1)
    last = np.where(ends, place + 1, number)[..., ::-1]
    return below, np.minimum.accumulate(last, axis=-1)[..., ::-1]


def _probabilities(below: Ints, up_to: Ints, levels: tuple[float, ...]) -> tuple[Doubles, Doubles]:
    """Probability of all lower values, and of these and the value itself.

    Args:
        below: Number of levels whose quantile lies below the value.
        up_to: Number of those whose quantile is the value or lies below it, same shape.
        levels: Quantile levels, ascending, `Q` of them.
    """
    share = np.asarray(levels)
    middle = np.concatenate([share[:1], share[1:] + share[:-1], share[-1:] + 1]) / 2
    tied = up_to > below
    lowest, highest = tied & (below == 0), tied & (up_to == len(share))
    before, after = middle[below], middle[up_to]
    first, last = share[0] ** 2 / after, 1 - (1 - share[-1]) ** 2 / (1 - before)
    certain = lowest & highest
    return (
        np.where(certain, 0, np.where(lowest, first, before)),
        np.where(certain, 1, np.where(highest, last, after)),
    )
