"""Cross-validation: forecasts of a training for days that it has not seen, fold by fold."""

from collections.abc import Callable, Iterable

from models.folds import Fold, seen
from models.gate.evaluation import forecast_origins
from models.learning.out_of_fold import FoldForecasts, OutOfFold
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
) -> FoldForecasts:
    """Train on what one fold may learn from, and forecast from its origins.

    Args:
        panel: Where histories and targets are.
        settings: What to train, from no model that may have seen the fold.
        fold: What may be seen, and where to forecast.
        season_length: Steps in the season that MASE is scaled by.
        listener: Told after every epoch.
        progress: Called after each batch of forecasts with the windows done and those in all.

    Returns:
        Of every series that is judged, from every origin.

    Raises:
        RefusedError: If there is too little to learn from; see `training.train`.
        NightcastError: If the loss is not finite.
    """
    learned = seen(panel, fold)
    forecaster = train(learned, settings, train_until=fold.train_until, progress=listener)
    forecasts = forecast_origins(
        forecaster,
        panel,
        fold.judged(panel),
        fold.origins,
        season_length=season_length,
        progress=progress,
    )
    by_series = fold.left_out is not None
    return FoldForecasts(
        forecasts,
        learned_until=fold.train_until,
        learned_from=learned.unique_ids if by_series else None,
    )


def cross_validate(
    panel: Panel, settings: TrainingSettings, folds: Iterable[Fold], *, season_length: int
) -> OutOfFold:
    """Train on every fold and forecast what it has not seen.

    Args:
        panel: Where histories and targets are.
        settings: What to train anew on each fold.
        folds: All by time or all by series, in their order.
        season_length: Steps in the season that MASE is scaled by.

    Raises:
        RefusedError: If there is too little to learn from in a fold, or no fold; see
            `training.train`.
        NightcastError: If a loss is not finite.
    """
    return OutOfFold(
        tuple(forecast_fold(panel, settings, fold, season_length=season_length) for fold in folds)
    )
