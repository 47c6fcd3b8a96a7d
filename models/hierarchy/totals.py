"""Forecasts of totals from those of their series (bottom-up).

The mean of a total is the sum of the means. Its quantiles are not the sums of quantiles, which
would be those of series that always miss together: they are those of sums in scenarios.
"""

import numpy as np

from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.normal_scores import unrounded, values_at
from models.hierarchy.templates import Templates
from models.panel import Floats
from models.scores import Doubles

SERIES_AT_ONCE = 256  # small enough for the cache of a processor


def total_means(means: Floats, grouping: Grouping) -> Floats:
    """Means of totals, shape `(N, H)`, from those of the series, shape `(S, H)`."""
    return grouping.sums(means.astype(np.float64)).astype(np.float32)


def total_quantiles(
    quantiles: Floats,
    grouping: Grouping,
    templates: Templates,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Floats:
    """Quantiles of totals.

    Args:
        quantiles: Of the series, ascending, shape `(S, H, Q)`.
        grouping: Which series each total holds.
        templates: How they miss together.
        levels: Quantile levels, ascending.
        support: Which values the target can take; the sum of whole numbers is one.

    Returns:
        Ascending, shape `(N, H, Q)`. Those of a total of one series are its own.
    """
    made = np.empty((grouping.num_totals, *quantiles.shape[1:]), np.float32)
    for lead in range(quantiles.shape[1]):
        sums = _scenarios(quantiles[:, lead], grouping, templates, levels=levels, support=support)
        made[:, lead] = np.quantile(sums, levels, axis=1, method="hazen").T
    made = support.fit(made)
    alone = grouping.sizes == 1
    made[alone] = grouping.sums(quantiles)[alone]
    return made


def _scenarios(
    quantiles: Floats,
    grouping: Grouping,
    templates: Templates,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Doubles:
    """Totals at one lead in every scenario, shape `(N, T)`."""
    scores = templates.scores
    sums = np.zeros((grouping.num_totals, len(scores)))
    for begin in range(0, len(quantiles), SERIES_AT_ONCE):
        smooth = unrounded(
            quantiles[begin : begin + SERIES_AT_ONCE], levels=levels, support=support
        )
        values = support.fit(values_at(scores, smooth, levels=levels))  # by rank
        place = (
            templates.ranks[begin : begin + len(values)]
            + np.arange(0, values.size, len(scores))[:, None]
        )
        grouping.add(sums, values.ravel().take(place, mode="clip"), begin=begin)
    return sums
