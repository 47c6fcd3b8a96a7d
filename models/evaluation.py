"""Evaluation: every contender forecasts the same windows, and its losses are kept one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_contracts.errors import RefusedError
from models import scores
from models.forecaster import Forecaster
from models.panel import Bools, Floats, Ints, Panel
from models.scores import Doubles
from models.windows import gather

BATCH_SIZE = 1024  # windows forecast at once


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
        covered: Share of targets inside the widest central interval, shape `(S, O)`, float64.
        error: Mean of q50 - y, shape `(S, O)`, float64.
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
    table = np.full((6, len(of_series)), np.nan)
    for begin in range(0, len(of_series), BATCH_SIZE):
        batch = slice(begin, begin + BATCH_SIZE)
        table[:, batch] = _score(forecaster, panel, of_series[batch], of_origin[batch])
        if progress is not None:
            progress(min(begin + BATCH_SIZE, len(of_series)), len(of_series))
    scale, any_history = seasonal_errors(panel, series, origins, season_length=season_length)
    known = np.where(any_history, table.reshape(6, *scale.shape), np.nan)
    steps, *means = known
    return Losses(
        tuple(panel.unique_ids[k] for k in series),
        origins,
        forecaster.horizon,
        forecaster.quantile_levels,
        np.nan_to_num(steps).astype(np.int64),
        means[0],
        scale,
        *means[1:],
    )


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


def _refuse_seen(forecaster: Forecaster, origins: Ints) -> None:
    learned = forecaster.trained_until
    if learned is not None and len(origins) and learned > origins.min():
        raise RefusedError(
            f"Expected a forecaster trained up to slot {origins.min()} at the most, the first "
            f"evaluation origin, got {forecaster.name} trained up to slot {learned}; evaluate it "
            "on later origins or train it on an earlier part."
        )


def _score(forecaster: Forecaster, panel: Panel, series: Ints, origins: Ints) -> Doubles:
    """Steps and the five means of `Losses` of one batch, shape `(6, B)`."""
    quantiles = forecaster.predict(panel, series, origins)  # (B, H, Q)
    target = gather(panel, series, origins, context_length=0, horizon=forecaster.horizon).target
    return _window_losses(target.astype(np.float64), quantiles, forecaster.quantile_levels)


def _window_losses(target: Doubles, quantiles: Floats, levels: tuple[float, ...]) -> Doubles:
    observed = ~np.isnan(target)
    low, high = scores.central_interval(levels)
    error = quantiles[..., levels.index(0.5)] - target  # (B, H)
    inside = (quantiles[..., low] <= target) & (target <= quantiles[..., high])
    of_steps = (
        np.abs(error),
        scores.pinball(target, quantiles, levels=levels),
        np.abs(target),
        inside,
        error,
    )
    means = [scores.observed_mean(values, observed) for values in of_steps]
    return np.stack([observed.sum(axis=-1), *means])


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
