"""Scores of forecasts: what each number means, which convention it follows and where it ends.

A target of NaN was not observed: it is left out of every score. A forecast of NaN is never left
out: it makes the score NaN. A score of which nothing is left is NaN as well.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecasters.counts import level_shares

Numbers = NDArray[Any]  # any real dtype; scores are computed in float64
Doubles = NDArray[np.float64]


def pinball(y: Numbers, quantiles: Numbers, *, levels: tuple[float, ...]) -> Doubles:
    """Pinball loss of each step: factor 2, mean over levels.

    The factor 2 makes the loss of the level 0.5 the absolute error. In the unit of the target,
    0 for a perfect forecast, without an upper bound. NaN where `y` was not observed.

    Source: Koenker and Bassett (1978).

    Args:
        y: Target, shape `(...)`.
        quantiles: Forecast, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    >>> pinball(np.array([4.0]), np.array([[3.0, 5.0]]), levels=(0.5, 0.9)).round(3).tolist()
    [0.6]
    """
    above = np.asarray(y, np.float64)[..., None] - quantiles  # (..., Q)
    share = np.asarray(levels)
    loss: Doubles = 2 * np.maximum(share * above, (share - 1) * above).mean(axis=-1)
    return loss


def wql(y: Numbers, quantiles: Numbers, *, levels: tuple[float, ...]) -> float:
    """Weighted quantile loss: sum of the pinball loss over the sum of |y|.

    With the factor 2 and the mean over levels, so that the level 0.5 alone gives WAPE; other tools
    leave out one or the other. 0 is perfect, there is no upper bound, and large series weigh more
    than small ones. NaN where every target is 0 or nothing was observed.

    Source: Salinas et al. (2020), there called the quantile risk.

    Args:
        y: Target, any shape `(...)`.
        quantiles: Forecast, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    >>> wql(np.array([4.0, np.nan]), np.array([[3.0], [9.0]]), levels=(0.5,))
    0.25
    """
    observed = ~np.isnan(y)
    return _ratio(
        pinball(y[observed], quantiles[observed], levels=levels).sum(),
        np.abs(y[observed]).sum(dtype=np.float64),
    )


def mase(y: Numbers, median: Numbers, *, scale: Numbers) -> float:
    """Mean absolute scaled error: mean absolute error per window over its scale, mean over windows.

    Below 1 the forecast errs less than the seasonal naive did one step at a time on the history.
    0 is perfect, there is no upper bound. Windows whose scale is 0 or unknown (a constant or a
    very short history) or whose target was never observed are left out; NaN if all are.

    Source: Hyndman and Koehler (2006).

    Args:
        y: Target, shape `(B, H)`.
        median: Forecast of the level 0.5, shape `(B, H)`.
        scale: `seasonal_error` of the history of each window, shape `(B,)`.

    >>> mase(np.array([[4.0, np.nan]]), np.array([[3.0, 9.0]]), scale=np.array([2.0]))
    0.5
    """
    error = observed_mean(np.abs(median - y.astype(np.float64)), ~np.isnan(y))
    counted = (scale > 0) & ~np.isnan(y).all(axis=-1)
    return _ratio((error[counted] / scale[counted]).sum(), counted.sum())


def seasonal_error(history: Numbers, *, season_length: int) -> float:
    """In-sample mean absolute error of the seasonal naive: what MASE is scaled by.

    The mean of |y[t] - y[t - season_length]| over all pairs of which both were observed; where
    there is no such pair, that of the steps t and t - 1. In the unit of the target; 0 for a
    history that repeats itself exactly, NaN where that leaves no pair either.

    Source: Hyndman and Koehler (2006).

    Args:
        history: One series up to the origin, NaN where not observed, shape `(T,)`.
        season_length: Steps in one season.

    >>> seasonal_error(np.array([1.0, 5.0, 2.0, 8.0]), season_length=2)
    2.0
    """
    for lag in (season_length, 1):
        change = np.abs(history[lag:].astype(np.float64) - history[:-lag])
        if not np.isnan(change).all():
            return float(np.nanmean(change))
    return float("nan")


def coverage(y: Numbers, quantiles: Numbers, *, levels: tuple[float, ...]) -> float:
    """Share of the observed targets inside the widest central interval; see `covered`.

    Between 0 and 1; it is right when it is near the nominal share, not when it is high. NaN where
    nothing was observed.

    Source: Christoffersen (1998), unconditional coverage.

    Args:
        y: Target, any shape `(...)`.
        quantiles: Forecast, ascending, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    >>> coverage(np.array([1.0, 5.0, np.nan]), np.array([[0.0, 2.0]] * 3), levels=(0.1, 0.9))
    0.5
    """
    observed = ~np.isnan(y)
    inside = covered(y[observed], quantiles[observed], levels=levels)
    return _ratio(inside.sum(), observed.sum())


def covered(y: Numbers, quantiles: Numbers, *, levels: tuple[float, ...]) -> Doubles:
    """Whether the widest central interval holds each target: 1 inside, 0 outside.

    A target that equals an end counts in part: as much as lies inside of the probability that the
    forecast gives to this value. With both ends inside, a perfect forecast of small counts would
    cover far more than the nominal share, and one that is too sure would pass for perfect. Of
    targets that equal no quantile nothing changes. A forecast of NaN covers nothing.

    Source: the distribution of the mid-probability of Czado, Gneiting and Held (2009).

    Args:
        y: Target, any shape `(...)`.
        quantiles: Forecast, ascending, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis.

    Returns:
        Shape `(...)`, 0 where `y` was not observed.

    >>> zeros = np.zeros(3)
    >>> covered(np.array([0.0, 1.0]), np.array([zeros, zeros]), levels=(0.1, 0.5, 0.9)).round(9)
    array([0.8, 0. ])
    """
    low, high = central_interval(levels)
    below = level_shares(y, quantiles, levels=levels)
    inside: Doubles = np.nan_to_num(below[..., high] - below[..., low])
    return inside


def bias(y: Numbers, median: Numbers) -> float:
    """Mean error of the median per unit of mean |y|: positive where forecasts are too high.

    0 for a forecast that is right on average, without bounds. NaN where every target is 0 or
    nothing was observed.

    Source: the percent bias of Yapo et al. (1996), as a share and with the sign of the forecast.

    Args:
        y: Target, any shape.
        median: Forecast of the level 0.5, same shape.

    >>> bias(np.array([4.0, 4.0]), np.array([5.0, 5.0]))
    0.25
    """
    observed = ~np.isnan(y)
    error = median[observed] - y[observed].astype(np.float64)
    return _ratio(error.sum(), np.abs(y[observed]).sum(dtype=np.float64))


def central_interval(levels: tuple[float, ...]) -> tuple[int, int]:
    """Positions of the widest pair of levels that leaves as much below as above.

    The level 0.5 alone is the pair of itself, an interval of nominal share 0.

    Raises:
        ValueError: If no two levels add up to 1.

    >>> central_interval((0.05, 0.1, 0.5, 0.9))
    (1, 3)
    """
    for low, level in enumerate(levels):
        for high in range(low, len(levels)):
            if abs(level + levels[high] - 1) < 1e-9:
                return low, high
    raise ValueError(f"Expected two quantile levels that add up to 1, or 0.5, got {levels}.")


def nominal_coverage(levels: tuple[float, ...]) -> float:
    """Share of targets that the widest central interval is meant to hold.

    >>> round(nominal_coverage((0.1, 0.5, 0.9)), 6)
    0.8
    """
    low, high = central_interval(levels)
    return float(levels[high] - levels[low])


def observed_mean(values: Numbers, observed: NDArray[np.bool_]) -> Doubles:
    """Mean over the observed entries of the last axis, NaN where there is none.

    >>> observed_mean(np.array([[1.0, 9.0], [1.0, 1.0]]), np.array([[True, False], [False, False]]))
    array([ 1., nan])
    """
    count = observed.sum(axis=-1)
    total = np.where(observed, values, 0).sum(axis=-1, dtype=np.float64)
    mean: Doubles = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _ratio(total: float, weight: float) -> float:
    return float(total / weight) if weight > 0 else float("nan")
