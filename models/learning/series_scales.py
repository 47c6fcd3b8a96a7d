"""How much each series usually changes: the unit of its loss."""

import numpy as np

from models.panel import Floats, Panel


def series_scales(panel: Panel, season_length: int, train_until: int) -> Floats:
    """How much each series usually changes from one season to the next, the unit of its loss.

    The mean absolute seasonal difference, as in MASE (Hyndman and Koehler, 2006); of a series
    without one its mean size, and 1 for a series of zeros. At least a hundredth of the mean size.

    Returns:
        Positive, shape `(S,)`.
    """
    scales = np.ones(panel.num_series, np.float32)
    for series, length in enumerate(panel.lengths_until(train_until)):
        y = np.asarray(panel.history(series)[:length], np.float64)
        y = np.where(np.isfinite(y), y, np.nan)
        size = np.nanmean(np.abs(y)) if np.isfinite(y).any() else 0.0
        change = np.abs(y[season_length:] - y[:-season_length])
        typical = np.nanmean(change) if np.isfinite(change).any() else size
        scales[series] = max(typical, 0.01 * size) or 1.0
    return scales
