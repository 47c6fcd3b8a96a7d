"""Asking any forecaster where it looked."""

from models.attention import Attention
from models.forecasters.calibration import Calibrated
from models.forecasters.forecaster import Forecaster
from models.forecasters.neural import NeuralForecaster
from models.hierarchy.reconciled import Reconciled
from models.panel import Ints, Panel


def attention(
    forecaster: Forecaster, panel: Panel, series: Ints, origins: Ints
) -> Attention | None:
    """Where the forecasts of some series looked; None where the forecaster has no attention.

    An adjustment by past errors, or to totals, looks nowhere, so that an adjusted forecaster looked
    where the one inside did.

    Args:
        forecaster: Who forecasts.
        panel: Where the histories are.
        series: Position of each wanted series, shape `(B,)`.
        origins: Slot of the last step that each forecast may see, shape `(B,)`.
    """
    inside = forecaster
    while isinstance(inside, Calibrated | Reconciled):
        inside = inside.forecaster
    if not isinstance(inside, NeuralForecaster):
        return None
    return inside.attention(panel, series, origins)


def of_single_series(forecaster: Forecaster) -> Forecaster:
    """The part of a forecaster that can be asked for some of its series alone.

    Whoever agrees with totals needs all of them, and a gap in one is a gap in its totals.
    """
    return forecaster.forecaster if isinstance(forecaster, Reconciled) else forecaster
