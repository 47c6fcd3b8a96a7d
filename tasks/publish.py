"""Publish: make a batch what readers see."""

import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.forecasts import export_latest, publish_batch
from tasks.stores.warehouse import Warehouse


@task(
    name="publish",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def publish(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    cutoff: pd.Timestamp,
    levels: tuple[float, ...],
    run_id: str,
    token: int,
) -> int:
    """Commit the batch of a cutoff, then export it if it is the newest.

    Publishing a cutoff again replaces its batch; see `publish_batch` for arguments and errors.

    Returns:
        Version of the table that first holds the batch.
    """
    version = publish_batch(
        warehouse, rows, cutoff=cutoff, levels=levels, run_id=run_id, token=token
    )
    export_latest(warehouse, cutoff)
    return version
