"""Which failures of a task are worth another attempt."""

from typing import Any

from prefect.client.schemas.objects import State

from data_contracts.errors import StorageError

DELAYS: list[float] = [2, 10, 30]  # seconds


def may_pass_next_time(_task: Any, _task_run: Any, state: State[Any]) -> bool:
    """Whether a failed attempt is worth another: trouble with storage is, a refusal stays one."""
    return isinstance(state.result(raise_on_failure=False), OSError | StorageError)
