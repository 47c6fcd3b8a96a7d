"""Runs in flight when a service stops or a part of it dies."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PAUSED = "paused-at-stop"
DATES = "backfill-date"  # the flow of one date of a backfill


def name_of(client: "SyncPrefectClient", run: str) -> str:
    """What the run is called in the UI."""
    return str(client.read_flow_run(UUID(run)).name)


def set_crashed(client: "SyncPrefectClient", run: str, message: str) -> None:
    """Mark a run whose process is gone, unless it has ended well or badly by itself before.

    So are the runs of the dates of a backfill, whose processes never outlive it.
    """
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    from tasks.backfill_runs import crash_dates

    with suppress(ObjectNotFound):  # deleted in the UI
        state = client.read_flow_run(UUID(run)).state
        if state is not None and (not state.is_final() or state.is_crashed()):
            client.set_flow_run_state(UUID(run), Crashed(message=message), force=True)
            crash_dates(client, UUID(run), message)


def hand_back(client: "SyncPrefectClient", pool: str, worker: str) -> None:
    """Schedule runs again that a worker had taken and not started when it died.

    Where another worker is at work on the pool, they may be its own, and are left to it. Runs of
    dates are executed by their backfill, and were never scheduled.
    """
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
    from prefect.client.schemas.objects import WorkerStatus
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Scheduled

    try:
        workers = client.read_workers_for_work_pool(pool)
    except ObjectNotFound:
        return
    if any(one.name != worker and one.status == WorkerStatus.ONLINE for one in workers):
        return
    taken = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PENDING"]}}})
    here = WorkPoolFilter.model_validate({"name": {"any_": [pool]}})
    dates = {flow.id for flow in client.read_flows() if flow.name == DATES}
    for run in client.read_flow_runs(flow_run_filter=taken, work_pool_filter=here):
        if run.flow_id not in dates:
            why = "The worker that had taken the run died before it started it."
            client.set_flow_run_state(run.id, Scheduled(message=why), force=True)


def is_silent(client: "SyncPrefectClient", pool: str, worker: str, *, seconds: float) -> bool:
    """Whether the server has heard of a worker before, and not for so long."""
    beats = [
        one.last_heartbeat_time
        for one in client.read_workers_for_work_pool(pool)
        if one.name == worker and one.last_heartbeat_time is not None
    ]
    return bool(beats) and max(beats) < datetime.now(UTC) - timedelta(seconds=seconds)


def pause(client: "SyncPrefectClient", pools: Iterable[str], folder: Path) -> None:
    """Let no further run start; the pools are noted first, so that the next start resumes them."""
    known = {pool.name: pool.is_paused for pool in client.read_work_pools()}
    running = [pool for pool in pools if known.get(pool) is False]
    with (folder / PAUSED).open("a", encoding="utf-8") as note:
        note.writelines(f"{pool}\n" for pool in running)
    for pool in running:
        _set_paused(client, pool, paused=True)


def resume(client: "SyncPrefectClient", folder: Path) -> None:
    """Let runs start again in pools that were paused for a stop, and in no other."""
    note = folder / PAUSED
    if note.exists():
        for pool in dict.fromkeys(note.read_text(encoding="utf-8").split()):
            _set_paused(client, pool, paused=False)
        note.unlink()


def _set_paused(client: "SyncPrefectClient", pool: str, *, paused: bool) -> None:
    from prefect.client.schemas.actions import WorkPoolUpdate

    client.update_work_pool(pool, WorkPoolUpdate(is_paused=paused))
