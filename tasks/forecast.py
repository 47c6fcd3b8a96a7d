"""Forecast: the rows of one batch."""

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.forecasts import schema
from data_contracts.spec import Spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import (
    BASELINE,
    CHAMPION,
    CUTOFF,
    CUTOFF_DATE,
    DS,
    ISSUED_AT,
    LEAD,
    MEAN,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    SUBSTITUTED,
    UNIQUE_ID,
    quantile_columns,
)
from models.panel import Bools, Floats, Ints, Panel
from models.quantiles import mean_of_quantiles
from tasks.contenders import Contender, substitute_of
from tasks.progress import stage
from tasks.tonight import Tonight


@task(name="forecast", task_run_name="forecast", cache_policy=NO_CACHE)
def forecast(tonight: Tonight, panel: Panel, service: Contender, contract: Verdict) -> pd.DataFrame:
    """Forecast every series that can be, from the cutoff on.

    Args:
        tonight: The night.
        panel: All series that were ever observed, those in quarantine included.
        service: Who publishes.
        contract: The verdict on the input: series that it sets aside get the baseline's forecast
            instead, marked as `substituted`.

    Returns:
        The columns of `forecasts.schema`, sorted by series and time.
    """
    with stage("forecast"):
        return _batch(tonight, panel, service, contract)


@task(
    name="forecast of the baseline", task_run_name="forecast of the baseline", cache_policy=NO_CACHE
)
def reference_batch(
    tonight: Tonight, panel: Panel, baseline: Contender, contract: Verdict, batch: pd.DataFrame
) -> pd.DataFrame:
    """What the baseline would publish tonight, so that later the batch can be held against it.

    Args:
        tonight: The night.
        panel: All series that were ever observed.
        baseline: As it would publish.
        contract: The verdict on the input.
        batch: What is published; where that is the baseline's, it is the answer.

    Returns:
        The columns of `forecasts.schema`, sorted by series and time.
    """
    makers = batch.loc[batch[QUALITY] != SUBSTITUTED, MODEL_VERSION]
    if (makers == baseline.version).all():
        return batch
    with stage("forecast of the baseline"):
        return _batch(tonight, panel, baseline, contract)


def served_series(spec: Spec, panel: Panel, contract: Verdict) -> list[str]:
    """Names of the series that a batch must hold."""
    by_model, by_baseline = _shares(spec, panel, contract)
    return [panel.unique_ids[k] for k in np.flatnonzero(by_model | by_baseline)]


def _batch(tonight: Tonight, panel: Panel, service: Contender, contract: Verdict) -> pd.DataFrame:
    by_model, by_baseline = _shares(tonight.spec, panel, contract)
    quality = BASELINE if service.role == BASELINE else CHAMPION
    parts = [
        _rows(tonight, panel, np.flatnonzero(by_model), service, quality),
        _rows(
            tonight, panel, np.flatnonzero(by_baseline), substitute_of(tonight.spec), SUBSTITUTED
        ),
    ]
    batch = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return batch.sort_values([UNIQUE_ID, DS], ignore_index=True)


def _shares(spec: Spec, panel: Panel, contract: Verdict) -> tuple[Bools, Bools]:
    """Which series the one in service forecasts, and which the baseline in its place.

    Nobody forecasts those that are over, and those in quarantine whose history is shorter than the
    short season that the baseline needs to vary.
    """
    by_model = ~np.isin(panel.unique_ids, list(contract.unserved))
    aside = np.isin(panel.unique_ids, list(contract.quarantined))
    return by_model, aside & (panel.lengths >= spec.seasons[0])


def _rows(
    tonight: Tonight, panel: Panel, series: Ints, contender: Contender, quality: str
) -> pd.DataFrame:
    """One forecast per series as rows, `horizon` of them each."""
    spec, horizon = tonight.spec, tonight.spec.horizon
    origins = np.full(len(series), panel.cutoff_slot)
    quantiles = contender.forecaster.predict(panel, series, origins)  # (S, H, Q)
    leads = np.arange(1, horizon + 1)
    stamps = panel.grid.timestamps(panel.cutoff_slot + leads)
    names = np.array(panel.unique_ids, dtype=object)[series]
    frame = pd.DataFrame(
        {
            CUTOFF_DATE: tonight.cutoff.date(),
            UNIQUE_ID: np.repeat(names, horizon),
            CUTOFF: tonight.cutoff,
            DS: stamps.take(np.tile(leads - 1, len(series))),
            LEAD: np.tile(leads, len(series)).astype(np.int32),
            MEAN: mean_of_quantiles(quantiles, spec.quantile_levels).ravel(),
            **_columns(quantiles, spec.quantile_levels),
            MODEL: contender.name,
            MODEL_VERSION: contender.version,
            QUALITY: quality,
            ISSUED_AT: tonight.issued_at,
            RUN_ID: tonight.run_id,
        }
    )
    return frame[schema(spec.quantile_levels).names]


def _columns(quantiles: Floats, levels: tuple[float, ...]) -> dict[str, Floats]:
    flat = quantiles.reshape(-1, len(levels))
    return {name: flat[:, k] for k, name in enumerate(quantile_columns(levels))}
