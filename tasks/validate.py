"""Validate: hold what was read, and what is about to be published, against their contracts."""

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import quarantine
from data_contracts.forecasts import validate_forecasts
from data_contracts.verdicts import Severity, Verdict
from data_contracts.vocabulary import DS, UNIQUE_ID
from models.panel import Panel
from models.standstill import least_share_away
from tasks.forecast import served_series
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.observations import Extraction
from tasks.stores.records import record_quarantine
from tasks.stores.runs import write_validation
from tasks.tonight import Tonight


@task(
    name="validate input",
    task_run_name="validate input",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def validate_input(tonight: Tonight, known: Extraction) -> Verdict:
    """Judge the observations, and keep the verdict and what it sets aside.

    It raises nothing: whether a broken contract stops the night is the caller's to say. So what is
    tried again is the writing, never the judgement.
    """
    with stage("validate input"):
        verdict = known.judged(tonight.spec)
        write_validation(tonight.warehouse, tonight.cutoff, verdict)
        if not verdict.critical:
            record_quarantine(
                tonight.warehouse,
                _quarantine_rows(verdict, known.aside, tonight.cutoff),
                cutoff=tonight.cutoff,
                run_id=tonight.run_id,
            )
    return verdict


@task(
    name="validate output",
    task_run_name="validate output",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
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
    """The panel without the series that the contract puts into quarantine, or that are over."""
    aside = np.isin(panel.unique_ids, list(contract.unserved))
    return panel.select(np.flatnonzero(~aside)) if aside.any() else panel


def _quarantine_rows(verdict: Verdict, aside: pd.DataFrame, cutoff: pd.Timestamp) -> pa.Table:
    """One row per series that is set aside and reason, and one per row."""
    findings = [finding for reasons in verdict.quarantined.values() for finding in reasons]
    series = pd.DataFrame(
        {
            UNIQUE_ID: [finding.unique_id for finding in findings],
            quarantine.EXPECTATION: [finding.expectation for finding in findings],
            quarantine.COLUMN: [finding.column for finding in findings],
            quarantine.SCOPE: quarantine.SERIES,
            DS: cutoff,
            "value": [finding.value for finding in findings],
            "bound": [finding.bound for finding in findings],
            "severity": [finding.severity for finding in findings],
            "sentence": [finding.sentence for finding in findings],
        }
    )
    told = {(found.unique_id, found.expectation): found for found in verdict.rows_aside}
    whose = list(zip(aside[UNIQUE_ID], aside["expectation"], strict=True))
    rows = aside.assign(column="", scope=quarantine.ROWS, severity=Severity.QUARANTINE.value)
    rows["sentence"] = [told[key].sentence if key in told else "" for key in whose]
    everything = pd.concat([part for part in (series, rows) if len(part)] or [series])
    values = everything["value"].astype(np.float64)
    everything["value"] = values.where(np.isfinite(values))  # the table knows no infinite number
    everything = everything.drop_duplicates([UNIQUE_ID, quarantine.EXPECTATION, "column", DS])
    names = [name for name in quarantine.SCHEMA.names if name in everything]
    kinds = pa.schema([quarantine.SCHEMA.field(name).with_nullable(True) for name in names])
    return pa.Table.from_pandas(everything[names], schema=kinds, preserve_index=False)
