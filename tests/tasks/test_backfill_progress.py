import pandas as pd
import pytest

from data_contracts.backfilled import Backfilled, DateDone
from tasks.backfill_progress import Course
from tasks.progress import REPORTER

DAY = pd.Timedelta(days=1)
FIRST = pd.Timestamp("2013-10-04T04:00Z")


def planned(number, state="to do"):
    as_of = FIRST + number * DAY
    return DateDone(
        day=as_of.date(), as_of=as_of, cutoff=as_of - pd.Timedelta(hours=1), state=state
    )


@pytest.fixture
def plan():
    """Four dates, the first of which was published before."""
    dates = [planned(0, "published"), *(planned(number) for number in (1, 2, 3))]
    return Backfilled(name="nyc", backfill="0e3a", model="now", dates=tuple(dates))


def over(each, state="published", reason=""):
    return each.model_copy(update={"state": state, "reason": reason})


def test_what_was_finished_before_counts_and_the_time_left_is_known_after_the_first_date(plan):
    course = Course(plan)
    assert course.sentence == "1 of 4 dates, 25 %."

    course.end(plan.dates[1], over(plan.dates[1]))

    assert course.sentence.startswith("2 of 4 dates, 50 %, 0:00 left")
    assert course.waiting == list(plan.dates[2:])


def test_every_date_is_accounted_for_however_it_ends(plan):
    course = Course(plan)
    course.end(plan.dates[2], over(plan.dates[2], "refused", "It is old."))

    course.stop("The backfill was stopped.")

    assert [each.state for each in course.done.dates] == [
        "published",
        "stopped",
        "refused",
        "stopped",
    ]
    assert course.done.dates[1].reason == "The backfill was stopped."
    assert course.sentence == "4 of 4 dates, 100 %."


def test_a_terminal_is_told_of_what_is_still_to_do(plan):
    told = []
    course = Course(plan, lambda done, total, note="": told.append((done, total, note)))
    token = REPORTER.set(object())
    try:
        course.end(plan.dates[1], over(plan.dates[1]))
    finally:
        REPORTER.reset(token)

    assert told == [(1, 3, "2013-10-05 published")]
