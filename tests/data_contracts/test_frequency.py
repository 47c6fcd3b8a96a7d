import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import SpecError
from data_contracts.frequency import Grid

NEW_YORK = "America/New_York"
GRIDS = [
    pytest.param(Grid(frequency, timezone), id=f"{frequency} in {timezone}")
    for frequency in (
        "h", "15min", "30min", "6h", "D", "2D", "B", "W-MON", "W-SUN",
        "MS", "ME", "BMS", "QS", "QE", "YS", "YE", "24h",
    )
    for timezone in ("UTC", NEW_YORK, "Asia/Kolkata")
] + [
    pytest.param(Grid("h", "Asia/Kolkata", 30 * 60_000_000), id="h of Kolkata's clocks"),
    pytest.param(Grid("12h", "UTC", 330 * 60_000_000), id="12h from 05:30"),
]  # fmt: skip


def microseconds(stamps):
    return pd.DatetimeIndex(stamps).tz_convert("UTC").as_unit("us").asi8


def at(text, timezone="UTC"):
    return pd.Timestamp(text, tz=timezone)


@pytest.mark.parametrize("grid", GRIDS)
def test_slots_count_the_steps_without_holes(grid):
    slot, _ = grid.slots(microseconds([at("2024-03-05")]))
    slots = slot + np.arange(-100, 100)

    found, on_grid = grid.slots(grid.instants(slots))

    assert on_grid.all()
    np.testing.assert_array_equal(found, slots)
    assert (np.diff(grid.instants(slots)) > 0).all()


@pytest.mark.parametrize("grid", GRIDS)
def test_an_instant_falls_into_the_last_step_that_has_begun(grid):
    instants = microseconds(pd.date_range("2024-02-20", periods=300, freq="7h13min", tz="UTC"))

    slots, on_grid = grid.slots(instants)

    for instant, slot, exact in zip(instants, slots, on_grid, strict=True):
        begin, end = grid.instants(np.array([slot, slot + 1]))
        assert begin <= instant < end
        assert exact == (begin == instant)


@pytest.mark.parametrize("grid", GRIDS)
def test_calendar_steps_are_those_of_pandas(grid):
    # Pairs of days are counted from the first day of the calendar, so this has to begin there too.
    local = pd.date_range("1900-01-01", "2025-01-01", freq=grid.frequency, unit="us")
    local = local[local >= "1990"]
    stamps = local.tz_localize("UTC" if grid.step is not None else grid.timezone)
    stamps += pd.Timedelta(microseconds=grid.offset)

    _, on_grid = grid.slots(microseconds(stamps))

    assert on_grid.all()


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        pytest.param(NEW_YORK, "2013-03-10", 23, id="clocks go forward"),
        pytest.param(NEW_YORK, "2013-11-03", 25, id="clocks go back"),
        pytest.param(NEW_YORK, "2013-07-01", 24, id="an ordinary day"),
        pytest.param("America/Sao_Paulo", "2018-11-04", 23, id="there is no midnight"),
        pytest.param("America/Havana", "2018-11-04", 25, id="there are two midnights"),
    ],
)
def test_a_local_day_has_as_many_hours_as_the_clock_gives_it(timezone, day, hours):
    daily, hourly = Grid("D", timezone), Grid("h", timezone)
    begin = pd.Timestamp(day).tz_localize(timezone, nonexistent="shift_forward", ambiguous=True)
    slot, on_grid = daily.slots(microseconds([begin]))
    bounds, _ = hourly.slots(daily.instants(np.array([slot[0], slot[0] + 1])))

    assert on_grid.all()
    assert np.diff(bounds) == hours


