"""Attention: where the published forecasts looked, kept as rows and put to the test."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.attention import HEAD
from data_contracts.errors import ConflictError
from data_contracts.night import Faithfulness
from data_contracts.vocabulary import CHAMPION, MODEL_VERSION, QUALITY, UNIQUE_ID
from models.attention import TOGETHER, Attention
from models.faithfulness import faithfulness
from models.forecasters.looking import attention, of_single_series
from models.panel import Ints, Panel
from tasks.contenders import Contender
from tasks.progress import stage
from tasks.reporting.charts import choose
from tasks.stores.attention import attention_rows, forget_attention, record_attention
from tasks.stores.table import stamped
from tasks.tonight import Tonight

MAX_DRAWN = 6  # series of which the report shows where their forecast looked


@dataclass(frozen=True, eq=False)
class Looked:
    """What is known about where a published batch looked.

    Attributes:
        trouble: Why it is not known, one sentence; empty where it is.
        faithfulness: Whether forecasts depend on what they looked at, None where nobody has asked.
        drawn: Rows of `attention.delta` of the mean of all heads, of the largest series.
    """

    trouble: str = ""
    faithfulness: Faithfulness | None = None
    drawn: pd.DataFrame | None = None


@task(name="attention", task_run_name="attention", cache_policy=NO_CACHE)
def look(tonight: Tonight, panel: Panel, publisher: Contender, batch: pd.DataFrame) -> Looked:
    """Keep where a published batch looked, and see whether its forecasts depend on that.

    The rows of an earlier run of the night are replaced, or removed where the batch is by now that
    of the baseline. Trouble is only told: what is published is published.

    Args:
        tonight: The night.
        panel: All series that were forecast.
        publisher: Who made the batch.
        batch: The rows that were published.
    """
    with stage("attention"):
        try:
            kept = _kept(tonight, panel, publisher, batch)
        except ConflictError as error:  # a later run of the night tells of its own batch
            return Looked(_unknown(error))
        except Exception as error:  # the batch is published, whatever happens here
            return Looked(" ".join([_unknown(error), *_forgotten(tonight)]))
        if kept is None:
            return Looked()
        try:
            return Looked("", _tested(tonight, panel, publisher, kept), kept.drawn)
        except Exception as error:
            return Looked(f"Attention could not be put to the test: {error}", None, kept.drawn)


class _Kept(NamedTuple):
    """Which series were asked, where they looked, and the rows of those to draw."""

    series: Ints
    attention: Attention
    drawn: pd.DataFrame


def _kept(
    tonight: Tonight, panel: Panel, publisher: Contender, batch: pd.DataFrame
) -> _Kept | None:
    """Keep the rows of a batch; without any, those of an earlier run are removed."""
    series = _of_publisher(panel, batch)
    origins = np.full(len(series), panel.cutoff_slot)
    wanted = tonight.spec.attention.keep != "none" and len(series) > 0
    found = attention(publisher.forecaster, panel, series, origins) if wanted else None
    if found is None:
        _forget(tonight)
        return None
    looks = found.looks if tonight.spec.attention.keep == "heads" else (found.together,)
    rows = stamped(attention_rows(looks, found, panel, series), {MODEL_VERSION: publisher.version})
    record_attention(tonight.warehouse, rows, **_run(tonight))
    names = choose(batch[batch[QUALITY] == CHAMPION], limit=MAX_DRAWN)
    drawn = rows.filter((pc.field(HEAD) == TOGETHER) & pc.field(UNIQUE_ID).isin(names))
    return _Kept(series, found, drawn.to_pandas())


def _of_publisher(panel: Panel, batch: pd.DataFrame) -> Ints:
    """Position of every series that the model in service forecast, ascending."""
    names = batch.loc[batch[QUALITY] == CHAMPION, UNIQUE_ID].unique()
    return np.flatnonzero(np.isin(panel.unique_ids, names))


def _tested(
    tonight: Tonight, panel: Panel, publisher: Contender, kept: _Kept
) -> Faithfulness | None:
    """Remove patches from the contexts of some series, drawn by the seed of the spec.

    In a backfill from none: that is asked of a model night by night, and takes longer than the
    forecast.
    """
    most = tonight.spec.attention.checked if tonight.backfill is None else 0
    seed = tonight.spec.training.seed
    drawn = np.random.default_rng(seed).permutation(len(kept.series))[:most]
    drawn.sort()
    if not len(drawn):
        return None
    found = kept.attention
    compared = found.read_by_all  # the others most members do not know, whatever one looked at
    return faithfulness(
        of_single_series(publisher.forecaster),
        panel.select(kept.series[drawn]),
        found.of_horizon[drawn][:, compared],
        found.together.steps[compared],
        seed=seed,
    )


def _forget(tonight: Tonight) -> None:
    forget_attention(tonight.warehouse, **_run(tonight))


def _run(tonight: Tonight) -> dict[str, Any]:
    return {"cutoff": tonight.cutoff, "run_id": tonight.run_id, "token": tonight.token}


def _forgotten(tonight: Tonight) -> list[str]:
    """Remove what an earlier run kept, for it would explain another batch; why it could not."""
    try:
        _forget(tonight)
    except Exception as error:
        return [f"Rows of an earlier run may still be there: {error}"]
    return []


def _unknown(error: Exception) -> str:
    return f"Where the forecasts looked is not known: {error}"
