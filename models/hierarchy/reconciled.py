"""Forecasts of series that agree with forecasts of their totals (MinT).

A total has a course of its own, often a clearer one than its series, and can be forecast like
them. The sum of the series' forecasts is then another number. MinT (Wickramasuriya, Athanasopoulos
and Hyndman, 2019) moves the means of the series so that both agree, by what past errors of all say
of whom to trust: the trace of the error covariance is least. It is the one of the package
hierarchicalforecast, with its shrunk covariance.

The quantiles of a series move with its mean. What the target cannot be, they are not afterwards
either; totals are summed after that, so the batch agrees in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.forecasters.forecaster import Forecaster
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.histories import panel_of_totals
from models.hierarchy.normal_scores import unrounded
from models.hierarchy.past import Past
from models.panel import Floats, Ints, Panel
from models.quantiles import mean_of_quantiles
from models.scores import Doubles

FEWEST_ORIGINS = 5  # whose errors say whom to trust
MOST_NODES = 2000  # series and totals: the covariance has a row and a column for each


def projection(series: Past, totals: Past, grouping: Grouping) -> Doubles:
    """What turns means of totals and series into means of series that agree with their sums.

    Args:
        series: What was missed of the series.
        totals: What was missed of the totals, from the same origins.
        grouping: Which series each total holds.

    Returns:
        Shape `(S, N + S)`.

    Raises:
        ValueError: If the errors have no covariance, because they are all 0 or too few.
    """
    from hierarchicalforecast.methods import MinTrace  # type: ignore[import-untyped]  # it has no types

    target = np.concatenate([totals.target, series.target])
    means = np.concatenate([totals.means, series.means])
    num_nodes, num_series = len(target), len(series.target)
    summing = np.concatenate([grouping.matrix(), np.eye(num_series)])
    actual, said = (each.reshape(num_nodes, -1).astype(np.float64) for each in (target, means))
    try:
        fitted = MinTrace("mint_shrink").fit(
            S=summing,
            y_hat=said[:, :1],
            y_insample=actual,
            y_hat_insample=np.where(np.isnan(actual), np.nan, said),
        )
    except Exception as error:  # the package raises nothing more specific
        raise ValueError(f"{str(error).rstrip('.')}.") from error
    made = np.asarray(fitted.P, np.float64)
    if not np.isfinite(made).all():
        raise ValueError("Expected a finite projection, got one that is not.")
    return made


def moved(
    quantiles: Floats,
    sums: Floats,
    weights: Doubles,
    *,
    levels: tuple[float, ...],
    support: Support,
) -> Floats:
    """Move forecasts of series by what forecasts of their totals say.

    Args:
        quantiles: Of the series, ascending, shape `(S, H, Q)`.
        sums: Means of the totals, shape `(N, H)`.
        weights: What `projection` returned.
        levels: Quantile levels, ascending.
        support: Which values the target can take.

    Returns:
        Ascending, values that the target can take, shape `(S, H, Q)`.
    """
    means = mean_of_quantiles(quantiles, levels)
    shift = weights @ np.concatenate([sums, means]) - means  # (S, H)
    smooth = unrounded(quantiles, levels=levels, support=support)
    return support.fit((smooth + shift[..., None]).astype(quantiles.dtype))


@dataclass(frozen=True, eq=False)
class Reconciled:
    """A forecaster of series whose forecasts agree with those of their totals.

    Attributes:
        forecaster: Who forecasts the series.
        of_totals: Who forecasts the totals.
        grouping: Which series each total holds.
        projection: As in `projection`.
        unique_ids: Names of the series, in the order of the grouping.
        support: Which values the target can take.
    """

    forecaster: Forecaster
    of_totals: Forecaster
    grouping: Grouping
    projection: Doubles
    unique_ids: tuple[str, ...]
    support: Support

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
        """Slot of the last step that training saw; the errors may be of later ones."""
        return self.forecaster.trained_until

    @property
    def covariates(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that a panel has to hold for the forecaster, by role."""
        return self.forecaster.covariates

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles of the forecaster, moved; see `Forecaster.predict`.

        Raises:
            ValueError: If it is asked for other series than it has learned from, or for several
                origins at once: a total needs all of its series.
        """
        names = tuple(panel.unique_ids[k] for k in series)
        if names != self.unique_ids or len(np.unique(origins)) > 1:
            raise ValueError(
                f"Expected one forecast of each of {len(self.unique_ids)} series from one origin, "
                f"got {len(names)} from {len(np.unique(origins))}."
            )
        said = self.forecaster.predict(panel, series, origins)
        whole = panel_of_totals(panel.select(series), self.grouping)
        every = np.arange(whole.num_series)
        of_sums = self.of_totals.predict(whole, every, np.repeat(origins[:1], len(every)))
        levels = self.quantile_levels
        sums = mean_of_quantiles(of_sums, levels)
        return moved(said, sums, self.projection, levels=levels, support=self.support)

    def save(self, folder: Path) -> None:
        """Write the forecaster; whom to trust is learned anew every night."""
        self.forecaster.save(folder)
