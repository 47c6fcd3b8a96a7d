import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import RefusedError
from data_contracts.frequency import Grid
from data_contracts.grid_guess import Stamps, guess_grid

NONE = np.empty(0, np.int64)
START = pd.Timestamp("2022-01-01")


def stamps(frequency, periods, timezone="UTC", usual_step=None):
    local = pd.date_range(START, periods=periods, freq=frequency, unit="us")
    instants = local.tz_localize(timezone, nonexistent="shift_forward").tz_convert("UTC")
    return Stamps(instants.asi8, NONE, usual_step)


def hours(count):
    return count * 3_600_000_000


@pytest.mark.parametrize(
    ("frequency", "periods"),
    [
        ("s", 200),
        ("min", 200),
        ("5min", 500),
        ("15min", 500),
        ("30min", 200),
        ("h", 500),
        ("3h", 100),
        ("12h", 50),
        ("D", 30),
        ("B", 30),
        ("W-MON", 30),
        ("W-SUN", 30),
        ("MS", 24),
        ("ME", 24),
        ("BMS", 24),
        ("BME", 24),
        ("QS", 12),
        ("QS-FEB", 12),
        ("QE", 12),
        ("YS", 6),
        ("YS-APR", 6),
        ("YE", 6),
    ],
)
@pytest.mark.parametrize("order", ["in order", "shuffled and thinned"])
def test_the_frequency_that_made_the_stamps_is_found(frequency, periods, order):
    made = stamps(frequency, periods)
    if order != "in order":
        kept = np.random.default_rng(5).permutation(made.instants)[: periods * 2 // 3]
        made = Stamps(kept, NONE, None)

    assert guess_grid(made, "UTC", zone_is_told=True) == Grid(frequency)


@pytest.mark.parametrize("frequency", ["D", "W-MON", "MS"])
@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_local_midnights_are_found_in_a_zone_that_is_told(frequency, timezone):
    made = stamps(frequency, 24, timezone)

    assert guess_grid(made, timezone, zone_is_told=True) == Grid(frequency, timezone)


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/Chicago", "Asia/Kolkata"])
def test_midnights_stored_as_utc_tell_their_zone(timezone):
    made = stamps("D", 365, timezone, usual_step=hours(24))

    assert guess_grid(made, "UTC", zone_is_told=False) == Grid("D", timezone)


@pytest.mark.parametrize("minutes", [0, 7, 30, 45])
def test_hours_may_begin_some_minutes_after_those_of_utc(minutes):
    offset = minutes * 60_000_000
    made = Stamps(stamps("h", 500).instants + offset, NONE, hours(1))

    assert guess_grid(made, "UTC", zone_is_told=True) == Grid("h", "UTC", offset)


def test_a_stray_timestamp_does_not_hide_the_grid():
    made = stamps("h", 500)
    made.instants[7] += 1

    assert guess_grid(made, "UTC", zone_is_told=True) == Grid("h")


def test_edges_tell_that_months_are_only_where_stretches_begin():
    month_starts = stamps("MS", 12)
    last_hours = month_starts.instants - hours(1)

    seen = Stamps(month_starts.instants, last_hours, None)

    assert guess_grid(seen, "UTC", zone_is_told=True) == Grid("h")


def test_five_working_days_do_not_show_that_weekends_are_left_out():
    monday_to_friday = pd.date_range("2024-01-01", periods=5, freq="D", unit="us").asi8

    assert (
        guess_grid(Stamps(monday_to_friday, NONE, None), "UTC", zone_is_told=True).frequency == "D"
    )


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        pytest.param(stamps("h", 1), "several time steps, got 1 distinct time", id="one time"),
        pytest.param(
            Stamps(stamps("D", 99).instants + hours(6), NONE, hours(24)),
            "begin at midnight, got times such as 2022-01-01 06:00:00",
            id="days that begin at six",
        ),
        pytest.param(
            Stamps(stamps("h", 99).instants + 250_000, NONE, hours(1)),
            "regular steps of a second or more",
            id="fractions of a second",
        ),
        pytest.param(
            Stamps(
                stamps("30min", 99).instants + np.arange(99) % 7 * 60_000_000, NONE, hours(1) // 2
            ),
            "irregular ones that lie about 30 minutes apart and fit only steps of min",
            id="irregular",
        ),
    ],
)
def test_times_without_a_grid_are_refused(made, complaint):
    with pytest.raises(RefusedError, match=complaint):
        guess_grid(made, "UTC", zone_is_told=True)
