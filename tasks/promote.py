"""Promote: keep what was trained, move the champion pointer, write down what was decided."""

from collections.abc import Callable, Mapping
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.night import Decision
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores import records, registry
from tasks.stores.records import Occasion
from tasks.stores.registry import Champion, ModelVersion
from tasks.stores.warehouse import Warehouse


@task(
    name="register model",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def register_model(
    warehouse: Warehouse, save: Callable[[Path], None], record: ModelVersion
) -> ModelVersion:
    """Store a model as a version that can be put into service; see `registry.store_model`."""
    return registry.store_model(warehouse, save, record)


@task(
    name="promote",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def put_into_service(
    warehouse: Warehouse, version: str, *, expected: str | None, run_id: str, reason: str
) -> Champion:
    """Move the champion pointer if it is still where it was; see `registry.promote`.

    A conflict is not tried again: the decision has to be made again.
    """
    return registry.promote(warehouse, version, expected=expected, run_id=run_id, reason=reason)


@task(
    name="record decision",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def record_decision(
    warehouse: Warehouse,
    decision: Decision,
    *,
    occasion: Occasion,
    numbers: Mapping[str, object] | None = None,
) -> None:
    """Keep the decision of a night, whatever it is; see `records.record_decision`."""
    records.record_decision(warehouse, decision, occasion=occasion, numbers=numbers)
