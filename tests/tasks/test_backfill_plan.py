from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml

from data_contracts.backfilled import run_of
from data_contracts.errors import SpecError
from data_contracts.spec import load_spec
from tasks.backfill_plan import Wish, plan_dates
from tasks.stores.warehouse import warehouse_of

FIRST, LAST = date(2024, 1, 20), date(2024, 1, 22)
FIELDS = {
    "name": "waves",
    "source": {"uri": "in.parquet"},
    "calendar": {"frequency": "h", "timezone": "America/New_York"},
    "horizon": 24,
    "warehouse": "warehouse",
    "schedule": {"active": False},
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A spec over one wave of January; returns the name of the spec."""
    monkeypatch.chdir(tmp_path)
    ds = pd.date_range("2024-01-01", periods=30 * 24, freq="h", tz="UTC", unit="us")
    wave = pd.DataFrame({"unique_id": "a", "ds": ds, "y": np.arange(len(ds), dtype=float)})
    wave.to_parquet("in.parquet", index=False)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(FIELDS))
    return "spec.yaml"


def publish(publish_small, cutoff, run_id):
    publish_small(warehouse_of(load_spec("spec.yaml")), cutoff, run_id=run_id)


def states(plan):
    return [each.state for each in plan.dates]


def test_every_date_begins_at_its_own_midnight_and_has_its_own_cutoff(place):
    plan = plan_dates(place, Wish(FIRST, LAST), "id")

    assert [each.day for each in plan.dates] == [FIRST, date(2024, 1, 21), LAST]
    assert {each.as_of.hour for each in plan.dates} == {5}, "New York's midnight"
    assert {each.cutoff.hour for each in plan.dates} == {4}
    assert states(plan) == ["to do"] * 3


def test_dates_are_so_many_days_apart(place):
    plan = plan_dates(place, Wish(FIRST, LAST, every=2), "id")

    assert [each.day for each in plan.dates] == [FIRST, LAST]


@pytest.mark.parametrize(
    ("cron", "hour"),
    [
        pytest.param("30 2 * * *", 7, id="as the nights"),
        pytest.param("0 */6 * * *", 5, id="midnight where nights have no one time"),
    ],
)
def test_dates_meet_the_cutoffs_of_the_nights_where_these_have_a_schedule(
    place, tmp_path, cron, hour
):
    (tmp_path / place).write_text(yaml.safe_dump({**FIELDS, "schedule": {"cron": cron}}))

    assert plan_dates(place, Wish(FIRST, FIRST), "id").dates[0].as_of.hour == hour
    typed = plan_dates(place, Wish(FIRST, FIRST, at="13:15"), "id").dates[0]
    assert (typed.as_of.hour, typed.as_of.minute) == (18, 15)


def test_dates_that_fall_into_one_step_are_one(place, tmp_path):
    weekly = {**FIELDS, "calendar": {"frequency": "W", "timezone": "UTC"}, "horizon": 1}
    (tmp_path / place).write_text(yaml.safe_dump(weekly))

    plan = plan_dates(place, Wish(date(2024, 1, 16), date(2024, 1, 20)), "id")

    assert len(plan.dates) == 1


def test_batches_that_are_there_are_skipped_or_made_anew(place, publish_small):
    publish(publish_small, "2024-01-21T04:00Z", "a night")

    skipping = plan_dates(place, Wish(FIRST, LAST), "id")
    replacing = plan_dates(place, Wish(FIRST, LAST, existing="replace"), "id")

    assert states(skipping) == ["to do", "skipped", "to do"]
    assert "a night" in skipping.dates[1].reason
    assert states(replacing) == ["to do"] * 3


@pytest.mark.parametrize("existing", ["skip", "replace"])
def test_what_the_same_backfill_has_published_is_finished(place, publish_small, existing):
    publish(publish_small, "2024-01-21T04:00Z", run_of("now", "id"))
    wish = Wish(FIRST, LAST, model="now", existing=existing)

    assert states(plan_dates(place, wish, "id")) == ["to do", "published", "to do"]
    assert states(plan_dates(place, wish, "another"))[1] != "published"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(
            {"end": date(2024, 1, 19)},
            "end: expected 2024-01-20, the start, or a later date, got 2024-01-19.",
            id="end before start",
        ),
        pytest.param(
            {"start": date(2023, 12, 1)},
            "start: expected a date on which something was known, got 2023-12-01.",
            id="before the data",
        ),
        pytest.param({"end": date(2147, 1, 1)}, "end: expected a date that is over", id="future"),
        pytest.param({"every": 0}, "every: expected a step of at least one day, got 0.", id="zero"),
        pytest.param({"at_once": 0}, "at_once: expected 1 to 16 dates", id="none at once"),
        pytest.param({"at_once": 200}, "at_once: expected 1 to 16 dates", id="too many at once"),
        pytest.param(
            {"at": "25:00"}, "at: expected a time of day such as 02:30", id="no such time"
        ),
        pytest.param({"start": date(1, 1, 1)}, "start: expected a date between", id="no such year"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_one_sentence_and_nothing_is_written(
    place, tmp_path, changes, sentence
):
    with pytest.raises(SpecError) as refusal:
        plan_dates(place, Wish(**{"start": FIRST, "end": LAST, **changes}), "id")

    assert str(refusal.value).startswith(sentence)
    assert not (tmp_path / "warehouse").exists()


def test_an_unknown_spec_is_refused_in_one_sentence(place):
    with pytest.raises(SpecError, match="nowhere.yaml: no such spec file"):
        plan_dates("nowhere.yaml", Wish(FIRST, LAST), "id")
