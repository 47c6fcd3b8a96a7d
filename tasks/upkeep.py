"""Upkeep: what follows a published night, and must never undo it."""

from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.progress import stage
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
