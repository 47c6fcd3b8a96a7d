"""Calibration: what the last forecasts missed moves the quantiles of the next one.

Networks learn from the past and are overtaken by the present: a stormy month, a new season, more
confidence than they deserve. The errors of the last origins say so long before the next training.

Every level is followed by itself (adaptive conformal inference: Gibbs and Candès, 2021; on the
quantile instead of the level: Angelopoulos, Candès and Tibshirani, 2023). Where more actuals than
its share came to lie below it, it goes down, else up. As each step is in proportion to the miss,
the misses of a long run add up to no more than one shift over the gain: the shares come out right
whatever the forecaster does. A level has three shifts, which learn from means of more and more
values: one for all, one for each lead, and one for each series. Where few values were observed,
steps are small; a series without errors of its own takes the first two.

Shifts are in widths of the forecast at hand, so that quiet nights move little and busy noons much;
their steps in widths of what is published, if that is narrower.
Forecasts of counts are moved as they were before they were rounded, as far as ties tell, and are
rounded again; steps follow what would have been published.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np

from models.forecasters.counts import level_shares, spread_ties
from models.forecasters.forecaster import Forecaster
from models.forecasters.support import Support
from models.panel import Floats, Ints, Panel
from models.scores import Doubles, Numbers

# Shares of the step that would make up for a miss at once, were errors normal (Newton's).
# Larger ones follow faster and pay for it in noise where series are few: chosen on ETTh1 (7 series)
# and on August to October of the sample (20), as docs/calibration.md shows.
GAIN_OF_LEAD = 0.4
GAIN_OF_ALL = 0.25
GAIN_OF_SERIES = 0.05
FEW = 60  # values of which the mean counts half
MOST = 30  # that a mean counts as: the values of one origin share its weather
LEAST_WIDTH = 0.01  # of a forecast, in which steps are counted
SERIES_AT_ONCE = 4096  # in memory


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far the levels of a forecast are moved.

    Attributes:
        levels: Quantile levels, ascending, `Q` of them.
        support: Which values the target can take.
        of_lead: Shift of each lead and level, in widths of a forecast, shape `(H, Q)`.
        of_series: What each series adds to it, shape `(S, Q)`.
    """

    levels: tuple[float, ...]
    support: Support
    of_lead: Doubles
    of_series: Doubles

    def apply(self, quantiles: Floats, series: Ints) -> Floats:
        """Move the quantiles.

        Args:
            quantiles: A forecast, ascending, shape `(B, H, Q)`.
            series: Position of the series of each, shape `(B,)`; one that was not learned from, or
                that lies beyond, gets what all have in common.

        Returns:
            Ascending, values that the target can take, of the same shape and dtype; unchanged where
            nothing was learned.
        """
        made = np.empty_like(quantiles)
        for begin in range(0, len(series), SERIES_AT_ONCE):
            batch = slice(begin, begin + SERIES_AT_ONCE)
            moved = self._moved(quantiles[batch], series[batch])
            made[batch] = self.support.fit(np.sort(moved, axis=-1).astype(quantiles.dtype))
        return made

    def _moved(self, quantiles: Floats, series: Ints) -> Doubles:
        """Each level where its shift puts it, be it beyond its neighbours."""
        shift = self.of_lead + self._of(series)[:, None]  # (B, H, Q)
        smooth = self._unrounded(quantiles)
        width = smooth[..., -1:] - smooth[..., :1]
        return smooth + shift * width

    def _of(self, series: Ints) -> Doubles:
        known = series < len(self.of_series)
        shift = np.zeros((len(series), len(self.levels)))
        shift[known] = self.of_series[series[known]]
        return shift

    def _unrounded(self, quantiles: Floats) -> Doubles:
        if self.support.integral:
            return spread_ties(quantiles, levels=self.levels)
        return quantiles.astype(np.float64)

    def _after(self, quantiles: Floats, target: Floats) -> "Calibration":
        """What one more origin teaches: forecasts, shape `(S, H, Q)`, and what came, `(S, H)`."""
        missed = self._missed(quantiles, target)
        of_all = _shrunk_mean(missed, axis=(0, 1))
        of_lead = GAIN_OF_LEAD * _shrunk_mean(missed, axis=0) + GAIN_OF_ALL * of_all
        of_series = GAIN_OF_SERIES * _shrunk_mean(missed - of_all, axis=1)
        step = _whole_step(self.levels)
        return replace(
            self,
            of_lead=self.of_lead + step * _narrower(self.of_lead) * of_lead,
            of_series=self.of_series
            + step * _narrower(self.of_series + self.of_lead.mean(axis=0)) * of_series,
        )

    def _missed(self, quantiles: Floats, target: Floats) -> Floats:
        """Levels minus the shares of the actuals that lie below; NaN where unknown.

        A level that was moved beyond its neighbours is published in the place of one of them, but
        answers for where it went. Did it answer for the place, levels that have changed sides would
        drift apart for ever.
        """
        missed = np.empty_like(quantiles)
        series = np.arange(len(quantiles))
        for begin in range(0, len(series), SERIES_AT_ONCE):
            batch = slice(begin, begin + SERIES_AT_ONCE)
            published = self.apply(quantiles[batch], series[batch])
            below = level_shares(target[batch], published, levels=self.levels)
            places = self._moved(quantiles[batch], series[batch]).argsort(axis=-1).argsort(axis=-1)
            missed[batch] = np.asarray(self.levels) - np.take_along_axis(below, places, axis=-1)
        return missed


