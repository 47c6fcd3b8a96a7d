"""Attention: where the published forecasts looked, kept as rows and put to the test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.attention import HEAD
from data_contracts.night import Faithfulness
from data_contracts.vocabulary import CHAMPION, MODEL_VERSION, QUALITY, UNIQUE_ID
from models.attention import TOGETHER, Attention
from models.faithfulness import faithfulness
from models.forecasters.looking import attention
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
            return _looked(tonight, panel, publisher, batch)
        except Exception as error:  # the batch is published, whatever happens here
            said = f"Where the forecasts looked is not known: {error}"
            return Looked(trouble=" ".join([said, *_forgotten(tonight)]))


def _looked(tonight: Tonight, panel: Panel, publisher: Contender, batch: pd.DataFrame) -> Looked:
    series = _of_publisher(panel, batch)
    origins = np.full(len(series), panel.cutoff_slot)
    wanted = tonight.spec.attention.keep != "none" and len(series) > 0
    found = attention(publisher.forecaster, panel, series, origins) if wanted else None
    if found is None:
        _forget(tonight)
        return Looked()
    looks = found.looks if tonight.spec.attention.keep == "heads" else (found.together,)
    rows = stamped(attention_rows(looks, found, panel, series), {MODEL_VERSION: publisher.version})
    record_attention(
        tonight.warehouse,
        rows,
        cutoff=tonight.cutoff,
        run_id=tonight.run_id,
        token=tonight.token,
    )
    names = choose(batch[batch[QUALITY] == CHAMPION], limit=MAX_DRAWN)
    drawn = rows.filter((pc.field(HEAD) == TOGETHER) & pc.field(UNIQUE_ID).isin(names))
    return Looked(
        faithfulness=_checked(tonight, panel, publisher, series, found),
        drawn=drawn.to_pandas(),
    )


def _of_publisher(panel: Panel, batch: pd.DataFrame) -> Ints:
    """Position of every series that the model in service forecast, ascending."""
    names = batch.loc[batch[QUALITY] == CHAMPION, UNIQUE_ID].unique()
    return np.flatnonzero(np.isin(panel.unique_ids, names))


def _checked(
    tonight: Tonight, panel: Panel, publisher: Contender, series: Ints, found: Attention
) -> Faithfulness | None:
    """Remove patches from the contexts of some series, drawn by the seed of the spec."""
    most, seed = tonight.spec.attention.checked, tonight.spec.training.seed
    drawn = np.random.default_rng(seed).permutation(len(series))[:most]
    drawn.sort()
    if not len(drawn):
        return None
    compared = found.read_by_all  # the others most members do not know, whatever one looked at
    return faithfulness(
        publisher.forecaster,
        panel.select(series[drawn]),
        found.of_horizon[drawn][:, compared],
        found.together.steps[compared],
        seed=seed,
    )


def _forget(tonight: Tonight) -> None:
    forget_attention(tonight.warehouse, cutoff=tonight.cutoff, run_id=tonight.run_id)


def _forgotten(tonight: Tonight) -> list[str]:
    """Remove what an earlier run kept, for it would explain another batch; why it could not."""
    try:
        _forget(tonight)
    except Exception as error:
        return [f"Rows of an earlier run may still be there: {error}"]
    return []
