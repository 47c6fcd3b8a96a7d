"""The baseline: what was one season ago, and how far off that usually is."""

from pathlib import Path
from typing import Self

import numpy as np

from models.forecasters.config import read_config, write_config
from models.panel import Bools, Floats, Ints, Panel
from models.scores import Doubles
from models.windows import recent_target

NAME = "seasonal_naive"
# Pinball loss on the sample: pooling over phases costs 4 %, the phases of a week instead of a day
# 6 %, 3 seasons instead of 8 another 3 %; 20 seasons gain 0.5 %.
NUM_SEASONS = 8  # of the longest season that one forecast looks back
MIN_CONTEXT = 64  # steps that it looks back at least, however short the season is
MIN_CHANGES = 8  # fewer say little about how far off a forecast is
MIN_CHANGES_PER_PHASE = 12
VALUES_AT_ONCE = 1 << 21  # in memory; eight weeks of minutes are 80,640 for one window


class SeasonalNaive:
    """Repeat the last season, with quantiles from how much one season differed from the next.

    The median is the value one (longest) season ago, continued for horizons longer than the season.
    Where that step was not observed, it is the latest observed value at the same phase of the seven
    seasons before, then of the shorter seasons, then the last observed value, however old.

    The other quantiles lie around it like the changes y[t] - y[t - season] of the last seasons lie
    around their median, at the same phase of the next shorter season where that leaves enough of
    them. Beyond one season they grow with the square root of the number of seasons ahead, as under
    a seasonal random walk (Hyndman and Athanasopoulos, 2021, section 5.5). A history too short for
    such changes uses those of a shorter season or of one step; without any, all quantiles are the
    median. A history without negative values has no negative quantiles, one of whole numbers has
    none between them.

    A forecast is finite as soon as one value of the series was observed, else NaN.

    Args:
        season_lengths: Steps in each season, ascending.
        horizon: Steps that one forecast covers, `H`.
        quantile_levels: Levels of the last axis of a forecast, ascending, `Q`.
    """

    def __init__(
        self,
        season_lengths: tuple[int, ...],
        *,
        horizon: int,
        quantile_levels: tuple[float, ...],
    ) -> None:
        if not season_lengths or min(season_lengths) < 1 or horizon < 1:
            raise ValueError(
                "A seasonal naive needs seasons and a horizon of at least one step, "
                f"got {season_lengths=} and {horizon=}."
            )
        self.name = NAME
        self.season_lengths = season_lengths
        self.horizon = horizon
        self.quantile_levels = quantile_levels
        self.trained_until: int | None = None
        self.covariates: dict[str, tuple[str, ...]] = {}

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles in the unit of the target, ascending, shape `(B, H, Q)`, float32.

        Nothing after the origins is read.

        Args:
            panel: Where the histories are.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.
        """
        quantiles = np.empty((len(series), self.horizon, len(self.quantile_levels)), np.float32)
        of_forecast = self.horizon * len(self.quantile_levels)
        size = max(1, VALUES_AT_ONCE // max(self._context_length, of_forecast))
        for begin in range(0, len(series), size):
            batch = slice(begin, begin + size)
            quantiles[batch] = self._predict(panel, series[batch], origins[batch])
        return quantiles

    def save(self, folder: Path) -> None:
        """Write the arguments as `config.json` into a new folder."""
        config = {
            "forecaster": self.name,
            "season_lengths": self.season_lengths,
            "horizon": self.horizon,
            "quantile_levels": self.quantile_levels,
        }
        write_config(folder, config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        config = read_config(folder)
        return cls(
            config["season_lengths"],
            horizon=config["horizon"],
            quantile_levels=config["quantile_levels"],
        )

    @property
    def _context_length(self) -> int:
        """Whole longest seasons that cover what a forecast looks back on, `L`."""
        longest = self.season_lengths[-1]
        return longest * max(NUM_SEASONS, -(-MIN_CONTEXT // longest))

    def _predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        longest = self.season_lengths[-1]
        context = recent_target(panel, series, origins, length=self._context_length)  # (B, L)
        median = self._median(context)
        lost = np.isnan(median).any(axis=1)
        median[lost] = _last_observed(panel, series[lost], origins[lost])[:, None]
        seasons_ahead = np.arange(self.horizon) // longest + 1
        spread = self._spread(context) * np.sqrt(seasons_ahead)[:, None]  # (B, H, Q)
        negative = (context < 0).any(axis=1) | (median < 0).any(axis=1)
        floor = np.where(negative, -np.inf, 0)[:, None, None]
        quantiles: Floats = np.maximum(median[..., None] + spread, floor).astype(np.float32)
        whole = _whole(context) & _whole(median)  # counts are forecast as counts
        return np.where(whole[:, None, None], np.rint(quantiles), quantiles)

    def _median(self, context: Floats) -> Floats:
        """The point forecast, NaN where the context holds no observation, shape `(B, H)`."""
        median = np.full((len(context), self.horizon), np.nan, np.float32)
        for season in (*reversed(self.season_lengths), 1):
            median = np.where(
                np.isnan(median), _latest_at_phase(context, season, self.horizon), median
            )
        return median

    def _spread(self, context: Floats) -> Doubles:
        """Distance of each quantile from the median one season ahead, shape `(B, H, Q)`."""
        spread = np.zeros((len(context), self.horizon, len(self.quantile_levels)))
        todo = np.arange(len(context))
        for lag, period in _kinds_of_change(self.season_lengths):
            changes = _by_phase(context[todo, lag:] - context[todo, :-lag], period, self.horizon)
            least = MIN_CHANGES if period == 1 else MIN_CHANGES_PER_PHASE
            enough = (~np.isnan(changes)).sum(axis=2).min(axis=1) >= least
            quantiles = _centred_quantiles(changes[enough], self.quantile_levels)
            spread[todo[enough]] = quantiles[:, np.arange(self.horizon) % period]
            todo = todo[~enough]
        return spread


def _whole(values: Floats) -> Bools:
    """Rows in which nothing but whole numbers was observed, shape `(B,)`."""
    whole: Bools = ((values == np.rint(values)) | np.isnan(values)).all(axis=1)
    return whole


def _kinds_of_change(seasons: tuple[int, ...]) -> list[tuple[int, int]]:
    """Lag and period of the changes that tell how far off a forecast is, the best first."""
    lags = (*reversed(seasons), 1)
    with_phase = [(lag, [shorter for shorter in seasons if shorter < lag]) for lag in lags]
    return [(lag, period) for lag, shorter in with_phase for period in (*shorter[-1:], 1)]


def _by_phase(changes: Floats, period: int, horizon: int) -> Floats:
    """Split steps by their phase, shape `(B, min(period, horizon), seasons)`."""
    num_seasons = changes.shape[1] // period
    latest = changes[:, changes.shape[1] - num_seasons * period :]
    seasons = latest.reshape(len(changes), num_seasons, period)
    return seasons[:, :, :horizon].swapaxes(1, 2)


def _centred_quantiles(changes: Floats, levels: tuple[float, ...]) -> Doubles:
    """Empirical quantiles over the last axis minus the median; NaN does not count.

    The k-th of n ordered values is the quantile of the level k / (n + 1) (Weibull, 1939), linear
    in between.
    """
    ordered = np.sort(changes, axis=-1).astype(np.float64)  # NaN at the end
    count = (~np.isnan(changes)).sum(axis=-1, keepdims=True)
    place = np.clip((count + 1) * np.array([0.5, *levels]) - 1, 0, count - 1)
    below = place.astype(np.int64)
    lower = np.take_along_axis(ordered, below, axis=-1)
    upper = np.take_along_axis(ordered, np.minimum(below + 1, count - 1), axis=-1)
    quantiles: Doubles = lower + (upper - lower) * (place - below)
    return quantiles[..., 1:] - quantiles[..., :1]


def _latest_at_phase(context: Floats, season: int, horizon: int) -> Floats:
    """Latest observed value of the same phase as each step of the horizon, shape `(B, horizon)`."""
    num_seasons = context.shape[1] // season
    whole = context[:, context.shape[1] - num_seasons * season :]
    seasons = whole.reshape(len(context), num_seasons, season)
    latest = seasons[:, -1]
    for earlier in range(2, seasons.shape[1] + 1):
        latest = np.where(np.isnan(latest), seasons[:, -earlier], latest)
    return latest[:, np.arange(horizon) % season]


def _last_observed(panel: Panel, series: Ints, origins: Ints) -> Floats:
    """Last observed value up to each origin, however far back, NaN without any, shape `(B,)`."""
    last = np.full(len(series), np.nan, np.float32)
    for window, (k, origin) in enumerate(zip(series, origins, strict=True)):
        begin, end = panel.indptr[k], panel.rows(k, origin) + 1
        known = np.flatnonzero(panel.observed[begin : max(begin, end)])
        if len(known):
            last[window] = panel.y[begin + known[-1]]
    return last