def fit(
    quantiles: Floats, target: Floats, *, levels: tuple[float, ...], support: Support
) -> Calibration:
    """Learn from forecasts whose targets are known by now.

    Args:
        quantiles: Forecasts of the last origins, in the order of time, shape `(S, O, H, Q)`; of
            series that are to be left out, NaN.
        target: What came, NaN where it was not observed, shape `(S, O, H)`.
        levels: Quantile levels, ascending.
        support: Which values the target can take.
    """
    *_, last = _states(quantiles, target, levels, support)
    return last


def rolling(
    quantiles: Floats,
    target: Floats,
    origins: Ints,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Floats:
    """Adjust the forecast of each origin by what was known at that origin.

    An error counts once its whole horizon lies at or before an origin, so that every forecast is
    as it would have been published (prequential; Dawid, 1984).

    Args:
        quantiles: Forecasts, shape `(S, O, H, Q)`.
        target: What came, NaN where it was not observed, shape `(S, O, H)`.
        origins: Slots of the origins, ascending, shape `(O,)`.
        levels: Quantile levels, ascending.
        support: Which values the target can take.

    Returns:
        Shape `(S, O, H, Q)`.
    """
    adjusted, _ = follow(quantiles, target, origins, levels=levels, support=support)
    return adjusted


def follow(
    quantiles: Floats,
    target: Floats,
    origins: Ints,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> tuple[Floats, Calibration]:
    """Both `rolling` and `fit`, whose arguments these are, in one walk over the origins."""
    adjusted = np.empty_like(quantiles)
    series = np.arange(len(quantiles))
    known = np.searchsorted(origins + quantiles.shape[2], origins, "right")  # origins by then
    for number, state in enumerate(_states(quantiles, target, levels, support)):
        for position in np.flatnonzero(known == number):
            adjusted[:, position] = state.apply(quantiles[:, position], series)
    return adjusted, state


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A forecaster whose forecasts are adjusted.

    Attributes:
        forecaster: Who forecasts.
        calibration: How its forecasts are adjusted.
        unique_ids: Names of the series that it was learned from, in their order; in the panel that
            is forecast they may have other positions.
    """

    forecaster: Forecaster
    calibration: Calibration
    unique_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """As that of the forecaster."""
        return self.forecaster.name

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers, `H`."""
        return self.forecaster.horizon

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the last axis of a forecast, `Q`, ascending."""
        return self.forecaster.quantile_levels

    @property
    def trained_until(self) -> int | None:
        """Slot of the last step that training saw; the calibration may have seen later ones."""
        return self.forecaster.trained_until

    @property
    def covariates(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that a panel has to hold for the forecaster, by role."""
        return self.forecaster.covariates

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles of the forecaster, adjusted; see `Forecaster.predict`."""
        learned = {name: position for position, name in enumerate(self.unique_ids)}
        beyond = len(learned)
        known = np.array([learned.get(panel.unique_ids[k], beyond) for k in series], np.int64)
        return self.calibration.apply(self.forecaster.predict(panel, series, origins), known)

    def save(self, folder: Path) -> None:
        """Write the forecaster; a calibration is learned anew every night."""
        self.forecaster.save(folder)


def _states(
    quantiles: Floats, target: Floats, levels: tuple[float, ...], support: Support
) -> Iterator[Calibration]:
    """What was learned before the first origin, from it, and so on: `O + 1` calibrations."""
    num_series, num_origins, horizon, num_levels = quantiles.shape
    nothing = np.zeros((horizon, num_levels)), np.zeros((num_series, num_levels))
    state = Calibration(levels, support, *nothing)
    yield state
    for origin in range(num_origins):
        state = state._after(quantiles[:, origin], target[:, origin])
        yield state


def _shrunk_mean(missed: Numbers, *, axis: int | tuple[int, ...]) -> Doubles:
    """Mean of what is known, the nearer to 0 the fewer it is."""
    known = ~np.isnan(missed)
    total: Doubles = np.where(known, missed, 0).sum(axis=axis, dtype=np.float64)
    count = known.sum(axis=axis)
    weight = np.minimum(count, MOST) / (np.minimum(count, MOST) + FEW)
    return weight * total / np.maximum(count, 1)


def _narrower(shift: Doubles) -> Doubles:
    """Width of what is published in widths of the forecast where it is less, shape `(..., 1)`.

    Of an interval that is far too wide, steps in its own width would be far too long.
    """
    return np.clip(1 + shift[..., -1:] - shift[..., :1], LEAST_WIDTH, 1)


def _whole_step(levels: tuple[float, ...]) -> Doubles:
    """Widths per missed share: one over the normal density at each level, shape `(Q,)`."""
    normal = NormalDist()
    places = np.array([normal.inv_cdf(level) for level in levels])
    density = np.array([normal.pdf(place) for place in places])
    width = places[-1] - places[0] or 1.0  # of one level alone, which has no width to move by
    return 1 / (density * width)
