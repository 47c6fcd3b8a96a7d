"""What every forecaster can do, whether it is a network or a rule."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from models.panel import Floats, Ints, Panel


class Forecaster(Protocol):
    """Forecasts quantiles of any series of a panel from any origin."""

    @property
    def name(self) -> str:
        """As in the spec, such as `attention_lstm` or `seasonal_naive`."""
        ...

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers, `H`."""
        ...

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the last axis of a forecast, `Q`, ascending."""
        ...

    @property
    def trained_until(self) -> int | None:
        """Slot of the last step that training saw, None where nothing was learned."""
        ...

    @property
    def covariates(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that a panel has to hold for it, by role: `past`, `known` and `static`."""
        ...

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles in the unit of the target, ascending, shape `(B, H, Q)`, float32.

        Only rows at or before the origin are used, and covariates known ahead.

        Args:
            panel: Where the histories are.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load_forecaster` needs into a new folder."""
        ...
