"""What a forecaster missed at past origins: what its next forecasts have in common is in there."""

from dataclasses import dataclass
from typing import Self

from models.forecasters.support import Support
from models.gate.evaluation import Forecasts
from models.hierarchy.normal_scores import normal_scores
from models.panel import Floats
from models.quantiles import mean_of_quantiles


@dataclass(frozen=True, eq=False)
class Past:
    """Misses of `S` series at `O` origins, NaN where the target was not observed.

    Attributes:
        unique_ids: Names of the series, `S` of them.
        scores: Normal scores of the actuals in their forecasts, shape `(S, O, H)`.
        means: Mean of each forecast, in the unit of the target, shape `(S, O, H)`.
        target: What came, shape `(S, O, H)`.
    """

    unique_ids: tuple[str, ...]
    scores: Floats
    means: Floats
    target: Floats

    @classmethod
    def of(cls, forecasts: Forecasts, support: Support) -> Self:
        """Misses of forecasts as they would have been published.

        Args:
            forecasts: Of past origins.
            support: Which values the target can take.
        """
        levels = forecasts.quantile_levels
        scores = normal_scores(
            forecasts.target, forecasts.quantiles, levels=levels, support=support
        )
        means = mean_of_quantiles(forecasts.quantiles, levels)
        return cls(forecasts.unique_ids, scores, means, forecasts.target)

    @property
    def num_origins(self) -> int:
        """Number of origins, `O`."""
        return int(self.scores.shape[1])
