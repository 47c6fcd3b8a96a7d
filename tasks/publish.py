"""Publish: make a batch what readers see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ConflictError, OvertakenError
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.accuracy import keep_baseline, published_batches
from tasks.stores.forecasts import export_latest, publish_batch
from tasks.stores.totals import export_totals, publish_totals
from tasks.tonight import Tonight
from tasks.turn import turn


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

    Publishing a night again replaces its batch. A run that yields writes nothing where the batch of
    another run is, and keeps no night from publishing after it.

    Args:
        tonight: The night.
        batch: The columns of the forecasts' contract; see `publish_batch`.
        reference: The same columns as the baseline would have published them.
        totals: Its totals, None where there are none.

    Returns:
        Version of the table of forecasts that first holds the batch.

    Raises:
        ContractError: If the rows do not keep the contract, or there are none.
        OvertakenError: If a later attempt has published this night, or any other run that this one
            yields to.
        ConflictError: If a later attempt has begun to, and there is no batch.
        StorageError: If the warehouse still cannot be written after the last attempt.
    """
    with stage("publish"), turn(tonight), _overtaken_by_a_batch(tonight):
        refuse_another(tonight)
        # The batch last: no new one is seen without its totals, or what it will be held against.
        _commit(keep_baseline, tonight, reference)
        if totals is not None:
            _commit(publish_totals, tonight, totals)
        version = _commit(publish_batch, tonight, batch)
        export_latest(tonight.warehouse, tonight.cutoff, csv=tonight.spec.exports.csv)
        export_totals(tonight.warehouse, tonight.cutoff, csv=tonight.spec.exports.csv)
    return version


def published_by(tonight: Tonight) -> str | None:
    """The run that has published the batch of a night, None where there is no batch."""
    return {each.cutoff: each.run_id for each in published_batches(tonight.warehouse)}.get(
        tonight.cutoff
    )


def refuse_another(tonight: Tonight) -> None:
    """Stop a run that yields where the batch of another run is there.

    Raises:
        OvertakenError: If so.
    """
    by = published_by(tonight) if tonight.yields else None
    if by not in (None, tonight.run_id):
        raise OvertakenError(f"The run {by} has published the date, and what exists is skipped.")


@contextmanager
def _overtaken_by_a_batch(tonight: Tonight) -> Iterator[None]:
    """Nothing is left to do where another run has published; one that only began may have died."""
    try:
        yield
    except OvertakenError as error:
        if published_by(tonight) is not None:
            raise
        raise ConflictError(
            f"Another run has begun to publish {tonight.cutoff:%Y-%m-%d %H:%M} UTC, and there is "
            f"no batch of it yet. {error}"
        ) from error


def _commit(publishing: Callable[..., int], tonight: Tonight, rows: pd.DataFrame) -> int:
    return publishing(
        tonight.warehouse,
        pa.Table.from_pandas(rows, preserve_index=False),
        cutoff=tonight.cutoff,
        levels=tonight.spec.quantile_levels,
        run_id=tonight.run_id,
        token=None if tonight.yields else tonight.token,
    )
