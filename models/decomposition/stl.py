"""Trend, season and rest by loess."""

import numpy as np

from models.decomposition.settings import STL_COMPONENTS
from models.scores import Doubles


def parts(windows: Doubles, *, season_length: int) -> Doubles:
    """Trend, season and rest of each window by STL (Cleveland et al., 1990), not the robust one.

    Loess weighs only neighbours that exist, so the ends need no extension: there the line through
    the neighbours on one side is drawn.

    Args:
        windows: Without gaps, shape `(B, L)`.
        season_length: Steps in one season, at least 2 and at most half of `L`.

    Returns:
        Shape `(B, L, 3)`.
    """
    from statsmodels.tsa.seasonal import STL

    components = np.empty((*windows.shape, STL_COMPONENTS))
    for window, place in zip(windows, components, strict=True):
        fitted = STL(window, period=season_length).fit()
        place[:] = np.stack([fitted.trend, fitted.seasonal, fitted.resid], axis=-1)
    return components
