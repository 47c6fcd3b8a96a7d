"""After an outage: which of the runs that the schedule has missed have something left to do.

Prefect starts all of them at once and in any order. Each is a night of its own, that of the time it
was scheduled for. One that has been published meanwhile is not published again, and one that comes
after a later night moves nothing that a later night stands on.
"""

from typing import TYPE_CHECKING

from data_contracts.errors import OvertakenError
from tasks.stores.forecasts import cutoffs
from tasks.stores.runs import read_night
from tasks.tonight import Tonight

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


def refuse_repetition(tonight: Tonight) -> None:
    """Stop a run of the schedule whose night has been published, by a run that came to its end.

    A night of another spec, or one that knew less, is published again, and so is one of a backfill,
    which has moved nobody. Runs by hand always are.

    Raises:
        OvertakenError: Saying by which run.
    """
    if not _is_scheduled():
        return
    done = read_night(tonight.warehouse, tonight.cutoff)
    if done is None or not done.published or done.backfill:
        return
    if done.spec_digest == tonight.spec.digest and done.as_of >= tonight.as_of:
        raise OvertakenError(
            f"The night of {tonight.cutoff:%Y-%m-%d %H:%M} UTC is published already, by the run "
            f"{done.run_id} of {done.issued_at:%Y-%m-%d %H:%M} UTC; start a run with as_of to "
            "publish it again."
        )


def comes_late(tonight: Tonight) -> bool:
    """Whether this is a run of the schedule, and a later night has been published before it."""
    if not _is_scheduled():
        return False
    published = cutoffs(tonight.warehouse)
    return bool(published) and published[-1] > tonight.cutoff


def is_deployed() -> bool:
    """Whether a deployment has made this run, not a call of the flow."""
    run = _run()
    return bool(run and run.deployment_id)


def _is_scheduled() -> bool:
    """Whether the schedule has made this run, and nobody by hand."""
    run = _run()
    return bool(run and run.auto_scheduled)


def _run() -> "FlowRun | None":
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    return context.flow_run if context else None
