"""Histories of totals.

A total is known where all of its series that have begun by then were observed. One that is missing
would make it look low, and whoever filled the gap would make it look certain.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hierarchy.grouping import Grouping
from models.panel import Floats, Ints, Panel
from models.scores import Doubles
from models.windows import recent_target


def recent_totals(panel: Panel, grouping: Grouping, *, num_steps: int) -> Doubles:
    """The last steps of every total, NaN where it is not known, shape `(N, num_steps)`.

    Args:
        panel: The series, in the order of the grouping.
        grouping: Which series each total holds.
        num_steps: Steps up to and including the cutoff.
    """
    series = np.arange(panel.num_series)
    origins = np.full(panel.num_series, panel.cutoff_slot)
    values = recent_target(panel, series, origins, length=num_steps)
    slots = panel.cutoff_slot + np.arange(1 - num_steps, 1)
    begun = slots >= panel.first_slots[:, None]
    totals = grouping.sums(np.where(begun, values, 0).astype(np.float64))
    totals[grouping.sums(begun.astype(np.float64)) == 0] = np.nan
    return totals


def panel_of_totals(panel: Panel, grouping: Grouping) -> Panel:
    """The totals as series of a panel of their own, for a forecaster.

    A covariate of a total is the mean over its series that have one; static texts are those that
    its series share, else empty.

    Args:
        panel: The series, in the order of the grouping.
        grouping: Which series each total holds.
    """
    width = int(panel.lengths.max()) + panel.horizon
    owner = np.repeat(np.arange(panel.num_series), np.diff(panel.indptr))
    column = np.arange(len(panel.y)) - panel.indptr[owner + 1] + width  # all end together
    cells = grouping.totals[:, owner] * width + column  # (L, rows)
    size = grouping.num_totals * width
    begun, seen = _summed(cells, np.ones(len(panel.y)), size), _summed(cells, panel.observed, size)
    y = np.where(seen == begun, _summed(cells, np.nan_to_num(panel.y), size), np.nan)
    kept = (begun > 0).reshape(grouping.num_totals, width)
    rows = kept.ravel()
    return replace(
        panel,
        unique_ids=tuple(
            f"{level} {label}"
            for level, label in zip(grouping.levels, grouping.labels, strict=True)
        ),
        indptr=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        y=y[rows].astype(np.float32),
        observed=~np.isnan(y[rows]),
        past=_means(cells, panel.past, size)[rows],
        known=_means(cells, panel.known, size)[rows],
        static=_shared(panel, grouping),
    )


def _summed(cells: Ints, values: NDArray[Any], size: int) -> Doubles:
    """Sum of what falls into each cell, shape `(size,)`."""
    weights = np.asarray(values, np.float64)
    made = np.zeros(size)
    for level in cells:
        made += np.bincount(level, weights, size)
    return made


def _means(cells: Ints, covariates: Floats, size: int) -> Floats:
    """Means of every column over what is there, NaN where nothing is, shape `(size, ...)`."""
    made = np.empty((size, covariates.shape[1]), np.float32)
    for at, values in enumerate(covariates.T):
        there = _summed(cells, ~np.isnan(values), size)
        total = _summed(cells, np.nan_to_num(values), size)
        made[:, at] = np.divide(total, there, out=np.full(size, np.nan), where=there > 0)
    return made


def _shared(panel: Panel, grouping: Grouping) -> NDArray[np.str_]:
    """Texts that all series of a total have, shape `(N, C)`."""
    made = np.empty((grouping.num_totals, panel.static.shape[1]), object)
    for totals in grouping.totals:
        for total in np.unique(totals):
            texts = panel.static[totals == total]
            same = (texts == texts[0]).all(axis=0)
            made[total] = np.where(same, texts[0], "")
    return made.astype(np.str_)
