"""Validate: hold what was read, and what is about to be published, against their contracts."""

from collections.abc import Sequence

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.forecasts import validate_forecasts
from data_contracts.observations import validate_observations
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import UNIQUE_ID
from tasks.progress import stage
from tasks.stores.observations import Extraction
from tasks.stores.runs import write_validation
from tasks.tonight import Tonight


@task(name="validate input", cache_policy=NO_CACHE)  # no retries: bad data does not mend itself
def validate_input(tonight: Tonight, extraction: Extraction) -> Verdict:
    """Judge the observations and keep the verdict in the folder of the run.

    It raises nothing: whether a broken contract stops the night is the caller's to say.
    """
    with stage("validate input"):
        verdict = validate_observations(
            extraction.profile,
            extraction.batch,
            extraction.examples,
            tonight.spec,
            tonight.cutoff,
        )
    write_validation(tonight.warehouse, tonight.cutoff, verdict)
    return verdict


@task(name="validate output", cache_policy=NO_CACHE)  # no retries, for the same reason
def validate_output(
    tonight: Tonight,
    rows: pd.DataFrame,
    *,
    expected_ids: Sequence[str],
    extraction: Extraction,
    contract: Verdict,
) -> Verdict:
    """Judge a batch and keep the verdict beside that on its input.

    Args:
        tonight: The night.
        rows: The batch, columns as in `forecasts.schema`.
        expected_ids: Series that it must hold.
        extraction: What was read, for the range of each history.
        contract: The verdict on the input.
    """
    with stage("validate output"):
        verdict = validate_forecasts(
            rows,
            tonight.spec,
            expected_ids=expected_ids,
            history_range=extraction.profile[[UNIQUE_ID, "min", "max"]],
        )
    write_validation(tonight.warehouse, tonight.cutoff, contract.merge(verdict))
    return verdict
