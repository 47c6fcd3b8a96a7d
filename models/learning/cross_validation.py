"""Cross-validation: forecasts of a training for days that it has not seen, fold by fold."""

from collections.abc import Callable

import numpy as np

from models.folds import Fold, since
from models.gate.evaluation import Forecasts, forecast_origins
from models.learning.settings import TrainingSettings
from models.learning.training import Listener, train
from models.panel import Panel


def forecast_fold(
    panel: Panel,
    settings: TrainingSettings,
    fold: Fold,
    *,
    season_length: int,
    listener: Listener | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Forecasts:
    """Train on what one fold may learn from, and forecast from its origins.

    Args:
        panel: Where histories and targets are.
        settings: What to train, from scratch.
        fold: What may be seen, and where to forecast.
        season_length: Steps in the season that MASE is scaled by.
        listener: Told after every epoch.
        progress: Called after each batch of forecasts with the windows done and those in all.

    Returns:
        Of every series from every origin.

    Raises:
        RefusedError: If there is too little to learn from; see `training.train`.
        NightcastError: If the loss is not finite.
    """
    forecaster = train(
        since(panel, fold.train_from), settings, train_until=fold.train_until, progress=listener
    )
    return forecast_origins(
        forecaster,
        panel,
        np.arange(panel.num_series),
        fold.origins,
        season_length=season_length,
        progress=progress,
    )