@pytest.mark.parametrize(
    ("frequency", "timezone", "as_of", "cutoff"),
    [
        pytest.param("h", "UTC", "2024-01-01T05:00", "2024-01-01T04:00", id="on the hour"),
        pytest.param("h", "UTC", "2024-01-01T05:59:59.9", "2024-01-01T04:00", id="before the hour"),
        pytest.param("15min", "UTC", "2024-01-01T00:00", "2023-12-31T23:45", id="quarter hours"),
        pytest.param("D", NEW_YORK, "2024-01-02T00:00", "2024-01-01", id="local midnight"),
        pytest.param("D", NEW_YORK, "2024-01-01T23:59", "2023-12-31", id="before local midnight"),
        pytest.param("W-MON", "UTC", "2024-01-14T23:00", "2024-01-01", id="a week runs to Sunday"),
        pytest.param("W-MON", "UTC", "2024-01-15", "2024-01-08", id="a week is over on Monday"),
        pytest.param("MS", "UTC", "2024-03-31T23:00", "2024-02-01", id="a month by its start"),
        pytest.param("ME", "UTC", "2024-03-31T23:00", "2024-02-29", id="its last day still runs"),
        pytest.param("ME", "UTC", "2024-04-01", "2024-03-31", id="its last day is over"),
        pytest.param("ME", "Europe/Berlin", "2021-10-31T23:30", "2021-09-30", id="of 25 hours"),
        pytest.param("ME", "Europe/Berlin", "2024-04-01", "2024-03-31", id="of 23 hours"),
        pytest.param("B", "UTC", "2024-01-06T00:00", "2024-01-05", id="Friday, seen on Saturday"),
        pytest.param("B", "UTC", "2024-01-08T09:00", "2024-01-05", id="Friday, seen on Monday"),
        pytest.param("B", "UTC", "2024-01-05T20:00", "2024-01-04", id="Friday still runs"),
    ],
)
def test_the_cutoff_is_the_last_step_that_is_over(frequency, timezone, as_of, cutoff):
    grid = Grid(frequency, timezone)

    slot = grid.last_complete_slot(at(as_of, timezone))

    assert grid.timestamp(slot) == at(cutoff, timezone)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        pytest.param(lambda: Grid("fortnight"), "got 'fortnight'", id="unknown frequency"),
        pytest.param(lambda: Grid("-1h"), "got '-1h'", id="backwards"),
        pytest.param(lambda: Grid("100ns"), "whole microseconds", id="too fine"),
        pytest.param(
            lambda: Grid("h", "UTC", 3_600_000_000),
            "got 60 minutes for steps of h",
            id="an offset of a step",
        ),
        pytest.param(lambda: Grid("D", "UTC", 1), "none for days", id="days that begin at six"),
        pytest.param(lambda: Grid("h", "Mars/Base"), "got 'Mars/Base'", id="unknown zone"),
        pytest.param(
            lambda: Grid("h").last_complete_slot(pd.Timestamp("2024-01-01")),
            "2024-01-01T00:00Z",
            id="as_of without a zone",
        ),
        pytest.param(
            lambda: Grid("D").instants(np.array([-1])), "before", id="before the calendar"
        ),
        pytest.param(
            lambda: Grid("YS").instants(np.array([251])), "after", id="after the calendar"
        ),
    ],
)
def test_what_is_no_step_is_refused_by_name(act, words):
    with pytest.raises(SpecError, match=words):
        act()


def test_an_hour_with_an_offset_is_over_when_the_next_one_begins():
    grid = Grid("h", "Asia/Kolkata", 30 * 60_000_000)

    slot = grid.last_complete_slot(at("2024-02-29T09:10", "Asia/Kolkata"))

    assert grid.timestamp(slot) == at("2024-02-29T08:00", "Asia/Kolkata")


def test_times_are_utc_microseconds():
    stamps = Grid("D", NEW_YORK).timestamps(np.array([40_000]))

    assert str(stamps.dtype) == "datetime64[us, UTC]"
    assert stamps[0].tz_convert(NEW_YORK).hour == 0


@pytest.mark.parametrize(
    ("frequency", "seasons"),
    [("h", (24, 168)), ("15min", (96, 672)), ("D", (7,)), ("B", (5,)), ("W-MON", (52,)),
     ("MS", (12,)), ("BME", (12,)), ("QS", (4,)), ("YS", (1,))],
)  # fmt: skip
def test_a_frequency_brings_its_usual_seasons(frequency, seasons):
    habits = Grid(frequency).habits

    assert habits.season_lengths == seasons
    assert habits.context_length >= 2 * seasons[-1]


def test_the_slot_of_an_instant_is_that_of_the_step_that_holds_it():
    grid = Grid("h")

    assert grid.slot(pd.Timestamp("1970-01-02T01:59Z")) == 25
    assert grid.timestamp(grid.slot(pd.Timestamp("2024-03-01T05:00Z"))).hour == 5
