"""Reading any forecaster back, whatever made it."""

from pathlib import Path

from data_contracts.errors import StorageError
from models.forecasters.config import read_config
from models.forecasters.forecaster import Forecaster


def load_forecaster(folder: Path) -> Forecaster:
    """Read a forecaster that its `save` wrote.

    Raises:
        StorageError: If the folder holds no forecaster that this version of the code can read.
    """
    try:
        return _load(folder)
    except Exception as error:  # Keras raises almost anything for a file that it does not know
        what = str(error).split("\n", 1)[0]
        raise StorageError(
            f"{folder}: expected a forecaster that this version of Nightcast can read, got "
            f"{type(error).__name__}: {what}; train a new one (nightcast run … --train always)."
        ) from error


def _load(folder: Path) -> Forecaster:
    kind = read_config(folder)["forecaster"]
    if kind == "neural":
        from models.forecasters.neural import NeuralForecaster

        return NeuralForecaster.load(folder)
    if kind == "seasonal_naive":
        from models.forecasters.seasonal_naive import SeasonalNaive

        return SeasonalNaive.load(folder)
    if kind == "statistical":
        from models.forecasters.statistical import Statistical

        return Statistical.load(folder)
    raise ValueError(f"the kind {kind!r} instead of neural, seasonal_naive or statistical")
