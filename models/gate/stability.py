"""Population stability: how far recent values have moved away from those that a model learned from.

Values are compared without their season: from each the median of the same phase in the past is
taken away, so that a fortnight in July is not held against a whole year of nights and days.
"""

import numpy as np

from models.panel import Floats
from models.scores import Doubles

BINS = 10
SMOOTHING = 0.5  # of a value in every bin, so that an empty one has a logarithm (Jeffreys)
FEWEST = 5  # values per bin below which a share is mostly noise
SHIFTED = 0.25  # of the index; below 0.1 nothing has changed, in between a little


def stability_index(past: Floats, recent: Floats) -> float:
    """Population stability index of some values against others.

    The sum over bins of `(r - p) * ln(r / p)`, where `p` and `r` are the shares of the past and of
    the recent values in each; the bins are the tenths of the past. 0 where both are the same,
    without an upper bound; by convention 0.1 is a small change and 0.25 a large one. Chance alone
    makes about `9 (1 / P + 1 / R)` of it where `P` and `R` independent values are compared.

    Source: Siddiqi (2006), Credit Risk Scorecards; what chance makes, Yurdakul (2018). It is the
    divergence of Jeffreys (1946) between the two histograms.

    Args:
        past: Values, NaN where not observed, shape `(P,)`.
        recent: The same, shape `(R,)`.

    Returns:
        NaN where one of them has too few values.

    >>> stability_index(np.arange(100, dtype=np.float32), np.arange(100, dtype=np.float32))
    0.0
    """
    past, recent = (values[~np.isnan(values)] for values in (past, recent))
    if min(len(past), len(recent)) < FEWEST * BINS:
        return float("nan")
    # Of values that repeat, such as zeros, several tenths are one bin.
    edges = np.unique(np.quantile(past.astype(np.float64), np.arange(1, BINS) / BINS))
    before, now = (_shares(values, edges) for values in (past, recent))
    return float(((now - before) * np.log(now / before)).sum())


def series_stability(past: Floats, recent: Floats, *, offset: int, season: int) -> float:
    """Stability index of recent values of a series against those that a model learned from.

    Args:
        past: What it learned from, in the order of time, NaN where not observed, shape `(P,)`.
        recent: Later values, likewise, shape `(R,)`.
        offset: Steps from the first of the past to the first of the recent values.
        season: Steps in the season that is taken away.

    Returns:
        NaN where one of them has too few values.
    """
    padded: Doubles = np.full((-(-len(past) // season), season), np.nan)
    padded.ravel()[: len(past)] = past
    known = ~np.isnan(padded).all(axis=0)
    usual = np.full(season, np.nan)
    usual[known] = np.nanmedian(padded[:, known], axis=0)
    beyond = (
        (values - usual[(start + np.arange(len(values))) % season]).astype(np.float32)
        for start, values in ((0, past), (offset, recent))
    )
    return stability_index(*beyond)


def _shares(values: Floats, edges: Doubles) -> Doubles:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    smoothed = counts.astype(np.float64) + SMOOTHING
    shares: Doubles = smoothed / smoothed.sum()
    return shares
