"""Publish: make a batch what readers see."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.accuracy import keep_baseline
from tasks.stores.forecasts import export_latest, publish_batch
from tasks.stores.totals import export_totals, publish_totals
from tasks.tonight import Tonight
from tasks.turn import turn

FIRST = 1  # the lowest fencing number: whatever another run has published is newer


@task(
    name="publish",
    task_run_name="publish",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def publish(
    tonight: Tonight,
    batch: pd.DataFrame,
    reference: pd.DataFrame,
    totals: pd.DataFrame | None = None,
) -> int:
    """Commit the batch of a night after what belongs to it, then export it if it is the newest.

    Publishing a night again replaces its batch.

    Args:
        tonight: The night.
        batch: The columns of the forecasts' contract; see `publish_batch`.
        reference: The same columns as the baseline would have published them.
        totals: Its totals, None where there are none.

    Returns:
        Version of the table of forecasts that first holds the batch.

    Raises:
        ContractError: If the rows do not keep the contract, or there are none.
        ConflictError: If a later attempt has published this night.
        StorageError: If the warehouse still cannot be written after the last attempt.
    """
    with stage("publish"), turn(tonight):
        # The batch last: no new one is seen without its totals, or what it will be held against.
        _commit(keep_baseline, tonight, reference)
        if totals is not None:
            _commit(publish_totals, tonight, totals)
        version = _commit(publish_batch, tonight, batch, yields=tonight.yields)
        export_latest(tonight.warehouse, tonight.cutoff, csv=tonight.spec.exports.csv)
        export_totals(tonight.warehouse, tonight.cutoff, csv=tonight.spec.exports.csv)
    return version


def _commit(
    publishing: Callable[..., int], tonight: Tonight, rows: pd.DataFrame, *, yields: bool = False
) -> int:
    return publishing(
        tonight.warehouse,
        pa.Table.from_pandas(rows, preserve_index=False),
        cutoff=tonight.cutoff,
        levels=tonight.spec.quantile_levels,
        run_id=tonight.run_id,
        token=FIRST if yields else tonight.token,
    )
