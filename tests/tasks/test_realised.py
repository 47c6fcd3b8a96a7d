import numpy as np
import pytest

from tasks.realised import (
    bad_nights,
    by_leads,
    by_model,
    by_night,
    in_words,
    last_over,
    limits_of,
    recent_rows,
    worst_series,
)
from tasks.stores.accuracy import published_batches

BAD = 60.0


@pytest.fixture
def place(nights):
    """Eight nights: the last two are bad, and those before the fourth are of another model."""
    place = nights()
    for day in range(8):
        made = {"model": "tcn", "model_version": "v0"} if day < 3 else {}
        place.publish(day, q50=BAD if day > 5 else 20.0, run_id=f"night {day}", **made)
    place.score()
    return place


def test_each_model_is_told_over_a_week_and_four(place):
    told = by_model(recent_rows(place.warehouse))

    rows = place.accuracy()
    assert [(each.days, each.model, each.nights) for each in told] == [
        (7, "lstm", 5),
        (7, "tcn", 2),
        (28, "lstm", 5),
        (28, "tcn", 3),
    ]
    ours = rows[rows["model"] == "lstm"]
    mase = (ours["absolute_error"] / ours["scale"]).groupby(ours["unique_id"]).mean().mean()
    gain = (
        1
        - (ours["pinball"] / ours["scale"]).sum() / (ours["baseline_pinball"] / ours["scale"]).sum()
    )
    assert told[0].mase == pytest.approx(mase)
    assert told[0].gain == pytest.approx(gain)
    assert told[0].baseline_mase < told[0].mase


def test_leads_are_told_in_parts_that_hold_each_once(place):
    told = by_leads(recent_rows(place.warehouse))

    assert [(each.first_lead, each.last_lead) for each in told] == [(1, 2), (3, 4), (5, 5), (6, 6)]
    assert sum(each.rows for each in told) == len(place.accuracy())


def test_the_worst_series_come_first(place):
    worst = worst_series(recent_rows(place.warehouse))

    assert {each.unique_id for each in worst} == {"a", "b"}
    assert worst[0].mase >= worst[1].mase


def test_every_night_is_told_with_what_is_bad_about_it(place):
    batches = published_batches(place.warehouse)
    until = place.tonight().cutoff

    told = by_night(recent_rows(place.warehouse), batches, place.spec, until)

    assert [night.cutoff for night in told] == [place.cutoff(day) for day in range(8)]
    assert [bool(night.fault) for night in told] == [False] * 6 + [True] * 2
    assert all(night.judged for night in told)
    assert told[0].model_version == "v0"


def test_a_night_that_is_run_again_sees_only_what_was_over_then(place):
    def bad(day, **options):
        return bad_nights(place.warehouse, place.spec, place.cutoff(day), **options)

    assert [night.cutoff for night in bad(8)] == [place.cutoff(6), place.cutoff(7)]
    assert bad(7) == ()
    assert bad(8, version="v1") == bad(8)
    assert bad(8, version="v0") == ()
    assert "2024-03-07 00:00 UTC" in in_words(bad(8), limits_of(place.spec))
    assert in_words((), limits_of(place.spec)) == ""


def test_a_night_of_which_too_little_arrived_is_passed_over(nights):
    place = nights()
    for day in range(4):
        place.publish(day, q50=BAD if day in (1, 3) else 20.0)
    whole = place.observations
    place.observe(whole[(whole["ds"].dt.day != 3) | (whole["ds"].dt.hour < 2)])
    place.score()

    bad = bad_nights(place.warehouse, place.spec, place.cutoff(8))

    assert [night.cutoff for night in bad] == [place.cutoff(1), place.cutoff(3)]


def test_without_a_night_nothing_is_said(nights):
    place = nights()
    rows = recent_rows(place.warehouse)

    assert by_model(rows) == by_leads(rows) == worst_series(rows) == []
    assert by_night(rows, [], place.spec, place.cutoff(0)) == []
    assert bad_nights(place.warehouse, place.spec, place.cutoff(0)) == ()
    assert last_over([], place.spec.grid, place.cutoff(0)) is None


def test_a_night_of_the_baseline_has_no_version_and_no_fault(nights):
    place = nights()
    place.publish(0, q50=BAD, quality="baseline", model="seasonal_naive")
    place.score()

    (told,) = by_night(
        recent_rows(place.warehouse),
        published_batches(place.warehouse),
        place.spec,
        place.tonight().cutoff,
    )

    assert (told.model_version, told.fault) == ("", "")
    assert np.isfinite(told.mase)


def test_nights_that_were_backfilled_alarm_nobody(nights):
    place = nights()
    for day in range(8):
        made = f"backfill-then-{day}" if day > 5 else f"night {day}"
        place.publish(day, q50=BAD if day > 5 else 20.0, run_id=made)
    place.score()

    assert bad_nights(place.warehouse, place.spec, place.tonight().cutoff) == ()
    assert len(published_batches(place.warehouse)) == 8


def test_what_was_backfilled_with_the_model_of_today_is_no_evidence(nights):
    place = nights()
    for day in range(4):
        place.publish(day, run_id=f"backfill-now-{day}" if day > 1 else f"backfill-then-{day}")
    place.score()

    rows = recent_rows(place.warehouse)

    assert rows.cutoffs == [place.cutoff(0), place.cutoff(1)]
