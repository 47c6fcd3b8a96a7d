"""The dates of a backfill, on Prefect's test server."""

from datetime import UTC, date, datetime

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Crashed, Running

from data_contracts.backfilled import Backfilled, DateDone
from flows.backfill_date import backfill_date
from flows.dates import How, _Dates
from tasks.backfill_progress import Course
from tasks.backfill_runs import DateRuns

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]


def planned(day):
    midnight = datetime(2024, 2, day, tzinfo=UTC)
    return DateDone(day=date(2024, 2, day), as_of=midnight, cutoff=midnight)


class Busy:
    """Lanes that have begun and never end."""

    def __init__(self):
        self.begun = []

    are_full = False

    def begin(self, run):
        self.begun.append(run)

    def ended(self, *, seconds):
        return []


@pytest.fixture
def course():
    dates = (planned(1), planned(2))
    return Course(Backfilled(name="waves", backfill="id", model="then", dates=dates))


def test_trouble_with_one_run_leaves_no_other_going_on(course):
    lanes = Busy()
    dates = _Dates(course, How("spec.yaml", "skip", 2, False), DateRuns(backfill_date, None))
    dates.go_on(lanes)
    with get_client(sync_client=True) as client:
        client.delete_flow_run(lanes.begun[0])

        dates.give_up()

        assert client.read_flow_run(lanes.begun[1]).state.is_cancelled()
        assert "waves" in client.read_flow_run(lanes.begun[1]).tags


def test_a_date_whose_run_died_unnoticed_waits_until_that_is_noticed(course, monkeypatch):
    monkeypatch.setattr("flows.dates.LOOK", 0.01)
    with get_client(sync_client=True) as client:
        parent = client.create_flow_run(backfill_date, parameters={"spec": "", "as_of": ""}).id
        died = Busy()
        how = How("spec.yaml", "skip", 2, False)
        _Dates(course, how, DateRuns(backfill_date, parent)).go_on(died)
        for run in died.begun:
            client.set_flow_run_state(run, Running(), force=True)

        again = Busy()
        dates = _Dates(course, how, DateRuns(backfill_date, parent))
        assert dates.go_on(again)
        assert again.begun == []
        client.set_flow_run_state(died.begun[0], Crashed(), force=True)
        dates.go_on(again)

    assert again.begun == died.begun[:1]
    assert [each.state for each in course.done.dates] == ["to do", "to do"]


def test_a_date_that_is_executed_elsewhere_is_left_alone_and_said_to_be_unfinished(course):
    with get_client(sync_client=True) as client:
        parent = client.create_flow_run(backfill_date, parameters={"spec": "", "as_of": ""}).id
        first = Busy()
        how = How("spec.yaml", "skip", 2, False)
        _Dates(course, how, DateRuns(backfill_date, parent)).go_on(first)
        client.set_flow_run_state(first.begun[0], Running(), force=True)

        again = Busy()
        impatient = how._replace(patience=0)
        _Dates(course, impatient, DateRuns(backfill_date, parent)).go_on(again)

    assert again.begun == first.begun[1:]
    assert [each.state for each in course.done.dates] == ["failed", "to do"]
    assert "elsewhere" in course.done.dates[0].reason
