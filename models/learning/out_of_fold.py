"""Out-of-fold forecasts: of days, or of series, that whoever made them has not seen.

What is learned from forecasts, such as how to weigh members or how to move quantiles, has to be
learned from these. In-sample errors are too small, and smallest for whoever remembers most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_contracts.errors import RefusedError
from models.forecasters import calibration
from models.forecasters.calibration import Calibration
from models.forecasters.fusion import HeldOut, learn_weights
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts
from models.panel import Floats


@dataclass(frozen=True, eq=False)
class FoldForecasts:
    """Forecasts of one fold, none of which its training has seen.

    Attributes:
        forecasts: Of the series that are judged, from the origins of the fold.
        learned_until: Slot of the last step that its training saw.
        learned_from: Names of the series that its training saw, where folds are by series; None
            where they are by time, and all were seen.

    Raises:
        RefusedError: If an origin lies less than one horizon after `learned_until`, or a series is
            one that was learned from.
    """

    forecasts: Forecasts
    learned_until: int
    learned_from: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        made, earliest = self.forecasts, self.learned_until + self.forecasts.horizon
        early = made.origins[made.origins < earliest]
        if len(early):
            raise RefusedError(
                f"Expected out-of-fold forecasts from slot {earliest} on, one horizon after the "
                f"last step that their training saw, got one from slot {early.min()}; leave it out."
            )
        known = set(made.unique_ids).intersection(self.learned_from or ())
        if known:
            raise RefusedError(
                "Expected out-of-fold forecasts of series that their training did not see, got "
                f"{min(known)!r}, which it did; leave it out."
            )


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Forecasts of all folds of one forecaster.

    Attributes:
        folds: By time, of the same series and in the order of time; or by series, of the same
            origins.

    Raises:
        RefusedError: If there is none, or they are of both kinds or of another shape.
    """

    folds: tuple[FoldForecasts, ...]

    def __post_init__(self) -> None:
        if not self.folds:
            raise RefusedError("Expected the forecasts of at least one fold, got none.")
        if len({fold.learned_from is None for fold in self.folds}) > 1:
            raise RefusedError("Expected folds by time or folds by series, got both together.")
        made = [fold.forecasts for fold in self.folds]
        if len({(each.quantile_levels, each.horizon) for each in made}) > 1:
            raise RefusedError("Expected folds of one horizon and the same levels, got others.")
        names = [each.unique_ids for each in made]
        origins = [tuple(each.origins.tolist()) for each in made]
        same, apart = (origins, names) if self.by_series else (names, origins)
        ordered = self.by_series or apart == sorted(apart)
        if len(set(same)) > 1 or not ordered or _repeats(apart):
            raise RefusedError(
                "Expected every window in one fold: by time the same series, from later origins in "
                "every fold; by series others, from the same origins."
            )

    @property
    def by_series(self) -> bool:
        """Whether the folds leave out series, and not only days."""
        return self.folds[0].learned_from is not None

    @property
    def pooled(self) -> Forecasts:
        """Those of all folds together, series by name and origins by time."""
        made = [fold.forecasts for fold in self.folds]
        if not self.by_series:
            return replace(
                _joined(made, axis=1), origins=np.concatenate([each.origins for each in made])
            )
        names = [name for each in made for name in each.unique_ids]
        order = np.array(sorted(range(len(names)), key=names.__getitem__))
        joined = _joined(made, axis=0)
        return replace(
            joined,
            unique_ids=tuple(names[k] for k in order),
            quantiles=joined.quantiles[order],
            target=joined.target[order],
            scale=joined.scale[order],
        )

    def calibration(self, support: Support) -> Calibration:
        """What these errors teach about the next forecast; series are in the order of `pooled`.

        Args:
            support: Which values the target can take.
        """
        pooled = self.pooled
        return calibration.fit(
            pooled.quantiles, pooled.target, levels=pooled.quantile_levels, support=support
        )


def fusion_weights(members: Sequence[OutOfFold]) -> tuple[float, ...]:
    """Weights of several forecasters, learned from their out-of-fold forecasts alone.

    Each series counts in units of its own seasonal change; one that has none does not count.

    Args:
        members: What each said of the same windows, `M` of them.

    Returns:
        Non-negative, sum 1, `M` of them; see `fusion.learn_weights`.

    Raises:
        RefusedError: If there is no member, or they forecast different windows.
    """
    if len({_what(member) for member in members}) != 1:
        raise RefusedError(
            "Expected several forecasters on the same folds, series and origins to weigh, got "
            f"{len(members)} on others; forecast the same windows with each."
        )
    of_folds = [_held_out(fold) for fold in zip(*(each.folds for each in members), strict=True)]
    return learn_weights(_together(of_folds), members[0].folds[0].forecasts.quantile_levels)


def _held_out(members: Sequence[FoldForecasts]) -> HeldOut:
    """What every member said in one fold."""
    first = members[0].forecasts
    scale = np.nan_to_num(first.scale.ravel())
    origins = np.tile(first.origins, len(first.unique_ids))
    return HeldOut(
        forecasts=np.stack([_windows(each.forecasts.quantiles) for each in members]),
        target=_windows(first.target),
        importance=np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0),
        origins=origins,
        learned_until=np.full_like(origins, max(each.learned_until for each in members)),
    )


def _together(folds: Sequence[HeldOut]) -> HeldOut:
    return HeldOut(
        forecasts=np.concatenate([each.forecasts for each in folds], axis=1),
        target=np.concatenate([each.target for each in folds]),
        importance=np.concatenate([each.importance for each in folds]),
        origins=np.concatenate([each.origins for each in folds]),
        learned_until=np.concatenate([each.learned_until for each in folds]),
    )


def _windows(grid: Floats) -> Floats:
    """From a grid of series and origins, shape `(S, O, ...)`, to windows, `(B, ...)`."""
    return grid.reshape(-1, *grid.shape[2:])


def _repeats(groups: Sequence[Sequence[object]]) -> bool:
    """Whether something is in more than one place."""
    everything = [each for group in groups for each in group]
    return len(set(everything)) < len(everything)


def _what(member: OutOfFold) -> tuple[object, ...]:
    """Which windows a member forecast, to compare it by."""
    made = [fold.forecasts for fold in member.folds]
    windows = [(each.unique_ids, tuple(each.origins.tolist()), each.horizon) for each in made]
    return (*windows, made[0].quantile_levels)


def _joined(made: Sequence[Forecasts], *, axis: int) -> Forecasts:
    return replace(
        made[0],
        quantiles=np.concatenate([each.quantiles for each in made], axis=axis),
        target=np.concatenate([each.target for each in made], axis=axis),
        scale=np.concatenate([each.scale for each in made], axis=axis),
    )
