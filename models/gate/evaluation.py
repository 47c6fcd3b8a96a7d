"""Evaluation: every contender forecasts the same windows, and its losses are kept one by one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np

from data_contracts.errors import RefusedError
from models import scores
from models.forecasters.forecaster import Forecaster
from models.panel import Bools, Floats, Ints, Panel
from models.scores import Doubles
from models.windows import gather

BATCH_SIZE = 1024  # windows forecast at once


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What one contender forecast from every origin, and what came: `S` series, `O` origins.

    Attributes:
        unique_ids: Names of the series, `S` of them.
        origins: Slots from which the forecasts started, ascending, shape `(O,)`, int64.
        quantile_levels: Levels of the last axis of `quantiles`, ascending, `Q` of them.
        quantiles: In the unit of the target, shape `(S, O, H, Q)`, float32.
        target: What came; NaN where it was not observed, and in the windows of which the forecast
            could know nothing, shape `(S, O, H)`, float32.
        scale: `scores.seasonal_error` of the history up to the origin, shape `(S, O)`, float64.
    """

    unique_ids: tuple[str, ...]
    origins: Ints
    quantile_levels: tuple[float, ...]
    quantiles: Floats
    target: Floats
    scale: Doubles

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers, `H`."""
        return int(self.target.shape[2])

    def since(self, origin: int) -> Self:
        """Those from one slot on."""
        kept = self.origins >= origin
        return replace(
            self,
            origins=self.origins[kept],
            quantiles=self.quantiles[:, kept],
            target=self.target[:, kept],
            scale=self.scale[:, kept],
        )


@dataclass(frozen=True, eq=False)
class LeadLosses:
    """How one contender did at every step of every window.

    All of shape `(S, O, H)`, float32, NaN where the target was not observed.

    Attributes:
        absolute_error: |y - q50|.
        pinball: `scores.pinball`.
        absolute_y: |y|.
        covered: `scores.covered`: 1 inside the widest central interval, 0 outside.
        error: q50 - y.
    """

    absolute_error: Floats
    pinball: Floats
    absolute_y: Floats
    covered: Floats
    error: Floats


@dataclass(frozen=True, eq=False)
class Losses:
    """How one contender did in each window: `S` series, `O` origins.

    Means are over the observed steps of the target and NaN where there is none. A window of which
    the forecast could know nothing, because nothing of the series was observed up to the origin,
    counts as one without observed steps.

    Attributes:
        unique_ids: Names of the series, `S` of them.
        origins: Slots from which the forecasts started, ascending, shape `(O,)`, int64.
        horizon: Steps that one forecast covers.
        quantile_levels: Levels that were scored, ascending.
        steps: Observed steps of the target, shape `(S, O)`, int64.
        absolute_error: Mean of |y - q50|, shape `(S, O)`, float64.
        scale: `scores.seasonal_error` of the history up to the origin, shape `(S, O)`, float64.
        pinball: Mean of `scores.pinball`, shape `(S, O)`, float64.
        absolute_y: Mean of |y|, shape `(S, O)`, float64.
        covered: Mean of `scores.covered`, shape `(S, O)`, float64.
        error: Mean of q50 - y, shape `(S, O)`, float64.
        leads: The same step by step, None where only means are known.
    """

    unique_ids: tuple[str, ...]
    origins: Ints
    horizon: int
    quantile_levels: tuple[float, ...]
    steps: Ints
    absolute_error: Doubles
    scale: Doubles
    pinball: Doubles
    absolute_y: Doubles
    covered: Doubles
    error: Doubles
    leads: LeadLosses | None = None


_MEASURES = tuple(field.name for field in fields(LeadLosses))


class Summary(NamedTuple):
    """Losses in a few numbers.

    Attributes:
        mase: Mean over series of the mean over origins of absolute error over scale.
        wql: Pinball loss of all observed steps over the sum of their |y|.
        coverage: Share of observed steps inside the widest central interval.
        nominal_coverage: Share that the interval is meant to hold.
        bias: Mean error of the median per unit of mean |y|.
        excluded: Series without a window that MASE can count: their scale is 0 or unknown, or
            their target was never observed.
    """

    mase: float
    wql: float
    coverage: float
    nominal_coverage: float
    bias: float
    excluded: int


def evaluate(
    forecaster: Forecaster,
    panel: Panel,
    series: Ints,
    origins: Ints,
    *,
    season_length: int,
    progress: Callable[[int, int], None] | None = None,
) -> Losses:
    """Forecast every series from every origin and compare with what came.

    Arguments and errors are those of `forecast_origins`.
    """
    return losses_of(
        forecast_origins(
            forecaster, panel, series, origins, season_length=season_length, progress=progress
        )
    )


def forecast_origins(
    forecaster: Forecaster,
    panel: Panel,
    series: Ints,
    origins: Ints,
    *,
    season_length: int,
    progress: Callable[[int, int], None] | None = None,
) -> Forecasts:
    """Forecast every series from every origin.

    Args:
        forecaster: Who forecasts; its horizon is at most the panel's.
        panel: Where histories and targets are.
        series: Positions of the series, shape `(S,)`.
        origins: Slots of the last step that each forecast may see, ascending, shape `(O,)`.
        season_length: Steps in the season that MASE is scaled by.
        progress: Called after each batch with the windows done and those in all.

    Raises:
        RefusedError: If the forecaster was trained on steps after the first origin.
    """
    _refuse_seen(forecaster, origins)
    of_series = np.repeat(series, len(origins))  # (B,), B = S * O
    of_origin = np.tile(origins, len(series))
    horizon, num_windows = forecaster.horizon, len(of_series)
    levels = forecaster.quantile_levels
    quantiles = np.empty((num_windows, horizon, len(levels)), np.float32)
    target = np.empty((num_windows, horizon), np.float32)
    for batch in _batches(num_windows, getattr(forecaster, "windows_at_once", BATCH_SIZE)):
        window = of_series[batch], of_origin[batch]
        quantiles[batch] = forecaster.predict(panel, *window)
        target[batch] = gather(panel, *window, context_length=0, horizon=horizon).target
        if progress is not None:
            progress(min(batch.stop, num_windows), num_windows)
    scale, any_history = seasonal_errors(panel, series, origins, season_length=season_length)
    target[~any_history.ravel()] = np.nan
    shape = (len(series), len(origins), horizon)
    return Forecasts(
        tuple(panel.unique_ids[k] for k in series),
        origins,
        levels,
        quantiles.reshape(*shape, len(levels)),
        target.reshape(shape),
        scale,
    )


def losses_of(forecasts: Forecasts) -> Losses:
    """Compare forecasts with what came."""
    shape = forecasts.target.shape
    target = forecasts.target.reshape(-1, shape[2])  # (B, H)
    quantiles = forecasts.quantiles.reshape(*target.shape, len(forecasts.quantile_levels))
    of_leads = np.empty((len(_MEASURES), *target.shape), np.float32)
    means = np.empty((len(_MEASURES), len(target)))
    for batch in _batches(len(target), BATCH_SIZE):
        y = target[batch].astype(np.float64)
        losses = step_losses(y, quantiles[batch], forecasts.quantile_levels)
        of_leads[:, batch] = losses
        means[:, batch] = [scores.observed_mean(each, ~np.isnan(y)) for each in losses]
    return Losses(
        forecasts.unique_ids,
        forecasts.origins,
        forecasts.horizon,
        forecasts.quantile_levels,
        steps=(~np.isnan(forecasts.target)).sum(axis=2),
        scale=forecasts.scale,
        leads=LeadLosses(**_named(of_leads.reshape(len(_MEASURES), *shape))),
        **_named(means.reshape(len(_MEASURES), *shape[:2])),
    )


def step_losses(y: Doubles, quantiles: Floats, levels: tuple[float, ...]) -> Doubles:
    """The measures of `LeadLosses` in their order, NaN where not observed, shape `(5, ...)`.

    Args:
        y: What came, shape `(...)`.
        quantiles: What was forecast, shape `(..., Q)`.
        levels: Quantile levels in the order of the last axis, 0.5 among them.
    """
    error = quantiles[..., levels.index(0.5)] - y
    inside = scores.covered(y, quantiles, levels=levels)
    pinball = scores.pinball(y, quantiles, levels=levels)
    losses = np.stack([np.abs(error), pinball, np.abs(y), inside, error])
    losses[:, np.isnan(y)] = np.nan
    return losses


def seasonal_errors(
    panel: Panel, series: Ints, origins: Ints, *, season_length: int
) -> tuple[Doubles, Bools]:
    """`scores.seasonal_error` of every history up to every origin, by cumulative sums.

    Args:
        panel: Where the histories are.
        series: Positions of the series, shape `(S,)`.
        origins: Slots up to which the history counts, shape `(O,)`.
        season_length: Steps in one season.

    Returns:
        The errors, and whether anything was observed up to the origin, both of shape `(S, O)`.
    """
    error = np.empty((len(series), len(origins)))
    any_history = np.empty(error.shape, bool)
    for row, k in enumerate(series):
        y = panel.history(k)
        ends = np.clip(origins + 1 - panel.first_slots[k], 0, len(y))
        seasonal, steps = _running_error(y, season_length)[ends], _running_error(y, 1)[ends]
        error[row] = np.where(np.isnan(seasonal), steps, seasonal)
        any_history[row] = np.cumsum(np.append(False, ~np.isnan(y)))[ends] > 0
    return error, any_history


def summary(losses: Losses) -> Summary:
    """Condense losses into the scores that people compare.

    A forecast that is not finite makes every score NaN that it enters.
    """
    counted = (losses.scale > 0) & (losses.steps > 0)
    scaled = np.divide(
        losses.absolute_error, losses.scale, out=np.zeros(counted.shape), where=counted
    )
    of_series = scores.observed_mean(scaled, counted)  # (S,)
    judged = counted.any(axis=1)
    size = _total(losses.absolute_y, losses)
    return Summary(
        mase=_divide(of_series[judged].sum(), int(judged.sum())),
        wql=_divide(_total(losses.pinball, losses), size),
        coverage=_divide(_total(losses.covered, losses), losses.steps.sum()),
        nominal_coverage=scores.nominal_coverage(losses.quantile_levels),
        bias=_divide(_total(losses.error, losses), size),
        excluded=int((~judged).sum()),
    )


def coverage_by_lead(losses: Losses) -> Doubles:
    """Share of actuals inside the widest interval at each lead, NaN without any, shape `(H,)`.

    Raises:
        ValueError: If only means over windows are known.
    """
    if losses.leads is None:
        raise ValueError("Expected losses by lead, got means over windows.")
    covered = losses.leads.covered.reshape(-1, losses.horizon).T
    return scores.observed_mean(covered, ~np.isnan(covered))


def _refuse_seen(forecaster: Forecaster, origins: Ints) -> None:
    learned = forecaster.trained_until
    if learned is not None and len(origins) and learned > origins.min():
        raise RefusedError(
            f"Expected a forecaster trained up to slot {origins.min()} at the most, the first "
            f"evaluation origin, got {forecaster.name} trained up to slot {learned}; evaluate it "
            "on later origins or train it on an earlier part."
        )


def _named(measures: Any) -> dict[str, Any]:
    return dict(zip(_MEASURES, measures, strict=True))


def _batches(num_windows: int, size: int) -> Iterator[slice]:
    for begin in range(0, num_windows, size):
        yield slice(begin, begin + size)


def _running_error(y: Floats, lag: int) -> Doubles:
    """Mean of |y[t] - y[t - lag]| over the first `n` steps, for `n = 0 ... T`; shape `(T + 1,)`."""
    change = np.full(len(y) + 1, np.nan)
    change[lag + 1 :] = np.abs(y[lag:].astype(np.float64) - y[: max(0, len(y) - lag)])
    pairs = np.cumsum(~np.isnan(change))
    total = np.cumsum(np.nan_to_num(change))
    mean: Doubles = np.divide(total, pairs, out=np.full(len(change), np.nan), where=pairs > 0)
    return mean


def _total(mean: Doubles, losses: Losses) -> float:
    """Sum over all observed steps of what was averaged per window."""
    observed = losses.steps > 0
    return float((mean[observed] * losses.steps[observed]).sum())


def _divide(total: float, weight: float) -> float:
    return float(total / weight) if weight > 0 else float("nan")
