"""Totals: the sums of a batch over static columns, as rows beside it."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.totals import schema
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import (
    DS,
    LEVEL,
    MEAN,
    QUALITY,
    SERIES,
    SUBSTITUTED,
    UNIQUE_ID,
    quantile_columns,
)
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.past import Past
from models.hierarchy.templates import Templates
from models.hierarchy.totals import total_means, total_quantiles
from models.panel import Bools, Floats, Ints, Panel
from tasks.contenders import Contender
from tasks.progress import stage
from tasks.reconcile import grouping_of, is_useless, obstacle, was_reconciled
from tasks.tonight import Tonight

FEWEST_ORIGINS = 3  # that say how series miss together


class Totals(NamedTuple):
    """What came of summing up.

    Attributes:
        rows: The columns of `totals.schema` by level, label and time; None without any totals.
        notes: What a person should know of them, a sentence each.
    """

    rows: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()


NO_TOTALS = Totals()


@task(name="add up", task_run_name="add up", cache_policy=NO_CACHE)
def add_up(
    tonight: Tonight,
    panel: Panel,
    batch: pd.DataFrame,
    contract: Verdict,
    publisher: Contender,
    past: Past | None,
) -> Totals:
    """Sum up a batch as the spec asks for; trouble is only told: the batch is sound without.

    Args:
        tonight: The night.
        panel: All series that were ever observed.
        batch: Rows of `forecasts.delta`, by series and time.
        contract: The verdict on the input.
        publisher: Who made the batch.
        past: What the past forecasts of who made it missed, None where nothing is known.
    """
    if not tonight.spec.hierarchy.is_asked_for:
        return NO_TOTALS
    with stage("add up"):
        try:
            totals = _added_up(tonight, panel, batch, publisher, past)
        except Exception as error:  # readers have the batch, whatever happens here
            return Totals(notes=(f"There are no totals tonight: {error}",))
    return totals._replace(notes=(*totals.notes, *_on_series(panel, batch, contract)))


def _added_up(
    tonight: Tonight, panel: Panel, batch: pd.DataFrame, publisher: Contender, past: Past | None
) -> Totals:
    held = panel.select(_positions(panel, batch))
    notes = (*_on_columns(tonight, held), *_on_method(tonight, held, publisher, past))
    grouping = grouping_of(tonight.spec, held)
    if not grouping.num_totals:
        return Totals(notes=notes)
    levels = tonight.spec.quantile_levels
    shape = held.num_series, tonight.spec.horizon
    templates, doubt = _templates(held, past, seed=tonight.spec.training.seed)
    quantiles = total_quantiles(
        batch[quantile_columns(levels)].to_numpy(np.float32).reshape(*shape, len(levels)),
        grouping,
        templates,
        levels=levels,
        support=Support.of(held, until=held.cutoff_slot),
    )
    means = total_means(batch[MEAN].to_numpy(np.float32).reshape(shape), grouping)
    if not (np.isfinite(quantiles).all() and np.isfinite(means).all()):
        raise OverflowError("a sum is beyond what the table can hold")
    return Totals(_rows(tonight, batch, grouping, means, quantiles), (*notes, *doubt))


def _positions(panel: Panel, batch: pd.DataFrame) -> Ints:
    """Where the series of a batch are in a panel, in their common order."""
    places = {name: place for place, name in enumerate(panel.unique_ids)}
    return np.array([places[name] for name in batch[UNIQUE_ID].unique()], np.int64)


def _templates(held: Panel, past: Past | None, *, seed: int) -> tuple[Templates, tuple[str, ...]]:
    """How the series of a batch miss together, and what is in doubt about it."""
    if past is None or past.num_origins < FEWEST_ORIGINS:
        few = past.num_origins if past else 0
        return Templates.together(held.num_series), (
            f"The intervals of totals are as wide as if all series missed on the same side, "
            f"because {few} past forecasts are too few to say how they go together; "
            f"{FEWEST_ORIGINS} do.",
        )
    places = {name: place for place, name in enumerate(past.unique_ids)}
    scores = np.full((held.num_series, *past.scores.shape[1:]), np.nan, np.float32)
    for at, name in enumerate(held.unique_ids):
        if name in places:
            scores[at] = past.scores[places[name]]
    return Templates.learn(scores, seed=seed), ()


def _rows(
    tonight: Tonight, batch: pd.DataFrame, grouping: Grouping, means: Floats, quantiles: Floats
) -> pd.DataFrame:
    """One forecast per total as rows; what all series share is that of one that is no substitute.

    Args:
        tonight: The night.
        batch: Rows of the series.
        grouping: Which series each total holds.
        means: Shape `(N, H)`.
        quantiles: Shape `(N, H, Q)`.
    """
    horizon, levels = tonight.spec.horizon, tonight.spec.quantile_levels
    substituted = (batch[QUALITY].to_numpy() == SUBSTITUTED)[::horizon]  # (S,)
    speaker = [_speaker(substituted, grouping, total) for total in range(grouping.num_totals)]
    shared = np.add.outer(np.array(speaker) * horizon, np.arange(horizon)).ravel()
    flat = quantiles.reshape(-1, len(levels))
    frame = batch.iloc[shared].assign(
        **{
            LEVEL: np.repeat(grouping.levels, horizon),
            UNIQUE_ID: np.repeat(grouping.labels, horizon),
            SERIES: np.repeat(grouping.sizes.astype(np.int32), horizon),
            SUBSTITUTED: np.repeat(grouping.sums(substituted).astype(np.int32), horizon),
            MEAN: means.ravel(),
            **{name: flat[:, k] for k, name in enumerate(quantile_columns(levels))},
        }
    )
    frame = frame.sort_values([LEVEL, UNIQUE_ID, DS], ignore_index=True)
    return frame[schema(levels).names]


def _speaker(substituted: Bools, grouping: Grouping, total: int) -> int:
    """Position of a series whose model and quality stand for a total."""
    members = np.flatnonzero((grouping.totals == total).any(axis=0))
    return int(members[np.argmin(substituted[members])])


def _on_series(panel: Panel, batch: pd.DataFrame, contract: Verdict) -> list[str]:
    absent = sorted(set(panel.unique_ids).difference(batch[UNIQUE_ID], contract.ended))
    if not absent:
        return []
    return [
        f"The totals are without {len(absent):,} of {panel.num_series:,} series, such as "
        f"{absent[0]}, that are set aside and that the baseline cannot forecast either."
    ]


def _on_columns(tonight: Tonight, held: Panel) -> list[str]:
    return [
        f"hierarchy.by: {name} has a label of its own for each of {held.num_series:,} series, so "
        "there is nothing to add up; name a column that series share."
        for name in tonight.spec.hierarchy.by
        if is_useless(held.labels[name])
    ]


def _on_method(tonight: Tonight, held: Panel, publisher: Contender, past: Past | None) -> list[str]:
    if tonight.spec.hierarchy.method != "mint" or was_reconciled(publisher):
        return []
    why = obstacle(tonight.spec, held, publisher, past) or "their past errors do not allow it"
    return [f"Totals are summed up from the series and not reconciled, because {why}."]
