"""The models of statsforecast as baselines: fitted anew to the last seasons before every origin."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from models.forecasters.config import read_config, write_config
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.support import Support
from models.panel import Floats, Ints, Panel
from models.scores import Doubles
from models.windows import recent_target

KIND = "statistical"
MIN_SEASONS = 4  # longest ones that are looked back on, however many values that is
MIN_CONTEXT = 672  # values that are looked back on at least: docs/baselines.md says what more costs
SEASONS_NEEDED = 2  # fewer show no season
OBSERVATIONS_NEEDED = 8
SEASONS_AVERAGED = 4
FARTHEST = 10.0  # ranges of the history; a quantile beyond that has run away


@dataclass(frozen=True)
class _Method:
    """How a class of statsforecast is used.

    Attributes:
        seasons: Which of the seasons it takes.
        own_quantiles: False where it has none; those of the seasonal naive are put around it.
        averages: Whether it wants to be told over how many seasons it averages.
    """

    seasons: Literal["none", "shortest", "longest", "all"] = "none"
    own_quantiles: bool = True
    averages: bool = False


METHODS = {
    "ADIDA": _Method(own_quantiles=False),
    "AutoARIMA": _Method("shortest"),
    "AutoCES": _Method("shortest"),
    "AutoETS": _Method("shortest"),
    "AutoTheta": _Method("shortest"),
    "CrostonClassic": _Method(own_quantiles=False),
    "CrostonOptimized": _Method(own_quantiles=False),
    "CrostonSBA": _Method(own_quantiles=False),
    "DynamicOptimizedTheta": _Method("shortest"),
    "DynamicTheta": _Method("shortest"),
    "HistoricAverage": _Method(),
    "HoltWinters": _Method("shortest"),
    "IMAPA": _Method(own_quantiles=False),
    "MSTL": _Method("all"),
    "Naive": _Method(),
    "OptimizedTheta": _Method("shortest"),
    "RandomWalkWithDrift": _Method(),
    "SeasonalExponentialSmoothingOptimized": _Method("shortest", own_quantiles=False),
    "SeasonalNaive": _Method("longest"),
    "SeasonalWindowAverage": _Method("longest", own_quantiles=False, averages=True),
    "SimpleExponentialSmoothingOptimized": _Method(own_quantiles=False),
    "Theta": _Method("shortest"),
}


class Statistical:
    """One model of statsforecast (Garza et al., 2022), fitted anew for every window.

    It sees the last four longest seasons before the origin, or 672 values where that is more. What
    was not observed is the value one season before, else on the line between its neighbours; what
    lies before the first observation is left out. A model of one season takes the shortest, one
    that repeats or averages seasons the longest, MSTL all that the history holds twice.

    The quantiles are the model's own, or, where it has none, as far from its forecast as those of
    the seasonal naive are from theirs. A history without negative values has no negative
    quantiles, one of whole numbers has none between them.

    The seasonal naive takes the place of a window whose history is constant or shorter than two
    seasons or eight observations, in which the model fails, or whose quantiles are not finite or
    lie more than ten ranges of the history outside of it.

    Args:
        name: One of `METHODS`.
        season_lengths: Steps in each season, ascending.
        horizon: Steps that one forecast covers, `H`.
        quantile_levels: Levels of the last axis of a forecast, ascending, `Q`; 0.5 among them.

    """

    windows_at_once = 32  # a second or ten, so that progress can be told

    def __init__(
        self,
        name: str,
        season_lengths: tuple[int, ...],
        *,
        horizon: int,
        quantile_levels: tuple[float, ...],
    ) -> None:
        if name not in METHODS:
            raise ValueError(f"Expected one of {', '.join(METHODS)}, got {name!r}.")
        if 0.5 not in quantile_levels:
            raise ValueError(f"Expected the median among the levels, got {quantile_levels=}.")
        self.name = name
        self.season_lengths = season_lengths
        self.horizon = horizon
        self.quantile_levels = quantile_levels
        self.trained_until: int | None = None
        self.covariates: dict[str, tuple[str, ...]] = {}
        self._naive = SeasonalNaive(
            season_lengths, horizon=horizon, quantile_levels=quantile_levels
        )

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles in the unit of the target, ascending, shape `(B, H, Q)`, float32.

        Nothing after the origins is read.

        Args:
            panel: Where the histories are.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.
        """
        quantiles = self._naive.predict(panel, series, origins)
        with _undisturbed():
            for begin in range(0, len(series), self.windows_at_once):
                batch = slice(begin, begin + self.windows_at_once)
                context = recent_target(
                    panel, series[batch], origins[batch], length=self._context_length
                )
                for window, history in enumerate(context, start=begin):
                    quantiles[window] = self._forecast(history, quantiles[window])
        return quantiles

    def save(self, folder: Path) -> None:
        """Write the arguments as `config.json` into a new folder."""
        config = {
            "forecaster": KIND,
            "name": self.name,
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
            config["name"],
            config["season_lengths"],
            horizon=config["horizon"],
            quantile_levels=config["quantile_levels"],
        )

    @property
    def _context_length(self) -> int:
        """Whole longest seasons that a forecast looks back on, in steps, `L`."""
        longest = self.season_lengths[-1]
        return longest * max(MIN_SEASONS, -(-MIN_CONTEXT // longest))

    def _forecast(self, history: Floats, naive: Floats) -> Floats:
        """The quantiles of one window, those of the naive where there are no better; `(H, Q)`."""
        observed = history[~np.isnan(history)].astype(np.float64)
        if len(observed) < OBSERVATIONS_NEEDED or observed.min() == observed.max():
            return naive
        y = filled(history.astype(np.float64), self.season_lengths)
        seasons = _seasons_taken(self.name, self.season_lengths, len(y))
        if seasons is None:
            return naive
        try:
            quantiles = self._quantiles(y, seasons, naive)
        except Exception:  # statsforecast raises almost anything where it cannot fit
            return naive
        far = FARTHEST * (observed.max() - observed.min())
        near = (observed.min() - far <= quantiles) & (quantiles <= observed.max() + far)
        if not near.all():  # NaN is not near either
            return naive
        return Support.of_values([history]).fit(np.sort(quantiles).astype(np.float32))

    def _quantiles(self, y: Doubles, seasons: tuple[int, ...], naive: Floats) -> Doubles:
        """What the model says, not yet ordered, shape `(H, Q)`."""
        model = _build(self.name, seasons, num_values=len(y))
        levels = self.quantile_levels
        median = levels.index(0.5)
        if not METHODS[self.name].own_quantiles:
            mean = np.asarray(model.forecast(y=y, h=self.horizon)["mean"])
            around: Doubles = mean[:, None] + (naive - naive[:, median, None])
            return around
        widths = [round(200 * abs(level - 0.5), 10) for level in levels]
        wanted = sorted({width for width in widths if width > 0})
        answer = model.forecast(y=y, h=self.horizon, level=wanted or None)
        names = [
            "mean" if level == 0.5 else f"{'lo' if level < 0.5 else 'hi'}-{width}"
            for level, width in zip(levels, widths, strict=True)
        ]
        return np.stack([np.asarray(answer[name], np.float64) for name in names], axis=-1)


def filled(history: Doubles, season_lengths: tuple[int, ...]) -> Doubles:
    """A history without gaps, from its first observation on.

    A missing value is the one a longest season before, which may itself have been filled, else a
    shorter season before, else on the line between its neighbours, or the last one.

    Args:
        history: NaN where not observed, shape `(L,)`.
        season_lengths: Ascending.

    >>> filled(np.array([np.nan, 1, 2, np.nan, 4, 5, np.nan]), (4,))
    array([1., 2., 3., 4., 5., 2.])
    """
    known = np.flatnonzero(~np.isnan(history))
    y = history[known[0] if len(known) else len(history) :].copy()
    for season in reversed(season_lengths):
        for begin in range(season, len(y), season):
            block = y[begin : begin + season]
            before = y[begin - season : begin - season + len(block)]
            block[np.isnan(block)] = before[np.isnan(block)]
    gaps = np.isnan(y)
    if gaps.any():
        y[gaps] = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), y[~gaps])
    return y


def _seasons_taken(
    name: str, season_lengths: tuple[int, ...], num_values: int
) -> tuple[int, ...] | None:
    """The seasons that a model is told of, None where the history is too short for them."""
    kind = METHODS[name].seasons
    if kind == "none":
        return ()
    fitting = tuple(s for s in season_lengths if SEASONS_NEEDED * s <= num_values)
    if not fitting or (kind == "longest" and fitting[-1] < season_lengths[-1]):
        return None
    return {"shortest": fitting[:1], "longest": fitting[-1:], "all": fitting}[kind]


def _build(name: str, seasons: tuple[int, ...], *, num_values: int) -> Any:
    """The model with its seasons, all else at its default."""
    method = METHODS[name]
    arguments: dict[str, Any] = {}
    if seasons:
        arguments["season_length"] = list(seasons) if method.seasons == "all" else seasons[0]
    if method.averages:
        arguments["window_size"] = min(SEASONS_AVERAGED, num_values // seasons[0])
    return getattr(_library(), name)(**arguments)


@cache
def _library() -> Any:
    """The models of statsforecast; four seconds the first time."""
    from statsforecast import models

    return models


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What statsforecast warns of is its own affair, and its seeding of NumPy must not be ours."""
    state = np.random.get_state()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)
