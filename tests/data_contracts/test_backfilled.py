import pandas as pd
import pytest

from data_contracts.backfilled import (
    Backfilled,
    DateDone,
    UnfinishedError,
    is_backfilled,
    run_of,
)


def backfill(*ends):
    dates = tuple(
        DateDone(
            day=f"2013-10-{number:02d}",
            as_of=pd.Timestamp(f"2013-10-{number:02d}T04:00Z"),
            cutoff=pd.Timestamp(f"2013-10-{number:02d}T03:00Z"),
            state=state,
            reason=reason,
        )
        for number, (state, reason) in enumerate(ends, start=4)
    )
    return Backfilled(name="nyc", backfill="0e3a", model="now", dates=dates)


GOOD = ("published", "")


@pytest.mark.parametrize("model", ["then", "now", "retrain"])
def test_rows_of_a_backfill_are_known_by_the_name_of_their_run(model):
    assert is_backfilled(run_of(model, "0e3a"))


@pytest.mark.parametrize("run_id", ["8cde3e9a-5584-46a0", "backfill", "backfill-of-mine", ""])
def test_no_other_run_passes_for_a_backfill(run_id):
    assert not is_backfilled(run_id)


def test_what_became_of_every_date_is_one_sentence_with_the_first_reason():
    done = backfill(GOOD, ("refused", "The newest row is old."), GOOD, ("skipped", "There."))

    assert done.headline == (
        "2 published, 1 refused (2013-10-05: The newest row is old), 1 skipped."
    )
    assert not done.is_whole


def test_of_several_dates_with_a_reason_the_others_are_counted():
    done = backfill(("stopped", "It was stopped."), ("stopped", "It was stopped."))

    assert "2 stopped (2013-10-04: It was stopped; and 1 more)" in done.headline


def test_dates_that_are_skipped_leave_a_backfill_whole():
    assert backfill(GOOD, ("skipped", "There.")).is_whole


@pytest.mark.parametrize(
    ("state", "exit_status"), [("refused", 1), ("failed", 3), ("stopped", 3)], ids=str
)
def test_an_unfinished_backfill_says_what_to_do_and_who_is_to_blame(state, exit_status):
    error = UnfinishedError(backfill(GOOD, (state, "So.")))

    assert error.exit_status == exit_status
    assert "Retry this run" in str(error)
