"""The baselines by name, and which of several a model has to beat."""

import difflib
from collections.abc import Sequence

import numpy as np

from data_contracts.errors import SpecError
from models import scores
from models.forecasters import seasonal_naive
from models.forecasters.forecaster import Forecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.statistical import METHODS, Statistical
from models.gate.evaluation import Losses
from models.panel import Bools
from models.scores import Doubles


def baseline_names() -> tuple[str, ...]:
    """Names that the spec's `baseline` knows: ours, then those of statsforecast, ascending."""
    return (seasonal_naive.NAME, *sorted(METHODS))


def check_baseline(name: str) -> None:
    """Refuse a name that no baseline has.

    Raises:
        SpecError: Naming those that exist, and the one that it resembles.
    """
    known = {each.lower(): each for each in baseline_names()}
    if name in known.values():
        return
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {known[close[0]]}?" if close else "."
    raise SpecError(
        f"baseline: expected one or several of {', '.join(known.values())}, got {name!r}{hint}"
    )


def build_baseline(
    name: str,
    season_lengths: tuple[int, ...],
    *,
    horizon: int,
    quantile_levels: tuple[float, ...],
) -> Forecaster:
    """The forecaster of that name.

    Args:
        name: One of `baseline_names()`.
        season_lengths: Steps in each season, ascending.
        horizon: Steps that one forecast covers.
        quantile_levels: Levels of the last axis of a forecast, ascending, 0.5 among them.

    Raises:
        SpecError: If there is no baseline of that name.
    """
    check_baseline(name)
    if name == seasonal_naive.NAME:
        return SeasonalNaive(season_lengths, horizon=horizon, quantile_levels=quantile_levels)
    return Statistical(name, season_lengths, horizon=horizon, quantile_levels=quantile_levels)


def mean_scaled_losses(contenders: Sequence[Losses]) -> Doubles:
    """Pinball loss over the scale of MASE of each contender, shape `(N,)`, as the gate weighs it.

    The mean over origins of the mean over series, of the windows that have a scale, a target and a
    finite forecast of every contender; NaN where there is none.

    Args:
        contenders: Of the same series and origins, at least one.
    """
    first = contenders[0]
    pinball = np.stack([losses.pinball for losses in contenders])  # (N, S, O)
    finite = np.isfinite(pinball).all(axis=0)
    judged: Bools = np.broadcast_to((first.steps > 0) & (first.scale > 0) & finite, pinball.shape)
    scaled = np.divide(pinball, first.scale, out=np.full(pinball.shape, np.nan), where=judged)
    of_origins = scores.observed_mean(scaled.swapaxes(1, 2), judged.swapaxes(1, 2))  # (N, O)
    return scores.observed_mean(of_origins, ~np.isnan(of_origins))
