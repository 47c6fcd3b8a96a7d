"""Calibration: what past forecasts missed shifts the quantiles of the next one.

Networks learn from the past and are overtaken by the present: a stormy week, a new season, a
network that is too sure. Errors of the last origins say so long before the next training does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.counts import level_shares, spread_ties
from models.forecaster import Forecaster
from models.panel import Floats, Ints, Panel
from models.scores import Doubles
from models.support import Support

GAIN = 0.4  # of the width of a forecast, that one origin moves a level by for a whole miss


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far each level of a forecast is moved.

    Attributes:
        levels: Quantile levels, ascending, `Q` of them.
        support: Which values the target can take.
        shift: Shift of each lead and level, in widths of the forecast, shape `(H, Q)`.
    """

    levels: tuple[float, ...]
    support: Support
    shift: Doubles

    def apply(self, quantiles: Floats, series: Ints) -> Floats:
        """Move the quantiles; ascending, as the target can be, of the same shape and dtype.

        Args:
            quantiles: A forecast, ascending, shape `(B, H, Q)`.
            series: Position of the series of each, shape `(B,)`; any series may be asked for.
        """
        if not self.shift.any():
            return quantiles
        smooth = _smooth(quantiles, self.levels, self.support)
        moved = np.sort(smooth + self.shift * _width(smooth), axis=-1)
        return self.support.fit(moved.astype(quantiles.dtype))


def fit(
    quantiles: Floats,
    target: Floats,
    scale: Doubles,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Calibration:
    """Learn from forecasts whose targets are known by now.

    Args:
        quantiles: Forecasts of the last origins in their order, shape `(S, O, H, Q)`.
        target: What came, NaN where it was not observed, shape `(S, O, H)`.
        scale: How much each series usually changes, shape `(S,)`.
        levels: Quantile levels, ascending.
        support: Which values the target can take.
    """
    *_, last = _states(quantiles, target, levels, support)
    return last


def rolling(
    quantiles: Floats,
    target: Floats,
    origins: Ints,
    scale: Doubles,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Floats:
    """Adjust the forecast of each origin by what was known at that origin.

    An error counts once its whole horizon lies at or before an origin, so that every forecast is
    as it would have been published.

    Args:
        quantiles: Forecasts, shape `(S, O, H, Q)`.
        target: What came, NaN where it was not observed, shape `(S, O, H)`.
        origins: Slots of the origins, ascending, shape `(O,)`.
        scale: How much each series usually changes, shape `(S,)`.
        levels: Quantile levels, ascending.
        support: Which values the target can take.

    Returns:
        Shape `(S, O, H, Q)`.
    """
    states = list(_states(quantiles, target, levels, support))
    adjusted = np.empty_like(quantiles)
    series = np.arange(len(quantiles))
    known_by = np.searchsorted(origins + quantiles.shape[2], origins, "right")
    for position, known in enumerate(known_by):
        adjusted[:, position] = states[known].apply(quantiles[:, position], series)
    return adjusted


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A forecaster whose forecasts are adjusted.

    Attributes:
        forecaster: Who forecasts.
        calibration: How its forecasts are adjusted.
    """

    forecaster: Forecaster
    calibration: Calibration

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
        return self.calibration.apply(self.forecaster.predict(panel, series, origins), series)

    def save(self, folder: Path) -> None:
        """Write the forecaster; a calibration is learned anew every night."""
        self.forecaster.save(folder)


def _states(
    quantiles: Floats, target: Floats, levels: tuple[float, ...], support: Support
) -> Iterator[Calibration]:
    """What is known before the first origin, after it, and so on; `O + 1` of them."""
    num_series, num_origins, *shape = quantiles.shape
    state = Calibration(levels, support, np.zeros(shape))
    yield state
    series = np.arange(num_series)
    for origin in range(num_origins):
        published = state.apply(quantiles[:, origin], series)
        missed = np.asarray(levels) - level_shares(target[:, origin], published, levels=levels)
        seen = np.isfinite(missed)
        mean = np.where(seen, missed, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        state = Calibration(levels, support, state.shift + GAIN * mean)
        yield state


def _smooth(quantiles: Floats, levels: tuple[float, ...], support: Support) -> Doubles:
    """Quantiles before they were rounded, as far as ties tell."""
    return (
        spread_ties(quantiles, levels=levels) if support.integral else quantiles.astype(np.float64)
    )


def _width(smooth: Doubles) -> Doubles:
    return smooth[..., -1:] - smooth[..., :1]
