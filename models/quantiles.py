"""What follows from the quantiles of a forecast."""

import numpy as np

from models.panel import Floats


def mean_of_quantiles(quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """The expected value under quantiles, between two of which all values are equally likely.

    Beyond the outermost levels the distribution is cut off, so a heavy tail counts too little.

    Args:
        quantiles: Ascending on the last axis, shape `(..., Q)`.
        levels: Their levels, `Q` of them, ascending.

    Returns:
        Shape `(...)`, in the unit of the quantiles.

    >>> mean_of_quantiles(np.float32([[0, 1, 8]]), (0.25, 0.5, 0.75)).tolist()
    [3.25]
    """
    inner = np.diff(levels)
    weights = np.zeros(len(levels))
    weights[:-1] += inner / 2
    weights[1:] += inner / 2
    weights[0] += levels[0]
    weights[-1] += 1 - levels[-1]
    mean: Floats = (quantiles @ weights).astype(np.float32)
    return mean
