"""Reading any forecaster back, whatever made it."""

import json
from pathlib import Path

from data_contracts.errors import NightcastError
from models.forecaster import Forecaster


def load_forecaster(folder: Path) -> Forecaster:
    """Read a forecaster that its `save` wrote.

    Raises:
        NightcastError: If the folder holds no forecaster that this code knows.
    """
    path = folder / "config.json"
    try:
        kind = json.loads(path.read_text(encoding="utf-8"))["forecaster"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NightcastError(
            f"{folder}: expected a saved forecaster with a config.json, got {error!r}."
        ) from None
    if kind == "neural":
        from models.neural import NeuralForecaster

        return NeuralForecaster.load(folder)
    if kind == "seasonal_naive":
        from models.seasonal_naive import SeasonalNaive

        return SeasonalNaive.load(folder)
    raise NightcastError(
        f"{path}: expected a forecaster of kind neural or seasonal_naive, got {kind!r}."
    )
