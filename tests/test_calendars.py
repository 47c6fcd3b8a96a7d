"""Days, months and zones as people write them down: what a panel makes of them."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import RefusedError
from data_contracts.spec import parse_spec
from tasks.stores.observations import read_observations
from tasks.stores.proposal import propose_spec
from tasks.stores.snapshots import load_panel, save_panel

NEW_YORK, KOLKATA = "America/New_York", "Asia/Kolkata"
HORIZON = 3


@pytest.fixture
def read(tmp_path):
    """Write one series with these times, its values 0, 1, …, and read it at an instant."""

    def act(ds, as_of, **calendar):
        table = pa.table({"unique_id": ["a"] * len(ds), "ds": ds, "y": np.arange(float(len(ds)))})
        pq.write_table(table, tmp_path / "rows.parquet", row_group_size=7)
        source = {"uri": str(tmp_path)}
        spec = parse_spec({"source": source, "calendar": calendar, "horizon": HORIZON})
        return read_observations(spec, pd.Timestamp(as_of))

    return act


def midnights(begin, end, frequency, zone):
    days = pd.date_range(begin, end, freq=frequency, unit="us")
    return days.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), bool))


def as_dates(days):
    return pa.array([day.date() for day in days])


def as_local_midnights(days):
    return pa.array([dt.datetime(day.year, day.month, day.day) for day in days])


def as_instants(days):
    return pa.array(days.tz_convert("UTC"))


@pytest.mark.parametrize("write", [as_dates, as_local_midnights, as_instants])
@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        pytest.param(NEW_YORK, "2024-03-01", "2024-03-20", id="a day of 23 hours"),
        pytest.param(NEW_YORK, "2024-10-25", "2024-11-10", id="a day of 25 hours"),
        pytest.param("America/Sao_Paulo", "2018-10-25", "2018-11-15", id="no midnight in spring"),
        pytest.param("America/Sao_Paulo", "2018-02-10", "2018-02-25", id="none skipped in autumn"),
        pytest.param("Asia/Beirut", "2024-03-20", "2024-04-05", id="no midnight in Beirut"),
        pytest.param("Asia/Beirut", "2024-10-20", "2024-11-05", id="an hour before midnight twice"),
        pytest.param("America/Havana", "2024-10-25", "2024-11-10", id="two midnights"),
        pytest.param(KOLKATA, "2024-02-20", "2024-03-10", id="half an hour, and a leap day"),
        pytest.param("Asia/Kathmandu", "2024-02-20", "2024-03-10", id="a quarter of an hour"),
        pytest.param("Australia/Lord_Howe", "2024-04-01", "2024-04-12", id="half an hour back"),
    ],
)  # fmt: skip
def test_days_are_the_same_however_they_are_written(read, write, zone, begin, end):
    days = midnights(begin, end, "D", zone)
    over = days[-1] + pd.DateOffset(days=1, hours=2)

    extraction = read(write(days), over, frequency="D", timezone=zone)

    panel = extraction.panel
    np.testing.assert_array_equal(panel.history(0), np.arange(len(days)))
    assert extraction.batch["off_grid"].item() == 0
    stamps = panel.grid.timestamps(panel.first_slots[0] + np.arange(len(days)))
    assert (stamps == days.tz_convert("UTC")).all()


@pytest.mark.parametrize("write", [as_dates, as_local_midnights, as_instants])
@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, KOLKATA])
@pytest.mark.parametrize(
    ("frequency", "ahead"),
    [
        ("MS", ["2024-02-01", "2024-03-01", "2024-04-01"]),
        ("ME", ["2024-02-29", "2024-03-31", "2024-04-30"]),
        ("QE", ["2024-03-31", "2024-06-30", "2024-09-30"]),
        ("B", ["2024-02-01", "2024-02-02", "2024-02-05"]),
        ("W-MON", ["2024-02-05", "2024-02-12", "2024-02-19"]),
    ],
)
def test_months_and_business_days_go_on_as_the_calendar_does(read, write, zone, frequency, ahead):
    days = midnights("2021-01-01", "2024-01-31", frequency, zone)

    panel = read(write(days), pd.Timestamp("2024-02-01T09:00", tz=zone), frequency=frequency,
                 timezone=zone).panel  # fmt: skip

    seen = days[days < pd.Timestamp(ahead[0], tz=zone)]
    if frequency == "W-MON":  # the week that began on January 29 is not over
        seen, ahead = seen[:-1], ["2024-01-29", *ahead[:2]]
    np.testing.assert_array_equal(panel.history(0), np.arange(len(seen)))
    future = panel.grid.timestamps(panel.cutoff_slot + 1 + np.arange(HORIZON)).tz_convert(zone)
    assert [f"{stamp:%Y-%m-%d}" for stamp in future] == ahead


@pytest.mark.parametrize(
    ("last", "ahead"),
    [
        pytest.param("2024-02-27", ["02-28", "02-29", "03-01"], id="ahead of it"),
        pytest.param("2024-02-29", ["03-01", "03-02", "03-03"], id="on it"),
        pytest.param("2023-02-27", ["02-28", "03-01", "03-02"], id="a year without"),
    ],
)
def test_a_horizon_crosses_the_end_of_february(read, last, ahead):
    days = pd.date_range("2020-02-25", last, freq="D")  # two leap days at the most

    panel = read(as_dates(days), pd.Timestamp(last).tz_localize("UTC") + pd.Timedelta(days=1),
                 frequency="D").panel  # fmt: skip

    np.testing.assert_array_equal(panel.history(0), np.arange(len(days)))
    future = panel.grid.timestamps(panel.cutoff_slot + 1 + np.arange(HORIZON))
    assert [f"{stamp:%m-%d}" for stamp in future] == ahead


def test_a_weekend_is_off_the_grid_of_business_days(read):
    days = pd.date_range("2024-01-01", "2024-01-14", freq="D")

    extraction = read(as_dates(days), "2024-01-15T12:00Z", frequency="B")

    assert extraction.batch["off_grid"].item() == 4
    np.testing.assert_array_equal(extraction.panel.history(0), [0, 1, 2, 3, 4, 7, 8, 9, 10, 11])


@pytest.mark.parametrize(
    ("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-02-29", 24)]
)
def test_a_local_day_of_hours_has_as_many_steps_as_the_clock_gives_it(read, day, hours):
    begin, end = (
        pd.Timestamp(day, tz=NEW_YORK),
        pd.Timestamp(day, tz=NEW_YORK) + pd.DateOffset(days=1),
    )
    ds = pd.date_range(begin, end, freq="h", inclusive="left", unit="us")

    panel = read(ds.tz_convert("UTC"), end, frequency="h", timezone=NEW_YORK).panel

    np.testing.assert_array_equal(panel.history(0), np.arange(hours))


@pytest.mark.parametrize("zone", [KOLKATA, "Asia/Kathmandu", "Australia/Adelaide"])
@pytest.mark.parametrize("is_local", [True, False], ids=["local times", "instants"])
def test_hours_of_clocks_that_differ_by_half_an_hour_have_an_offset(tmp_path, read, zone, is_local):
    ds = pd.date_range("2024-02-28", periods=40, freq="h", unit="us")
    instants = ds.tz_localize(zone)
    offset = (instants[0].tz_convert("UTC").minute) % 60
    calendar = {"frequency": "h", "timezone": zone, "offset": offset}

    panel = read(
        ds if is_local else instants, instants[-1] + pd.Timedelta("90min"), **calendar
    ).panel

    np.testing.assert_array_equal(panel.history(0), np.arange(40))
    snapshot = save_panel(panel, tmp_path / "snapshots")
    assert load_panel(snapshot).grid == panel.grid
    proposed = propose_spec(str(tmp_path / "rows.parquet")).spec.calendar
    assert proposed.frequency == "h"
    assert proposed.offset == (0 if is_local else offset)


@pytest.mark.parametrize(
    ("ds", "calendar", "words"),
    [
        pytest.param(
            pd.date_range("2024-03-01", periods=20, tz="UTC"),
            {"frequency": "D", "timezone": NEW_YORK},
            "got 20 rows that are all off it, the first a at 2024-03-01 00:00 UTC; these times are "
            "midnights of UTC: set calendar.timezone to UTC, or write dates.",
            id="midnights of UTC for days of New York",
        ),
        pytest.param(
            pd.date_range("2024-03-01", periods=20, tz=NEW_YORK),
            {"frequency": "D"},
            "these times are midnights of America/New_York: set calendar.timezone to "
            "America/New_York, or write dates.",
            id="midnights of New York for days of UTC",
        ),
        pytest.param(
            pd.date_range("2024-03-01", periods=20, freq="h"),
            {"frequency": "h", "timezone": KOLKATA},
            "all times are 30 minutes after a step of UTC: set calendar.offset to 30.",
            id="hours of clocks that differ by half an hour",
        ),
        pytest.param(
            pd.date_range("2024-03-01", periods=20, freq="61min", tz="UTC") + pd.Timedelta("7s"),
            {"frequency": "h"},
            "check calendar.frequency and calendar.timezone.",
            id="hours that are none",
        ),
        pytest.param(
            pd.date_range("2024-03-01T05:00", periods=20, tz=KOLKATA),
            {"frequency": "D", "timezone": KOLKATA},
            "check calendar.frequency and calendar.timezone.",
            id="midnights of nobody",
        ),
    ],
)  # fmt: skip
def test_times_that_are_all_off_the_grid_are_refused_with_what_to_do(read, ds, calendar, words):
    with pytest.raises(RefusedError) as no:
        read(ds.as_unit("us"), "2024-04-01T00:00Z", **calendar)

    assert str(no.value).endswith(words)
