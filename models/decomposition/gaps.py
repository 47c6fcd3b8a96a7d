"""Contexts without gaps, as decompositions need them."""

import numpy as np

from models.panel import Bools, Floats
from models.scores import Doubles


def without_gaps(context: Floats, observed: Bools, *, season_length: int) -> Doubles:
    """The context where it was observed, and between that what is likeliest.

    A missing value is the one a season before, which may itself have been filled, else the one a
    season after: a line through a missing day would bend every component. What no season tells
    lies on the line between its neighbours, and beyond the outermost it is held.

    Args:
        context: 0 where not observed, shape `(B, L)`.
        observed: Shape `(B, L)`.
        season_length: Steps in one season.

    Returns:
        Shape `(B, L)`, zeros where nothing was observed at all.

    >>> context = np.array([[0, 1, 2, 0, 4, 0]], np.float32)
    >>> without_gaps(context, context > 0, season_length=2)
    array([[2., 1., 2., 1., 4., 1.]])
    """
    filled, known = context.astype(np.float64), observed.copy()
    length = context.shape[1]
    later = [slice(at, at + season_length) for at in range(season_length, length, season_length)]
    for block in later:
        _fill(filled, known, block, -season_length)
    for block in reversed(later):
        _fill(filled, known, slice(block.start - season_length, block.start), season_length)
    for row in np.flatnonzero(known.any(axis=1) & ~known.all(axis=1)):
        there = np.flatnonzero(known[row])
        filled[row] = np.interp(np.arange(length), there, filled[row, there])
    return filled


def _fill(filled: Doubles, known: Bools, block: slice, offset: int) -> None:
    """Fill some steps from those `offset` steps away, in place."""
    length = filled.shape[1]
    steps = np.arange(block.start, min(block.stop, length, length - max(offset, 0)))
    take = ~known[:, steps] & known[:, steps + offset]
    filled[:, steps] = np.where(take, filled[:, steps + offset], filled[:, steps])
    known[:, steps] |= take
