"""How far the recent input has moved away from what a model learned from.

Networks learn from windows of histories, so what matters is whether windows like the recent one
were among them. Of every series the recent window is compared with each one that the model could
learn from: by its quantiles, which tell level and spread, and by its mean course over a season,
which tells its shape. What counts is the distance to the nearest one. Seasons, storms and trends
make such distances too, so the same is asked of every window in the history, as if it had been the
recent one then; drift is the distance now in multiples of what was usual.
"""

import numpy as np

from models.panel import Floats, Ints, Panel
from models.scores import Doubles, observed_mean

LEVELS = np.linspace(0.05, 0.95, 19)  # of the quantiles that are compared
USUAL = 0.9  # quantile of the earlier distances that counts as usual
MAX_WINDOWS = 60  # of a series, the newest, each half a window after the one before
MAX_SERIES = 500  # that are looked at, evenly chosen: the result is a median
MIN_OBSERVED = 0.5  # share of a window
MIN_PAST = 3  # windows that one is compared with, and distances that make something usual


def input_drift(panel: Panel, *, learned_until: int, span: int, season: int) -> float | None:
    """Drift of the input: 1 where it is as far from what was learned as nine in ten were before.

    The median over series, because a change of all of them is for a training to follow and one of
    a single series for a person to look at. None where the histories are too short to know what is
    usual.

    Args:
        panel: What is known tonight.
        learned_until: Slot of the last step that the model learned from.
        span: Steps in a window.
        season: Steps in the season whose mean course is compared.
    """
    count = min(panel.num_series, MAX_SERIES)
    chosen = np.linspace(0, panel.num_series - 1, count).astype(np.int64)
    gap = panel.cutoff_slot - learned_until
    drifts = [series_drift(panel.history(k), gap=gap, span=span, season=season) for k in chosen]
    known = [drift for drift in drifts if drift is not None]
    return float(np.median(known)) if known else None


def series_drift(y: Floats, *, gap: int, span: int, season: int) -> float | None:
    """Drift of one series; see `input_drift`.

    Args:
        y: The history, NaN where not observed, shape `(T,)`.
        gap: Steps at its end that the model did not learn from.
        span: Steps in a window.
        season: Steps in the season, at most as many as a window has.

    Returns:
        None where the history is too short, constant, or hardly observed.
    """
    stride = max(1, span // 2)
    ends = np.arange(len(y), span - 1, -stride, dtype=np.int64)[:MAX_WINDOWS]  # newest first
    learned = y[: max(0, len(y) - gap)]
    if not len(ends) or np.isnan(learned).all():
        return None
    unit = float(np.nanmean(np.abs(learned - np.nanmedian(learned)), dtype=np.float64))
    if not unit > 0:
        return None
    windows = y[ends[:, None] + np.arange(-span, 0)].astype(np.float64)  # (W, span)
    unlearned = -(-gap // stride)  # windows that reach beyond what was learned
    between = max(unlearned, -(-span // stride))
    nearest = _nearest_before(_profiles(windows, season) / unit, between)
    earlier = nearest[max(1, unlearned) :]
    earlier = earlier[np.isfinite(earlier)]
    if len(earlier) < MIN_PAST or not np.isfinite(nearest[0]):
        return None
    usual = float(np.quantile(earlier, USUAL))
    return float(nearest[0]) / usual if usual > 0 else None


def _nearest_before(profiles: Doubles, between: int) -> Doubles:
    """Distance of each window to the nearest one that lies some windows before it.

    Args:
        profiles: Of the windows, the newest first, NaN where one is hardly observed, `(W, F)`.
        between: Windows from one to the newest that it may be compared with.

    Returns:
        Shape `(W,)`; NaN where a window has fewer than `MIN_PAST` to be compared with.
    """
    nearest = np.full(len(profiles), np.nan)
    for window in range(len(profiles) - between):
        distances = np.abs(profiles[window + between :] - profiles[window]).sum(axis=1)
        distances = distances[np.isfinite(distances)]
        if len(distances) >= MIN_PAST:
            nearest[window] = distances.min()
    return nearest


def _profiles(windows: Doubles, season: int) -> Doubles:
    """Quantiles of each window beside its mean course, each divided by its length, `(W, F)`."""
    count = (~np.isnan(windows)).sum(axis=1)
    profiles = np.hstack([_quantiles(windows, count), _course(windows, season)])
    profiles[count < MIN_OBSERVED * windows.shape[1]] = np.nan
    return profiles


def _quantiles(windows: Doubles, count: Ints) -> Doubles:
    """Empirical quantiles of the observed values, linear in between, shape `(W, 19)`."""
    ordered = np.sort(windows, axis=1)  # NaN at the end
    last = np.maximum(count - 1, 0)[:, None]
    place = LEVELS * last
    below = place.astype(np.int64)
    lower = np.take_along_axis(ordered, below, axis=1)
    upper = np.take_along_axis(ordered, np.minimum(below + 1, last), axis=1)
    quantiles: Doubles = lower + (upper - lower) * (place - below)
    return quantiles / len(LEVELS)


def _course(windows: Doubles, season: int) -> Doubles:
    """Mean at each phase of a season minus their mean, 0 where none was observed, `(W, season)`."""
    season = min(season, windows.shape[1])
    seasons = windows.shape[1] // season
    newest = windows[:, windows.shape[1] - seasons * season :].reshape(-1, seasons, season)
    phases = np.moveaxis(newest, 1, 2)  # (W, season, seasons)
    means = observed_mean(phases, ~np.isnan(phases))
    level = observed_mean(means, ~np.isnan(means))
    return np.nan_to_num(means - level[:, None]) / season
