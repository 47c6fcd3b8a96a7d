"""Run a deployment on another work pool and wait for it, however that ends.

A run that no worker takes in time is cancelled, so that it never runs when nobody waits any more.
One that a worker has begun is left alone: what it makes may still be wanted. Whoever asks again
under the same key while it runs, such as a night that is retried, waits for that same run.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled
from prefect.utilities.urls import url_for

from data_contracts import errors
from tasks.progress import log

ATTEMPTS = 2  # of a run whose process or machine dies; one that fails by itself fails again
NUMBERS = range(1, 100)  # of runs under one key
SECONDS_BETWEEN_LOOKS = 2.0
# What is waited for in a state: as long as the patience of that name says.
PHASES = {StateType.PENDING: "start", StateType.RUNNING: "run", StateType.CANCELLING: "run"}
RAISED = "Flow run encountered an exception: "
UNREACHABLE = "Failed to reach API"  # how Prefect begins what it raises instead of httpx's errors

Ended = Literal["completed", "failed", "crashed", "cancelled", "untaken", "running", "absent"]
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds.

    Attributes:
        queue: For a worker to take a run.
        run: For a run that has begun.
        start: For the worker to begin it.
        outage: For a server that does not answer.
    """

    queue: float
    run: float
    start: float = 300.0
    outage: float = 300.0


@dataclass(frozen=True)
class Order:
    """What is to be run.

    Attributes:
        deployment: Its name, `flow/deployment`.
        parameters: References and numbers, as JSON knows them.
        key: The same for the same work. A run that is under way for it is waited for.
        name: Of the run, for people.
        tags: Of the run.
    """

    deployment: str
    parameters: Mapping[str, Any]
    key: str
    name: str
    tags: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What came of an order.

    Attributes:
        ended: `completed`; `failed` by itself; `crashed` each time, as its process or machine died;
            `cancelled` by somebody; `untaken` by any worker, and therefore cancelled; `running`
            still; `absent` where the server has no such deployment, refuses, or does not answer.
        message: Of the last state, or what else there is to say.
        run: Name of the run, empty without one.
        url: Where people see it, None where that is not known.
    """

    ended: Ended
    message: str
    run: str = ""
    url: str | None = None


def call(order: Order, patience: Patience) -> Answer:
    """Have a deployment run by a worker of its pool, and wait.

    Args:
        order: What is to be run.
        patience: How long is waited.

    Returns:
        What came of it; nothing that happens to the run, the worker or the server raises.
    """
    try:
        for attempt in range(1, ATTEMPTS + 1):
            answer = _attempt(order, patience)
            if answer.ended != "crashed" or attempt == ATTEMPTS:
                break
            log().warning("%s died and is tried again: %s", answer.run, answer.message)
    except ObjectNotFound:
        return Answer("absent", f"The Prefect server has no deployment {order.deployment}.")
    except httpx.HTTPStatusError as error:
        return Answer("absent", f"The Prefect server refuses the run: {_first_line(error)}.")
    except (httpx.HTTPError, RuntimeError) as error:
        if not is_of_server(error):
            raise
        return Answer("absent", f"The Prefect server does not answer: {_first_line(error)}.")
    return answer


def _attempt(order: Order, patience: Patience) -> Answer:
    run = _insist(lambda: _find_or_begin(order), patience.outage)
    url = url_for(run)
    log().info("%s is handed to %s: %s", run.name, order.deployment, url or f"flow run {run.id}")
    ended, message = _wait(run, patience)
    return Answer(ended, message, run.name, url)


def _find_or_begin(order: Order) -> FlowRun:
    """The run that is under way for an order, or a new one."""
    keys = [f"{order.key}:{number}" for number in NUMBERS]
    with get_client(sync_client=True) as client:
        known = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
        )
    for run in known:
        if run.state is not None and not run.state.is_final():
            return run
    taken = {run.idempotency_key for run in known}
    begun = run_deployment(
        order.deployment,
        parameters=dict(order.parameters),
        timeout=0,
        flow_run_name=order.name,
        tags=order.tags,
        idempotency_key=next(key for key in keys if key not in taken),
    )
    return cast("FlowRun", begun)  # what it is outside an event loop


def _wait(run: FlowRun, patience: Patience) -> tuple[Ended, str]:
    """Look at a run until it is over or patience is."""
    since: dict[str, float] = {}  # when it was first seen in each phase
    try:
        while True:
            state = _insist(lambda: _state_of(run.id), patience.outage)
            if state.is_final():
                return _ended(state), _message(state)
            phase, now = PHASES.get(state.type, "queue"), time.monotonic()
            if phase not in since:
                log().info("%s is %s.", run.name, (state.name or phase).lower())
            if now - since.setdefault(phase, now) > getattr(patience, phase):
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except BaseException as end:
        if "run" not in since and not isinstance(end, Exception):  # nobody waits for it any more
            with suppress(httpx.HTTPError, RuntimeError):
                _withdraw(run)
        raise
    if "run" in since:
        return "running", _message(state)
    return "untaken", _insist(lambda: _withdraw(run), patience.outage)


def _ended(state: State[Any]) -> Ended:
    if state.is_completed():
        return "completed"
    if state.is_crashed():
        return "crashed"
    return "cancelled" if state.is_cancelled() else "failed"


def _message(state: State[Any]) -> str:
    """What a state says as a sentence, without what Prefect writes before an error of ours."""
    message = (state.message or state.name or "").removeprefix(RAISED)
    kind, _, sentence = message.partition(": ")
    return f"{(sentence if hasattr(errors, kind) else message).rstrip('.')}."


def _state_of(run: UUID) -> State[Any]:
    with get_client(sync_client=True) as client:
        return _state(client, run)


def _state(client: SyncPrefectClient, run: UUID) -> State[Any]:
    state = client.read_flow_run(run).state
    if state is None:
        raise RuntimeError(f"Prefect knows no state of the flow run {run}.")
    return state


def _withdraw(run: FlowRun) -> str:
    """Cancel a run that no worker has begun, and say why none has."""
    with get_client(sync_client=True) as client:
        why = _why_untaken(client, run)
        for force in (False, True):  # unforced first, which frees the slot of a limit
            if not _state(client, run.id).is_final():
                cancelled: State[Any] = Cancelled(message=f"{why} Nobody waits for it any more.")
                client.set_flow_run_state(run.id, cancelled, force=force)
    return why


def _why_untaken(client: SyncPrefectClient, run: FlowRun) -> str:
    """What there is to know about the pool that a run waits in, in one sentence."""
    pool = run.work_pool_name
    if pool is None:
        return "Its deployment has no work pool."
    try:
        known = client.read_work_pool(pool)
    except ObjectNotFound:
        return f"There is no work pool {pool}."
    if known.is_paused:
        return f"The work pool {pool} is paused."
    if known.status is not None and known.status.value == "NOT_READY":
        return f"No worker of the work pool {pool} is running."
    return f"The workers of the work pool {pool} are busy, or none is running."


def _insist(ask: Callable[[], T], seconds: float) -> T:
    """Ask the server again and again until it answers, or has not for this long."""
    silent_since: float | None = None
    while True:
        try:
            return ask()
        except (httpx.HTTPError, RuntimeError) as error:
            now = time.monotonic()
            silent_since = silent_since or now
            if not is_of_server(error) or now - silent_since > seconds:
                raise
            log().warning("The Prefect server does not answer, and is asked again: %s", error)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def is_of_server(error: Exception) -> bool:
    """Whether an error is one of a server that may answer later, and none of the question."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.HTTPError) or str(error).startswith(UNREACHABLE)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
