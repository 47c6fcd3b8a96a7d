import pandas as pd
import pytest

from tasks.reporting.stretches import Stretch, name_beside, name_of


def stretch(begin, end, timezone="UTC"):
    return Stretch.of(*pd.to_datetime([begin, end], utc=True), timezone)


@pytest.mark.parametrize(
    ("begin", "end", "timezone", "name"),
    [
        pytest.param(
            "2013-10-16T04:00Z",
            "2013-10-17T04:00Z",
            "America/New_York",
            "Wednesday 16 Oct",
            id="a local day",
        ),
        pytest.param(
            "2013-11-03T04:00Z",
            "2013-11-04T04:00Z",
            "America/New_York",
            "Sunday 3 Nov",
            id="24 hours of a day of 25",
        ),
        pytest.param(
            "2013-11-01T05:00Z",
            "2013-11-02T05:00Z",
            "America/New_York",
            "Friday 1 Nov",
            id="an hour beside midnight",
        ),
        pytest.param(
            "2013-10-16T00:00Z",
            "2013-10-16T06:00Z",
            "UTC",
            "Wed 16 Oct, 00:00 to 06:00",
            id="a quarter of a day",
        ),
        pytest.param(
            "2013-10-16T12:00Z",
            "2013-10-17T12:00Z",
            "UTC",
            "The day from Wed 16 Oct, 12:00",
            id="from noon to noon",
        ),
        pytest.param(
            "2013-10-16T12:00Z",
            "2013-10-18T00:00Z",
            "UTC",
            "Wed 16 Oct, 12:00 to Fri 18 Oct, 00:00",
            id="a day and a half",
        ),
        pytest.param(
            "2013-03-24T23:00Z",
            "2013-03-31T22:00Z",
            "Europe/Berlin",
            "The week from Mon 25 Mar",
            id="a week in which clocks change",
        ),
        pytest.param("2013-01-01", "2014-01-01", "UTC", "2013", id="a year"),
        pytest.param(
            "2012-10-01", "2013-10-01", "UTC", "The year from 1 Oct 2012", id="twelve months"
        ),
        pytest.param(
            "2013-01-01",
            "2013-07-01",
            "UTC",
            "The time from 1 Jan 2013 to 30 Jun 2013",
            id="half a year",
        ),
    ],
)
def test_a_stretch_is_called_what_people_call_it(begin, end, timezone, name):
    assert name_of(stretch(begin, end, timezone)) == name


@pytest.mark.parametrize(
    ("days_before", "name"),
    [
        (1, "last Tuesday, 15 Oct"),
        (7, "last Wednesday, 9 Oct"),
        (8, "the Tuesday before last, 8 Oct"),
        (14, "the Wednesday before last, 2 Oct"),
        (15, "Tuesday 1 Oct"),
    ],
)
def test_a_past_day_is_named_as_seen_from_the_day_ahead(days_before, name):
    day = pd.Timedelta(days=1)
    coming = stretch("2013-10-16", "2013-10-17")
    past = Stretch(coming.begin - days_before * day, coming.end - days_before * day)

    assert name_beside(past, coming) == name


def test_what_is_no_day_is_named_by_its_begin():
    coming = stretch("2014-01-01", "2015-01-01")

    assert name_beside(stretch("2013-01-01", "2014-01-01"), coming) == "2013"
    assert name_beside(stretch("2013-05-06", "2013-05-13"), coming) == "the week from Mon 6 May"


@pytest.mark.parametrize(
    ("end", "unit"),
    [
        ("2013-01-02", "days"),
        ("2013-01-08", "weeks"),
        ("2014-01-01", "years"),
        ("2013-04-01", "stretches of this length"),
    ],
)
def test_several_stretches_are_called_by_their_length(end, unit):
    assert stretch("2013-01-01", end).unit == unit
