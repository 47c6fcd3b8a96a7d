"""Level and trend of every series at every step, as far as that step could know them.

Holt's linear method (Holt, 1957; in the error-correction form of Gardner, 1985):

    error[t] = y[t] - (level[t-1] + trend[t-1])
    level[t] = level[t-1] + trend[t-1] + a error[t]
    trend[t] = trend[t-1] + a b error[t]

A step that is missing has no error, so that the state moves on by its trend. The first observation
is the first level, and the first trend is 0.

One pair of constants serves all series: one that no training has seen has its level and trend from
its first night, and what a network learned to read in them means the same everywhere.

Networks see the seasons themselves, but not what lies before their context. Constants that are good
one step ahead would follow every night down and every noon up. So these are chosen by how well the
line foretells the mean over whole seasons to come, in which the season is averaged out: a level
that swings with it is wrong there, and a slow one wins.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from weakref import WeakKeyDictionary

import numpy as np

from models.panel import Floats, Ints, Panel
from models.scores import Doubles
from models.windows import observed_at

LEVELS = tuple(np.geomspace(0.001, 0.9, 12).tolist())
TRENDS = tuple(np.geomspace(0.001, 0.5, 8).tolist())
REFINEMENTS = 2  # each looks between the neighbours of the best so far
FINER = 5  # values between them, of either constant
MOST_STEPS = 4096  # the latest ones, on which constants are fitted
MOST_SERIES = 256
FEWEST_SEASONS = 8  # in these steps, that a season to average over is known by
SERIES_AT_ONCE = 4096
CELLS_AT_ONCE = 1 << 18  # of series and steps, in memory


@dataclass(frozen=True)
class HoltConstants:
    """How fast level and trend follow what comes, one pair for all series.

    Attributes:
        level: `a`, the share of an error that the level takes over, above 0 and at most 1.
        trend: `b`, the share of the change in the level that the trend does, from 0 to 1.
    """

    level: float
    trend: float


USUAL = HoltConstants(level=0.1, trend=0.01)  # where nothing says what would be better


def fit_holt(panel: Panel, *, until: int, season_lengths: tuple[int, ...] = ()) -> HoltConstants:
    """Choose the constants whose lines foretell best the mean over whole seasons to come.

    The error is absolute, and per series in units of what it is of the last mean carried on, so
    that every series counts alike. It is taken from the later half of the latest steps, of series
    evenly spaced among all; candidates are a grid, then finer ones around the best.

    Args:
        panel: Where the histories are; may be memory-mapped.
        until: Slot of the last step that is looked at.
        season_lengths: Of the target, in steps; without any, what is usual for the grid.

    Returns:
        `USUAL` where no series ever changes, or none is long enough.
    """
    histories = _latest(panel, until)
    seasons = season_lengths or panel.grid.habits.season_lengths
    trial = _Trial.of(histories, _ahead(len(histories), panel.horizon, seasons))
    if trial is None:
        return USUAL
    levels, trends = LEVELS, TRENDS
    best = trial.best(levels, trends)
    for _ in range(REFINEMENTS):
        levels, trends = _around(best.level, levels), _around(best.trend, trends)
        best = trial.best(levels, trends)
    return best


def holt_states(panel: Panel, constants: HoltConstants) -> Floats:
    """Level and trend at every row of a panel, each from this row and earlier ones alone.

    They are computed once for a panel and kept as long as it is, for the last constants asked for.

    Args:
        panel: Where the histories are; may be memory-mapped, and is read in passes.
        constants: As fitted before the steps that are forecast.

    Returns:
        In the unit of the target and in that per step, NaN before the first observation of a series
        and after the cutoff, read-only, shape `(N, 2)`.
    """
    with _LOCK:
        known = _KEPT.get(panel)
        if known is None or known[0] != constants:
            known = constants, _states(panel, constants)
            _KEPT[panel] = known
        return known[1]


_LOCK = threading.Lock()
_KEPT: "WeakKeyDictionary[Panel, tuple[HoltConstants, Floats]]" = WeakKeyDictionary()


def _states(panel: Panel, constants: HoltConstants) -> Floats:
    states = np.full((len(panel.y), 2), np.nan, np.float32)
    largest = np.finfo(np.float32).max
    order = np.argsort(-panel.lengths, kind="stable")  # neighbours begin at nearly the same step
    for first in range(0, len(order), SERIES_AT_ONCE):
        series = order[first : first + SERIES_AT_ONCE]
        filtered = _Filter.begin((len(series),), constants.level, constants.trend)
        for slots in _passes(panel, series):
            target = _target(panel, series, slots)  # (T, S)
            made = np.stack([np.stack(filtered.step(y), axis=-1) for y in target])  # (T, S, 2)
            rows = panel.rows(series, slots[:, None])
            there = rows >= panel.indptr[series]
            states[rows[there]] = np.clip(made[there], -largest, largest)
    states[np.isnan(states[:, 0]), 1] = np.nan
    states.flags.writeable = False
    return states


def _passes(panel: Panel, series: Ints) -> Iterator[Ints]:
    """Slots of all steps of some series up to the cutoff, as many at once as memory shall hold."""
    begin, end = int(panel.first_slots[series].min()), panel.cutoff_slot + 1
    size = max(1, CELLS_AT_ONCE // len(series))
    for first in range(begin, end, size):
        yield np.arange(first, min(first + size, end), dtype=np.int64)


def _target(panel: Panel, series: Ints, slots: Ints) -> Doubles:
    """The target in the order of time, NaN where it was not observed, shape `(T, S)`."""
    y = observed_at(panel, series, slots[:, None]).astype(np.float64)
    return np.where(np.isfinite(y), y, np.nan)


@dataclass(eq=False)
class _Filter:
    """Level and trend under way.

    Attributes:
        level: NaN before the first observation.
        trend: 0 before it.
        of_level, of_trend: Shares of an error that each takes over, broadcast against both.
    """

    level: Doubles
    trend: Doubles
    of_level: Doubles
    of_trend: Doubles

    @classmethod
    def begin(
        cls, shape: tuple[int, ...], level: float | Doubles, trend: float | Doubles
    ) -> "_Filter":
        """Of series that nothing is known of yet, with constants that may be several."""
        rate = np.asarray(level, np.float64)
        return cls(np.full(shape, np.nan), np.zeros(shape), rate, rate * trend)

    def step(self, y: Doubles) -> tuple[Doubles, Doubles]:
        """Level and trend after one more step of every series, NaN where it is missing."""
        expected = self.level + self.trend
        expected = np.where(np.isnan(expected), y, expected)  # the first level is an observation
        error = y - expected
        error = np.where(np.isnan(error), 0, error)
        self.level = expected + self.of_level * error
        self.trend = self.trend + self.of_trend * error
        return self.level, self.trend


def _latest(panel: Panel, until: int) -> Doubles:
    """The latest steps of some of the series, in the order of time, shape `(T, S)`."""
    lengths = panel.lengths_until(until)
    some = np.flatnonzero(lengths)
    if len(some) > MOST_SERIES:
        some = some[np.linspace(0, len(some) - 1, MOST_SERIES).astype(np.int64)]
    num_steps = min(MOST_STEPS, int(lengths[some].max(initial=0)))
    return _target(panel, some, np.arange(until + 1 - num_steps, until + 1, dtype=np.int64))


def _ahead(num_steps: int, horizon: int, seasons: tuple[int, ...]) -> int:
    """Steps of the means that are foretold: whole seasons that hold the horizon.

    The season is the longest that so many steps show several times.

    >>> _ahead(4096, horizon=24, seasons=(24, 168)), _ahead(500, horizon=30, seasons=(24, 168))
    (168, 48)
    """
    season = max((each for each in seasons if FEWEST_SEASONS * each <= num_steps), default=1)
    return max(1, min(-(-horizon // season) * season, num_steps // FEWEST_SEASONS))


def _around(best: float, tried: tuple[float, ...]) -> tuple[float, ...]:
    """Finer values between the neighbours of the best of those that were tried."""
    at = tried.index(best)
    low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
    return tuple(np.geomspace(low, high, FINER).tolist())


@dataclass(frozen=True, eq=False)
class _Trial:
    """What constants are compared on: `T` steps of `S` series.

    Attributes:
        histories: NaN where not observed, shape `(T, S)`.
        ahead: Steps of the means that are foretold.
        means: Of so many steps after each step, NaN where they do not count, shape `(T, S)`.
        share: What an error of each series counts, shape `(S,)`.
    """

    histories: Doubles
    ahead: int
    means: Doubles
    share: Doubles

    @classmethod
    def of(cls, histories: Doubles, ahead: int) -> "_Trial | None":
        """Of histories in the order of time; None where they tell nothing."""
        before = _means(histories, ahead)  # of the steps up to and including each
        means = np.full_like(before, np.nan)
        means[:-ahead] = before[ahead:]
        seen = np.cumsum(~np.isnan(histories), axis=0)
        means[2 * seen < seen[-1:]] = np.nan  # what is said there tells of the start
        change = _mean(np.abs(means - before))
        size = _mean(np.abs(histories))
        unit = np.maximum(change, 0.01 * size)  # as in `learning.series_scales`
        counted = (~np.isnan(means)).sum(axis=0) * unit
        share = np.divide(1, counted, out=np.zeros(len(unit)), where=(counted > 0) & (change > 0))
        return cls(histories, ahead, means, share) if share.any() else None

    def best(self, levels: tuple[float, ...], trends: tuple[float, ...]) -> HoltConstants:
        """The pair with the smallest error, the first of equals."""
        pairs = list(product(levels, trends))
        rates = np.array(pairs)[:, :, None]  # (C, 2, 1)
        filtered = _Filter.begin((len(pairs), len(self.share)), rates[:, 0], rates[:, 1])
        errors = np.zeros(len(pairs))
        middle = (self.ahead + 1) / 2  # where a line has its mean
        for y, mean in zip(self.histories, self.means, strict=True):
            level, trend = filtered.step(y)
            missed = np.abs(level + middle * trend - mean)  # (C, S)
            errors += np.where(np.isnan(missed), 0, missed) @ self.share
        return HoltConstants(*pairs[int(np.argmin(errors))])


def _means(values: Doubles, length: int) -> Doubles:
    """Mean of the steps up to each, NaN where fewer than half of them are known, `(T, S)`."""
    known = ~np.isnan(values)
    count, total = (
        np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(each, axis=0, dtype=np.float64)])
        for each in (known, np.where(known, values, 0))
    )
    mean = np.full(values.shape, np.nan)
    of_count, of_total = count[length:] - count[:-length], total[length:] - total[:-length]
    np.divide(of_total, of_count, out=mean[length - 1 :], where=2 * of_count >= length)
    return mean


def _mean(values: Doubles) -> Doubles:
    """Over time of what is known, 0 of nothing, shape `(S,)`."""
    known = ~np.isnan(values)
    total: Doubles = np.where(known, values, 0).sum(axis=0)
    return total / np.maximum(known.sum(axis=0), 1)
