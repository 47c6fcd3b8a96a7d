"""Extract: read what was known at one instant."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.observations import Extraction, read_observations
from tasks.tonight import Tonight


@task(
    name="extract",
    task_run_name="extract",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def extract(tonight: Tonight) -> Extraction:
    """Read the observations of a night; see `read_observations` for the errors.

    Reading is tried again when the storage fails, never when the data or the spec is wrong.
    """
    with stage("extract") as step:
        return read_observations(tonight.spec, tonight.as_of, progress=step)
