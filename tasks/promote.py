"""Promote: move the champion pointer, and write down what was decided."""

from collections.abc import Mapping

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.night import Decision
from tasks.lineage import code_version
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores import records, registry
from tasks.stores.records import Occasion
from tasks.stores.registry import Champion
from tasks.tonight import Tonight


@task(
    name="put into service",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def put_into_service(
    tonight: Tonight, version: str, *, expected: str | None, reason: str
) -> Champion:
    """Move the champion pointer if it still is where it was when the decision was made.

    Args:
        tonight: The night.
        version: What goes into service.
        expected: What it was compared with, None for no champion.
        reason: Why, one sentence.

    Raises:
        ConflictError: If something else is in service by now. It is not tried again: the decision
            has to be made again.
    """
    return registry.promote(
        tonight.warehouse, version, expected=expected, run_id=tonight.run_id, reason=reason
    )


@task(
    name="record decision",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def record_decision(
    tonight: Tonight, decision: Decision, numbers: Mapping[str, object] | None = None
) -> None:
    """Keep the decision of a night, whatever it is.

    Args:
        tonight: The night.
        decision: The decision.
        numbers: What it was decided from; anything that JSON can hold.
    """
    occasion = Occasion(
        cutoff=tonight.cutoff,
        run_id=tonight.run_id,
        spec_digest=tonight.spec.digest,
        code_version=code_version(),
        decided_at=pd.Timestamp.now("UTC").as_unit("us"),
    )
    records.record_decision(tonight.warehouse, decision, occasion=occasion, numbers=numbers)
