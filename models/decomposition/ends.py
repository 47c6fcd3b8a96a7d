"""What is put before and after a window, so that its ends are decomposed more like its middle."""

import numpy as np

from models.scores import Doubles

LONGEST_SHARE = 4  # a window over this is put on either side at most, for it costs time


def extended(windows: Doubles, *, season_length: int) -> Doubles:
    """Windows with what the season says of the steps before and after them.

    The steps after the end are those one season before, the steps before the beginning those one
    season after; a season of them, or a quarter of a window where that is less.

    Args:
        windows: Without gaps, shape `(B, L)`.
        season_length: Steps in one season; of one longer than half a window nothing is repeated.

    Returns:
        Shape `(B, L + 2 E)`.

    >>> extended(np.array([[1, 2, 3, 4, 5, 6, 7, 8]]), season_length=2)
    array([[1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 7, 8]])
    """
    length = windows.shape[1]
    if 2 * season_length > length:
        return windows
    more = min(season_length, length // LONGEST_SHARE)
    before = windows[:, season_length - more : season_length]
    after = windows[:, length - season_length : length - season_length + more]
    return np.concatenate([before, windows, after], axis=1)


def cut(components: Doubles, *, length: int) -> Doubles:
    """The steps of the windows themselves, shape `(B, L, M)`.

    Args:
        components: Of extended windows, shape `(B, L + 2 E, M)`.
        length: Steps of a window, `L`.
    """
    begin = (components.shape[1] - length) // 2
    return components[:, begin : begin + length]
