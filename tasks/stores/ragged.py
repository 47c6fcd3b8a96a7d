"""Runs of rows that lie one behind the other in flat arrays."""

import numpy as np

from models.panel import Bools, Ints


def last_of_each(lengths: Ints, wanted: Ints) -> Bools:
    """Of runs one behind the other, which rows are among the last so many of their run.

    Args:
        lengths: Of the runs, shape `(S,)`.
        wanted: How many of each, at most its length, shape `(S,)`.

    Returns:
        Shape `(N,)`, all runs together.

    >>> last_of_each(np.array([3, 1]), np.array([2, 0])).tolist()
    [False, True, True, False]
    """
    parts = np.column_stack([lengths - wanted, wanted]).ravel()
    return np.repeat(np.tile([False, True], len(lengths)), parts)
