"""A backfill: publish the batches of past dates as they would have been, each as its own run.

By hand:      nightcast backfill SPEC --start 2013-09-17 --end 2013-10-16
From the UI:  a custom run of the deployment `backfill`
"""

from datetime import date
from typing import Any, Literal
from uuid import uuid4

from prefect import flow
from prefect.runtime import flow_run

from data_contracts.backfilled import Backfilled, Existing, Model, UnfinishedError
from flows.dates import STOPPED, How, run_dates
from flows.endings import ends_in_a_sentence
from flows.names import spec_name
from tasks.backfill_plan import Wish, plan_dates
from tasks.backfill_progress import Course
from tasks.backfill_runs import cancel_dates, own_run
from tasks.progress import stage
from tasks.tags import tag_run


def _name() -> str:
    """Name of the run in the UI, such as `nyc-departures 2013-09-17 to 2013-10-16 (now)`."""
    asked = flow_run.parameters
    return f"{spec_name()} {asked['start']} to {asked['end']} ({asked.get('model', 'then')})"


def _stop_dates(flow: Any, flow_run: Any, state: Any) -> None:
    cancel_dates(flow_run.id, STOPPED)


@flow(
    name="backfill",
    flow_run_name=_name,
    on_cancellation=[_stop_dates],
    on_crashed=[_stop_dates],
)
@ends_in_a_sentence
def backfill(
    spec: str,
    *,
    start: date,
    end: date,
    every: int = 1,
    at: str = "",
    model: Model = "then",
    existing: Existing = "skip",
    at_once: int = 2,
    on_error: Literal["continue", "stop"] = "continue",
    dry_run: bool = False,
    resume: str = "",
) -> Backfilled:
    """Publish the forecasts of past dates as they would have been; nobody is put into service.

    Each date is a run of its own and sees only what was known then. Retry a backfill that was
    stopped, or start it again: what it has published is not repeated.

    Args:
        spec: Path or URI of the spec, a YAML file.
        start: First date, in the time zone of the spec.
        end: Last date, included.
        every: Days from one date to the next.
        at: Time of day to pretend to live at, such as 02:30; if empty, that of the nights where
            they have a schedule, or else midnight.
        model: `then` takes the champion of each date; `now` takes the one of today, which may have
            learned from what came; `retrain` trains as of each date and asks the gate.
        existing: `skip` leaves batches alone that are there, whoever made them; `replace` makes
            them anew.
        at_once: How many dates are done at a time; each takes a core and about 1.5 GB.
        on_error: Whether to go on with the other dates after one that did not go well.
        dry_run: Only list the dates.
        resume: Id of an earlier backfill to go on with; leave it empty otherwise.

    Raises:
        SpecError: If the spec or a field is wrong; nothing is written then.
        RefusedError: If the source cannot be read; nothing is written then.
        UnfinishedError: If a date has no batch in the end.
    """
    wish = Wish(start, end, every, at, model, existing, at_once)
    plan = plan_dates(spec, wish, resume or str(own_run() or uuid4()))
    tag_run(plan.name)
    if dry_run:
        Course(plan).show_dates()
        return plan
    with stage(f"backfill {len(plan.dates)} dates") as step:
        course = Course(plan, step)
        course.show()
        run_dates(course, How(spec, existing, at_once, on_error == "stop"))
    if not course.done.is_whole:
        raise UnfinishedError(course.done)
    return course.done
