import pandas as pd
import pytest
from prefect import Task, flow
from prefect.client.orchestration import get_client
from prefect.states import Pending, Running

from data_contracts.backfilled import DateDone
from tasks.backfill_runs import DateRuns, cancel_dates, crash_dates, own_run

pytestmark = pytest.mark.flow

AS_OF = pd.Timestamp("2013-10-04T04:00Z")
DATE = DateDone(day=AS_OF.date(), as_of=AS_OF, cutoff=AS_OF - pd.Timedelta(hours=1))
PARAMETERS = {"as_of": AS_OF.isoformat()}


@flow(name="one date")
def one_date(as_of):
    """Nothing; its runs are never executed here."""


def within_a_flow(body):
    """What the body returns inside the run of a flow."""
    return flow(name="all dates")(body)()


def run_of(run):
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def test_a_date_keeps_its_run_which_waits_for_no_worker():
    def body():
        parent = own_run()
        first = DateRuns(one_date, parent).ready(DATE, PARAMETERS, ["backfill"])
        DateRuns(one_date, parent).cancel(first, "So.")
        return first, DateRuns(one_date, parent).ready(DATE, PARAMETERS, ["backfill"])

    first, again = within_a_flow(body)

    assert first == again
    found = run_of(first)
    assert found.state.is_pending()
    assert found.name == "2013-10-04", "until it begins and takes a longer name"
    assert "backfill" in found.tags
    assert found.parent_task_run_id is not None, "the UI shows it below the backfill"


def test_runs_that_somebody_cancels_are_found():
    def body():
        runs = DateRuns(one_date, own_run())
        run = runs.ready(DATE, PARAMETERS, [])
        before = runs.cancelled([run])
        runs.cancel(run, "So.")
        return before, runs.cancelled([run]) == {run}

    assert within_a_flow(body) == (set(), True)


def test_of_a_backfill_that_is_over_no_date_goes_on():
    def body():
        parent = own_run()
        runs = DateRuns(one_date, parent)
        run = runs.ready(DATE, PARAMETERS, [])
        cancel_dates(parent, "The backfill was stopped.")
        return run

    state = run_of(within_a_flow(body)).state

    assert (state.name, state.message) == ("Cancelled", "The backfill was stopped.")


def test_a_run_whose_process_died_has_crashed():
    def body():
        runs = DateRuns(one_date, own_run())
        run = runs.ready(DATE, PARAMETERS, [])
        runs.crash(run, "Its process died.")
        return run

    assert run_of(within_a_flow(body)).state.is_crashed()


def test_a_run_that_somebody_is_executing_is_left_alone():
    def body():
        parent = own_run()
        run = DateRuns(one_date, parent).ready(DATE, PARAMETERS, [])
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Running(), force=True)
        return run, DateRuns(one_date, parent).ready(DATE, PARAMETERS, [])

    run, again = within_a_flow(body)

    assert again is None
    assert run_of(run).state.is_running()


def test_the_dates_of_a_backfill_that_has_died_are_over_and_nothing_else_is():
    @flow(name="backfill-date")
    def deployed(as_of):
        """Nothing; its runs are never executed here."""

    def body():
        parent = own_run()
        stands_for = Task(fn=lambda: None, name="training")
        with get_client(sync_client=True) as client:
            below = client.create_task_run(stands_for, parent, dynamic_key="0", state=Pending())
            handed_over = client.create_flow_run(
                one_date,
                parameters={"as_of": "another"},
                parent_task_run_id=below.id,
                state=Running(),
            )
            run = DateRuns(deployed, parent).ready(DATE, PARAMETERS, [])
            crash_dates(client, parent, "It has died.")
        return run, handed_over.id

    run, handed_over = within_a_flow(body)

    state = run_of(run).state
    assert (state.name, state.message) == ("Crashed", "It has died.")
    assert run_of(handed_over).state.is_running()
