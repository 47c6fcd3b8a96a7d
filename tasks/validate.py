"""Validate: hold what was read, and what is about to be published, against their contracts."""

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import quarantine
from data_contracts.forecasts import validate_forecasts
from data_contracts.observations import validate_observations
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import UNIQUE_ID
from models.panel import Panel
from models.standstill import least_share_away
from tasks.forecast import served_series
from tasks.progress import stage
from tasks.stores.observations import Extraction
from tasks.stores.records import record_quarantine
from tasks.stores.runs import write_validation
from tasks.tonight import Tonight


@task(
    name="validate input", task_run_name="validate input", cache_policy=NO_CACHE
)  # no retries: bad data does not mend itself
def validate_input(tonight: Tonight, known: Extraction) -> Verdict:
    """Judge the observations, and keep the verdict and what it sets aside.

    It raises nothing: whether a broken contract stops the night is the caller's to say.
    """
    with stage("validate input"):
        verdict = assess_input(tonight, known)
        write_validation(tonight.warehouse, tonight.cutoff, verdict)
        if not verdict.critical:
            record_quarantine(
                tonight.warehouse,
                _quarantine_rows(verdict),
                cutoff=tonight.cutoff,
                run_id=tonight.run_id,
            )
    return verdict


def assess_input(tonight: Tonight, known: Extraction) -> Verdict:
    """Judge the observations; nothing is written."""
    return validate_observations(
        known.profile, known.batch, known.examples, tonight.spec, tonight.cutoff
    )


@task(
    name="validate output", task_run_name="validate output", cache_policy=NO_CACHE
)  # no retries, for the same reason
def validate_output(
    tonight: Tonight, batch: pd.DataFrame, known: Extraction, contract: Verdict
) -> Verdict:
    """Judge a batch and keep the verdict beside that on its input.

    Args:
        tonight: The night.
        batch: Columns as in `forecasts.schema`.
        known: What was read: which series there are, and the range of their histories.
        contract: The verdict on the input.
    """
    with stage("validate output"):
        verdict = validate_forecasts(
            batch,
            tonight.spec,
            expected_ids=served_series(tonight.spec, known.panel, contract),
            history_range=known.profile[[UNIQUE_ID, "min", "max"]],
            least_share_away=partial(least_share_away, known.panel),
        )
        write_validation(tonight.warehouse, tonight.cutoff, contract.merge(verdict))
    return verdict


def set_aside(panel: Panel, contract: Verdict) -> Panel:
    """The panel without the series that the contract puts into quarantine."""
    aside = np.isin(panel.unique_ids, list(contract.quarantined))
    return panel.select(np.flatnonzero(~aside)) if aside.any() else panel


def _quarantine_rows(verdict: Verdict) -> pa.Table:
    findings = [finding for reasons in verdict.quarantined.values() for finding in reasons]
    names = (
        UNIQUE_ID,
        quarantine.EXPECTATION,
        quarantine.COLUMN,
        "value",
        "bound",
        "severity",
        "sentence",
    )
    rows = [{name: getattr(finding, name) for name in names} for finding in findings]
    kinds = [quarantine.SCHEMA.field(name) for name in names]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))
