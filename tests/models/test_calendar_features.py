import numpy as np
import pandas as pd
import pytest

from data_contracts.frequency import Grid
from models.calendar_features import CalendarTable, calendar_features, cycles_shown

NEW_YORK = Grid("h", "America/New_York")


def _slots(begin, steps):
    instant = pd.Timestamp(begin, tz="UTC").value // 1000
    return int(NEW_YORK.slots(np.array(instant))[0]) + np.arange(steps)


@pytest.mark.parametrize(
    ("utc_midnight"), ["2013-03-09T05:00", "2013-03-11T04:00"], ids=["winter", "summer"]
)
def test_the_day_begins_at_local_midnight_on_both_sides_of_a_clock_change(utc_midnight):
    features = calendar_features(NEW_YORK, _slots(utc_midnight, 1), ("day",))

    np.testing.assert_allclose(features, [[0, 0, 1, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("utc_midnight", "hours"),
    [
        pytest.param("2013-03-10T05:00", [0, 1, *range(3, 24), 0], id="2 o'clock is skipped"),
        pytest.param("2013-11-03T04:00", [0, 1, 1, *range(2, 24), 0], id="1 o'clock comes twice"),
    ],
)
def test_the_phase_of_the_day_is_what_the_clock_on_the_wall_shows(utc_midnight, hours):
    features = calendar_features(NEW_YORK, _slots(utc_midnight, len(hours)), ("day",))

    angles = 2 * np.pi * np.array(hours) / 24
    np.testing.assert_allclose(features[:, 0], np.sin(angles), atol=1e-6)
    np.testing.assert_allclose(features[:, 2], np.cos(angles), atol=1e-6)


def test_the_day_of_a_half_hour_zone_begins_at_its_own_midnight():
    grid = Grid("30min", "Asia/Kolkata")
    midnight = pd.Timestamp("2024-02-29", tz="Asia/Kolkata").value // 1000

    features = calendar_features(grid, grid.slots(np.array([midnight]))[0], ("day",))

    np.testing.assert_allclose(features, [[0, 0, 1, 1]], atol=1e-6)


def test_features_equal_an_obvious_loop():
    slots = _slots("2013-03-09T00:00", 72)

    features = calendar_features(NEW_YORK, slots, ("day", "week", "year"))

    for row, stamp in zip(
        features, NEW_YORK.timestamps(slots).tz_convert("America/New_York"), strict=True
    ):
        day = stamp.hour / 24
        year = (stamp.day_of_year - 1 + day) / 365.2425
        expected = []
        for phase, overtones in ((day, 2), (stamp.day_of_week / 7, 3), (year, 2)):
            angles = 2 * np.pi * phase * np.arange(1, overtones + 1)
            expected += [*np.sin(angles), *np.cos(angles)]
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_weekdays_are_told_apart():
    features = calendar_features(Grid("D"), np.arange(7), ("week",))

    assert len(np.unique(features.round(3), axis=0)) == 7


@pytest.mark.parametrize(
    ("frequency", "num_steps", "cycles"),
    [
        ("h", 24 * 13, ("day",)),
        ("h", 24 * 14, ("day", "week")),
        ("h", 24 * 731, ("day", "week", "year")),
        ("15min", 96 * 30, ("day", "week")),
        ("D", 100, ("week",)),
        ("W-MON", 110, ("year",)),
        ("MS", 12, ()),
        ("MS", 36, ("year",)),
        ("YS", 50, ()),
    ],
)
def test_a_cycle_counts_where_steps_resolve_it_and_the_history_shows_it_twice(
    frequency, num_steps, cycles
):
    assert cycles_shown(Grid(frequency), num_steps) == cycles


def test_a_table_looks_up_what_was_computed_once():
    table = CalendarTable.between(NEW_YORK, 100, 200, ("day", "week"))
    slots = np.array([[100, 150], [200, 101]])

    found = table.at(slots)

    expected = calendar_features(NEW_YORK, slots.ravel(), ("day", "week"))
    np.testing.assert_array_equal(found.reshape(4, -1), expected)


def test_a_context_may_reach_back_before_the_calendar_of_months_begins():
    months = Grid("MS")

    table = CalendarTable.between(months, -5, 20, ("year",))

    expected = calendar_features(months, np.array([0, 0, 1, 20]), ("year",))
    np.testing.assert_array_equal(table.at(np.array([-5, 0, 1, 20])), expected)
