"""Extract: read what was known at one instant."""

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.spec import Spec
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.observations import Extraction, read_observations


@task(
    name="extract",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def extract(spec: Spec, as_of: pd.Timestamp) -> Extraction:
    """Read the observations; see `read_observations` for arguments and errors.

    Reading is tried again when the storage fails, never when the data or the spec is wrong.
    """
    with stage("extract") as step:
        return read_observations(spec, as_of, progress=step)
