"""Upkeep: what follows a published night, and must never undo it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.evaluate import Entry
from tasks.progress import stage
from tasks.stores.mirror import mirror_registry
from tasks.stores.retention import clear_out
from tasks.tonight import Tonight


class Upkeep(NamedTuple):
    """What came of one step.

    Attributes:
        done: What it changed, one sentence, empty where nothing.
        trouble: Why it could not do its work, one sentence, empty where it could.
    """

    done: str = ""
    trouble: str = ""


@task(name="tidy up", task_run_name="tidy up", cache_policy=NO_CACHE)
def tidy_up(tonight: Tonight) -> Upkeep:
    """Remove versions, snapshots and nights that nothing needs; trouble is only told."""
    with stage("tidy up"):
        try:
            removed = clear_out(
                tonight.warehouse,
                tonight.spec.retention,
                now=pd.Timestamp.now("UTC"),
                named=tonight.spec.training.start_from,
            )
        except Exception as error:  # the batch is published, whatever happens here
            return Upkeep(trouble=f"Retention could not remove everything: {error}")
    return Upkeep(done=str(removed))


@task(name="mirror", task_run_name="mirror", cache_policy=NO_CACHE)
def mirror(tonight: Tonight, entries: Sequence[Entry]) -> Upkeep:
    """Show versions, tonight's scores and the champion in an MLflow, if the spec names one.

    The MLflow is never in the way: it has two minutes, and trouble is only told.
    """
    uri = tonight.spec.registry.mlflow
    if uri is None:
        return Upkeep()
    at = tonight.cutoff.timestamp() * 1000
    scores = {
        entry.contender.version: {"at": at, **_numbers(entry)}
        for entry in entries
        if entry.contender.record is not None
    }
    with stage("mirror"):
        try:
            added = mirror_registry(tonight.warehouse, uri, scores)
        except Exception as error:  # the batch is published, whatever happens here
            return Upkeep(trouble=str(error))
    return Upkeep(done=f"New in MLflow: {', '.join(added)}." if added else "")


def _numbers(entry: Entry) -> dict[str, float]:
    """The scores that are finite."""
    score = entry.score
    numbers = {name: getattr(score, name) for name in ("mase", "wql", "coverage", "bias")}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
