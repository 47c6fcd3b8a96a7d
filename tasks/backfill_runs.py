"""The Prefect runs of the dates of a backfill: one each, visible, and retryable where deployed."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import httpx
from prefect import Flow, State, Task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed, Pending

from data_contracts.backfilled import DateDone

if TYPE_CHECKING:
    from typing import Any

PAGE = 200  # runs that the server lists at once
DATES = FlowFilter(name=FlowFilterName(any_=["backfill-date"]))
CANCELLED = (StateType.CANCELLING, StateType.CANCELLED)


class DateRuns:
    """Creates, finds and ends the runs of the dates.

    Where the flow is deployed, a run belongs to its deployment, and a worker can retry it. None is
    ever scheduled: they are executed by the backfill itself, see `flows.lanes`.
    """

    def __init__(self, date_flow: "Flow[..., Any]", parent: UUID | None) -> None:
        self._flow, self._parent = date_flow, parent
        self._client = get_client(sync_client=True)
        self._deployment = _deployment_of(self._client, date_flow)
        self._known = {_key(run): run for run in _children(self._client, parent)}

    def ready(
        self, each: DateDone, parameters: Mapping[str, object], tags: Iterable[str]
    ) -> UUID | None:
        """The run of a date, pending: that of an earlier attempt, or a new one.

        None where that of an earlier attempt is being executed, as it is while a worker retries it.

        Args:
            each: The date.
            parameters: Of the flow.
            tags: Of the run.
        """
        known = self._known.get(each.as_of.isoformat())
        if known is not None:
            if _is_alive(self._client.read_flow_run(known.id)):
                return None
            again: State[None] = Pending(message="The backfill goes on.")
            self._client.set_flow_run_state(known.id, again, force=True)
            return known.id
        if self._deployment is None:
            made = self._client.create_flow_run(
                self._flow,
                parameters=dict(parameters),
                tags=tags,
                parent_task_run_id=self._placeholder(each),
                name=f"{each.day}",
                state=Pending(),
            )
        else:
            made = self._client.create_flow_run_from_deployment(
                self._deployment,
                parameters=dict(parameters),
                tags=tags,
                parent_task_run_id=self._placeholder(each),
                idempotency_key=f"{self._parent}:{each.as_of.isoformat()}",
                name=f"{each.day}",
                state=Pending(),
            )
        self._known[each.as_of.isoformat()] = made
        return made.id

    def cancelled(self, runs: Iterable[UUID]) -> set[UUID]:
        """Those of some runs that somebody wants to be cancelled; none where that is not known."""
        which = FlowRunFilter(id=FlowRunFilterId(any_=list(runs)))
        try:
            known = _read(self._client, which)
        except httpx.HTTPError:  # a server that is away for a minute; the next look will tell
            return set()
        return {run.id for run in known if run.state_type in CANCELLED}

    def cancel(self, run: UUID, why: str) -> None:
        """Mark a run that is not executed any more as cancelled."""
        self._client.set_flow_run_state(run, Cancelled(message=why), force=True)

    def crash(self, run: UUID, why: str) -> None:
        """Mark a run whose process has died."""
        self._client.set_flow_run_state(run, Crashed(message=why), force=True)

    def _placeholder(self, each: DateDone) -> UUID | None:
        """The task of the backfill's run that stands for the run of a date, as for any subflow."""
        if self._parent is None:
            return None
        stands_for: Task[[], None] = Task(fn=lambda: None, name=f"{each.day}")
        made = self._client.create_task_run(
            stands_for, self._parent, dynamic_key=str(uuid4()), state=Pending()
        )
        return made.id


def cancel_dates(backfill: UUID, why: str) -> None:
    """Cancel every run of a backfill that is not over."""
    with get_client(sync_client=True) as client:
        for run in _children(client, backfill):
            if run.state is not None and not run.state.is_final():
                client.set_flow_run_state(run.id, Cancelled(message=why), force=True)


def crash_dates(client: SyncPrefectClient, backfill: UUID, why: str) -> None:
    """Mark every run of a backfill's dates that is not over: their processes died with its own.

    Of a night that is none: what it has handed to a worker lives on.
    """
    for run in _children(client, backfill, DATES):
        if run.state is not None and not run.state.is_final():
            client.set_flow_run_state(run.id, Crashed(message=why), force=True)


def own_run() -> UUID | None:
    """Id of the flow run that this is called in, None outside of one."""
    return UUID(str(flow_run.id)) if flow_run.id else None


def _deployment_of(client: SyncPrefectClient, date_flow: "Flow[..., Any]") -> UUID | None:
    try:
        return client.read_deployment_by_name(f"{date_flow.name}/{date_flow.name}").id
    except ObjectNotFound:
        return None


def _is_alive(run: FlowRun) -> bool:
    """Whether a process executes a run, as far as the server can tell."""
    return run.state is not None and (run.state.is_running() or run.state.is_cancelling())


def _children(
    client: SyncPrefectClient, parent: UUID | None, flows: FlowFilter | None = None
) -> list[FlowRun]:
    if parent is None:
        return []
    of = FlowRunFilterParentFlowRunId(any_=[parent])
    return _read(client, FlowRunFilter(parent_flow_run_id=of), flows)


def _read(
    client: SyncPrefectClient, which: FlowRunFilter, flows: FlowFilter | None = None
) -> list[FlowRun]:
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            flow_filter=flows, flow_run_filter=which, limit=PAGE, offset=len(found)
        )
        found += page
        if len(page) < PAGE:
            return found


def _key(run: FlowRun) -> str:
    return str(run.parameters.get("as_of"))
