"""What is new about a panel: its last steps held against those of the month before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.panel import Bools, Floats, Ints, Panel
from tasks.stores.ragged import last_of_each

Doubles = NDArray[np.float64]
LEAST_VALUES = 6  # recent values that are not zero, without which nobody can tell their size
LEAST_BLOCKS = 12  # whole seasons that tell how much levels change by themselves
LAST_BLOCKS = 4  # of them the latest, which tell the level that is usual now
STEADY = 0.01  # of the size of the levels: changes below ten times that are no shift
MOST_WINDOWS = 8
NEW = 2.0  # times the largest size so far, or half of the smallest: a series never was like that
CELLS_AT_ONCE = 1 << 21  # few enough for what is gathered of them to stay small


@dataclass(frozen=True)
class Spans:
    """How many steps are compared.

    Attributes:
        recent: The last steps that hold the shortest season, or the horizon if that is less.
        month: Steps before them that say what is usual.
        season: The longest season.
    """

    recent: int
    month: int
    season: int

    @property
    def lags(self) -> Ints:
        """How many steps earlier the recent steps have their likes, at the same phase if it can be.

        >>> Spans(recent=24, month=672, season=168).lags
        array([168, 336, 504, 672])
        >>> Spans(recent=3, month=12, season=12).lags
        array([ 3,  6,  9, 12])
        """
        step = self.season if 2 * self.season <= self.month else self.recent
        return np.arange(1, min(MOST_WINDOWS, self.month // step) + 1) * step


def compare_sizes(panel: Panel, spans: Spans, *, doubtful: float = 1.0) -> dict[str, Doubles]:
    """Sizes of the recent values of each series and of those of the month before.

    The size is the median of the absolute values that are not zero, so that neither the hours in
    which nothing happens nor a single extreme counts. A size that the series had before that month
    is a season and no new level, however unlike the month it is.

    Args:
        panel: The observations.
        spans: How many steps are recent, and how many say what is usual.
        doubtful: Ratios from which on the history is asked whether it knows such sizes.

    Returns:
        `recent_size`, `usual_size` and `level_ratio`, how many times the one is the other, at least
        1, each of shape `(S,)`; NaN where there are too few values. Of a size that was known before
        the ratio is to the nearest known one.
    """
    recent, usual = np.empty((2, panel.num_series))
    steps = spans.recent + spans.month
    at_once = max(1, CELLS_AT_ONCE // steps)
    for begin in range(0, panel.num_series, at_once):
        some = np.arange(begin, min(begin + at_once, panel.num_series))
        values = np.abs(_ending(panel, some, steps))
        values[values == 0] = np.nan
        recent[some] = _median(values[:, spans.month :], least=min(LEAST_VALUES, spans.recent))
        usual[some] = _median(values[:, : spans.month], least=min(LEAST_VALUES, spans.month))
    ratio = np.maximum(recent / usual, usual / recent)
    for series in np.flatnonzero(ratio > doubtful):
        known = _known_sizes(panel, int(series), spans)
        if not len(known):
            continue
        beyond = max(recent[series] / known.max(), known.min() / recent[series])
        if beyond < NEW:
            ratio[series] = max(1.0, min(ratio[series], beyond))
    return {"recent_size": recent, "usual_size": usual, "level_ratio": ratio}


def _known_sizes(panel: Panel, series: int, spans: Spans) -> Doubles:
    """Sizes of all spans as long as the recent one that ended before the month, shape `(n,)`."""
    begin, end = panel.indptr[series], panel.indptr[series + 1] - panel.horizon
    end -= spans.recent + spans.month
    num_spans = max(0, end - begin) // spans.recent
    rows = slice(end - num_spans * spans.recent, end)
    values = np.where(panel.observed[rows], np.abs(panel.y[rows]), np.nan).astype(np.float64)
    values[values == 0] = np.nan
    sizes = _median(values.reshape(-1, spans.recent), least=min(LEAST_VALUES, spans.recent))
    return sizes[~np.isnan(sizes)]


def count_values(panel: Panel, spans: Spans, *, age: int) -> tuple[Ints, Ints]:
    """How many values there are in the recent steps up to the newest value, and were before.

    Args:
        panel: The observations.
        spans: How many steps are recent, and where their likes are.
        age: Steps from the newest value of all series to the cutoff.

    Returns:
        Of each series the recent ones, shape `(S,)`, and those of the same steps of earlier seasons
        or, where the history of all is too short for them, of the steps before, shape `(S, W)`.
    """
    newest = panel.cutoff_slot - age
    longest = int(panel.lengths.max()) - age
    lags = np.array([0, *(lag for lag in spans.lags if lag + spans.recent <= longest)])
    slots = newest - lags[:, None] - np.arange(spans.recent)  # (W + 1, recent)
    counts = np.zeros((panel.num_series, len(lags)), np.int64)
    for window, wanted in enumerate(slots):
        rows = panel.rows(np.arange(panel.num_series)[:, None], wanted[None, :])
        begin, end = panel.indptr[:-1, None], panel.indptr[1:, None]
        inside = (rows >= begin) & (rows < end)
        counts[:, window] = (panel.observed[np.where(inside, rows, begin)] & inside).sum(axis=1)
    return counts[:, 0], counts[:, 1:]


def shifts(y: Floats, observed: Bools, starts: Ints, season: int) -> Doubles:
    """Change of the level over the last season of each series, in deviations of such levels.

    The mean of the last whole season is held against that of the `LAST_BLOCKS` seasons before it;
    the unit is the standard deviation of the means of all seasons before.

    Args:
        y: Values of several histories, one behind the other, shape `(n,)`.
        observed: Which of them are there.
        starts: Where each history begins.
        season: Steps of one season.

    Returns:
        Shape `(S,)`; NaN for less than `LEAST_BLOCKS` whole seasons before the last.
    """
    lengths = np.diff(starts, append=len(y))
    num_blocks = np.where(lengths // season > LEAST_BLOCKS, lengths // season, 0)
    whole = num_blocks * season  # steps at the end of each history
    inside = last_of_each(lengths, whole)
    there = observed[inside].reshape(-1, season)
    count = there.sum(axis=1)
    total = np.where(there, y[inside].reshape(-1, season), 0).sum(axis=1, dtype=np.float64)
    levels = np.full((len(starts), num_blocks.max(initial=1)), np.nan)  # the last at the end
    places = last_of_each(np.full(len(starts), levels.shape[1]), num_blocks)
    levels.ravel()[places] = total / np.where(2 * count > season, count, np.nan)
    return _shifts_of_levels(levels)


def _shifts_of_levels(levels: Doubles) -> Doubles:
    """Distance of the last level of each row from those before, in their deviations.

    Args:
        levels: NaN where they are not known, shape `(S, B)`.
    """
    before, last = levels[:, :-1], levels[:, -1]
    known = ~np.isnan(before)
    count = known.sum(axis=1)
    late = known & (count[:, None] - np.cumsum(known, axis=1) < LAST_BLOCKS)
    told = count >= LEAST_BLOCKS
    least = np.maximum(count, 1)
    filled = np.where(known, before, 0)
    mean = filled.sum(axis=1) / least
    variance = np.where(known, (before - mean[:, None]) ** 2, 0).sum(axis=1) / least
    unit = np.maximum(np.sqrt(variance), STEADY * np.abs(filled).sum(axis=1) / least)
    usual = np.where(late, before, 0).sum(axis=1) / np.maximum(late.sum(axis=1), 1)
    change = np.abs(last - usual)
    sure = np.where(change > 0, np.inf, change)  # where nothing has ever changed; NaN stays NaN
    shift = np.divide(change, unit, out=sure, where=unit > 0)
    return np.where(told, shift, np.nan)


def _ending(panel: Panel, series: Ints, steps: int) -> Doubles:
    """The last steps up to the cutoff, NaN where nothing was observed, shape `(S, steps)`."""
    rows = panel.rows(series[:, None], panel.cutoff_slot + np.arange(1 - steps, 1)[None, :])
    begin = panel.indptr[series][:, None]
    inside = rows >= begin
    rows = np.where(inside, rows, begin)
    return np.where(inside & panel.observed[rows], panel.y[rows], np.nan).astype(np.float64)


def _median(values: Doubles, *, least: int) -> Doubles:
    """Median of each row without NaN; NaN for less than `least` values."""
    ordered = np.sort(values, axis=1)  # NaN at the end
    count = (~np.isnan(values)).sum(axis=1)
    middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    middle = np.minimum(middle, values.shape[1] - 1)
    median: Doubles = np.take_along_axis(ordered, middle, axis=1).mean(axis=1)
    return np.where(count >= least, median, np.nan)
