"""The frame of a scoring: what it stands on, what it refuses, what it leaves behind."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ContractError
from data_contracts.observation_rules import UNREADABLE
from data_contracts.realised import InputDrift, Scoring
from tasks.lineage import code_version
from tasks.progress import stage
from tasks.realised import by_leads, by_model, by_night, recent_rows, worst_series
from tasks.score import Done, refuse_unpublished
from tasks.stores.accuracy import published_batches
from tasks.stores.observations import Extraction
from tasks.stores.runs import write_scoring
from tasks.stores.tables import check_tables
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight, rehearse

NOT_TO_BE_TRUSTED = (*UNREADABLE, "one_unit")  # rules that, broken, make actuals of no value


def look_back(spec_path: str, as_of: datetime | None) -> Tonight:
    """Prepare a scoring: as a night, but what lies after all published batches is of no interest.

    Args:
        spec_path: A YAML file.
        as_of: None takes the scheduled time of the flow run, or now.

    Raises:
        SpecError: If the spec is wrong or the warehouse cannot be written.
        RefusedError: If nothing has been published yet.
        StorageError: If a table of the warehouse cannot be read.
        VersionError: If a newer Nightcast has written one.
    """
    now = rehearse(spec_path, as_of)
    check_tables(now.warehouse)
    batches = published_batches(now.warehouse)
    refuse_unpublished(now.warehouse, batches)
    open_warehouse(now.spec)
    if now.spec.source.available_at is not None:
        return now  # what is known of a step may change whenever
    grid = now.grid
    over = max(grid.slot(batch.cutoff) + batch.horizon for batch in batches)
    as_of_end = min(now.as_of, grid.timestamp(over + 1))
    cutoff = grid.timestamp(grid.last_complete_slot(as_of_end))
    return replace(now, as_of=as_of_end, cutoff=cutoff)


def refuse_untrustworthy(tonight: Tonight, known: Extraction) -> None:
    """Refuse actuals that are read wrongly, so that no forecast is blamed for them.

    Stale or missing values are no reason: they are scored once they are there.

    Raises:
        ContractError: With what is wrong.
    """
    with stage("validate input"):
        verdict = known.judged(tonight.spec)
    grave = [each.sentence for each in verdict.critical if each.expectation in NOT_TO_BE_TRUSTED]
    if grave:
        raise ContractError(verdict.contract, [*grave, "Nothing was scored."])


@task(name="condense", task_run_name="condense", cache_policy=NO_CACHE)
def condense(tonight: Tonight, done: Done, drift: tuple[InputDrift | None, str]) -> Scoring:
    """What is known of the last four weeks, in a few numbers.

    Args:
        tonight: The scoring.
        done: What it changed.
        drift: Of the input, and why it is not known.
    """
    with stage("condense"):
        batches = published_batches(tonight.warehouse)
        rows = recent_rows(tonight.warehouse, until=tonight.cutoff)
        found, trouble = drift
        return Scoring(
            name=tonight.spec.name,
            spec_digest=tonight.spec.digest,
            code_version=code_version(),
            run_id=tonight.run_id,
            as_of=tonight.as_of,
            cutoff=batches[-1].cutoff,
            scored=done.cutoffs,
            rows=done.rows,
            unchanged=done.unchanged,
            waiting=done.waiting,
            models=tuple(by_model(rows)),
            leads=tuple(by_leads(rows)),
            worst=tuple(worst_series(rows)),
            nights=tuple(by_night(rows, batches, tonight.spec, tonight.cutoff)),
            drift=found,
            warnings=tuple(filter(None, [trouble])),
        )


@task(name="keep record", task_run_name="keep record", cache_policy=NO_CACHE)
def keep_record(tonight: Tonight, found: Scoring) -> Path:
    """Write what was found beside the newest published night; the next scoring replaces it."""
    return write_scoring(tonight.warehouse, found)
