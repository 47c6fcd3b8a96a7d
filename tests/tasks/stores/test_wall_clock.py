import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import RefusedError
from data_contracts.spec import parse_spec
from tasks.stores.observations import read_observations
from tasks.stores.wall_clock import WallClock

NEW_YORK = "America/New_York"
DAY = pd.Timedelta(days=1)


def spec_of(frequency="h", timezone=NEW_YORK, uri="x", **rules):
    calendar = {"frequency": frequency, "timezone": timezone, **rules}
    return parse_spec({"source": {"uri": str(uri)}, "calendar": calendar, "horizon": 3})


def utc(instants):
    return [f"{stamp:%H:%M:%S}" for stamp in pd.DatetimeIndex(instants.view("M8[us]"))]


def naive(*texts, unit="us"):
    return pa.array([dt.datetime.fromisoformat(text) for text in texts], pa.timestamp(unit))


def local_day(day, frequency="h", zone=NEW_YORK):
    """All steps of a local day, and what a clock on the wall shows at each."""
    begin = pd.Timestamp(day).tz_localize(zone, ambiguous=True)
    instants = pd.date_range(begin, begin + pd.DateOffset(days=1), freq=frequency, inclusive="left")
    return instants.tz_convert("UTC").as_unit("us"), instants.tz_localize(None).as_unit("us")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("rule", "instants"),
    [("earliest", ["05:00:00", "05:00:00"]), ("latest", ["06:00:00", "06:00:00"]),
     ("order", ["05:00:00", "06:00:00"])],
)  # fmt: skip
def test_a_time_that_occurs_twice_is_the_instant_that_the_rule_says(rule, instants, unit):
    column = naive("2024-11-03 01:00", "2024-11-03 01:00", unit=unit)

    found, aside = WallClock(spec_of(ambiguous=rule)).read(column, np.array([0, 0], np.int32))

    assert utc(found) == instants
    assert not aside.any()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("rule", ["forward", "aside"])
def test_a_time_that_is_skipped_moves_forward_as_far_as_the_clock(rule, unit):
    column = naive("2024-03-10 02:00", "2024-03-10 02:30", "2024-03-10 03:30", unit=unit)

    found, aside = WallClock(spec_of("30min", missing=rule)).read(column, np.zeros(3, np.int32))

    assert utc(found) == ["07:00:00", "07:30:00", "07:30:00"]
    assert aside.tolist() == [rule == "aside", rule == "aside", False]


@pytest.mark.parametrize(
    ("zone", "frequency", "day", "steps"),
    [
        pytest.param(NEW_YORK, "h", "2024-11-03", 25, id="an hour"),
        pytest.param(NEW_YORK, "15min", "2024-11-03", 100, id="quarters of an hour"),
        pytest.param(NEW_YORK, "h", "2024-11-04", 24, id="an ordinary day"),
        pytest.param("Australia/Lord_Howe", "30min", "2024-04-07", 49, id="half an hour"),
        pytest.param("America/Havana", "h", "2024-11-03", 25, id="midnight occurs twice"),
        pytest.param("America/Sao_Paulo", "h", "2018-02-17", 25, id="the hour before midnight"),
    ],
)
def test_rows_in_the_order_of_time_name_every_instant(zone, frequency, day, steps):
    instants, shown = local_day(day, frequency, zone)

    found, _ = WallClock(spec_of(frequency, zone, ambiguous="order")).read(
        pa.array(shown), np.zeros(len(shown), np.int32)
    )

    assert len(instants) == steps
    np.testing.assert_array_equal(found, instants.asi8)


def test_the_order_of_rows_is_that_within_a_series_across_batches():
    rng = np.random.default_rng(0)
    instants, shown = local_day("2024-11-03", "30min")
    codes = rng.permutation(np.repeat(np.arange(5, dtype=np.int32), len(shown)))
    step = np.array([(codes[:row] == code).sum() for row, code in enumerate(codes)])
    clock = WallClock(spec_of("30min", ambiguous="order"))

    parts = np.array_split(np.arange(len(codes)), 7)
    found = [clock.read(pa.array(shown[step[part]]), codes[part])[0] for part in parts]

    np.testing.assert_array_equal(np.concatenate(found), instants.asi8[step])


def test_a_time_that_could_occur_twice_and_is_there_once_is_the_earlier():
    found, _ = WallClock(spec_of(ambiguous="order")).read(
        naive("2024-11-03 01:00"), np.zeros(1, np.int32)
    )

    assert utc(found) == ["05:00:00"]


def test_rows_that_are_sent_again_count_in_pairs():
    column = naive(*["2024-11-03 01:00"] * 4)

    found, _ = WallClock(spec_of(ambiguous="order")).read(column, np.zeros(4, np.int32))

    assert utc(found) == ["05:00:00", "06:00:00", "05:00:00", "06:00:00"]


@pytest.mark.parametrize(
    ("column", "spec"),
    [
        pytest.param(
            naive("2024-11-03 01:00").cast(pa.timestamp("us", "UTC")), spec_of(), id="with a zone"
        ),
        pytest.param(naive("2018-11-04"), spec_of("D", "America/Sao_Paulo"), id="daily"),
        pytest.param(
            pa.array([dt.date(2018, 11, 4)]), spec_of("B", "America/Sao_Paulo"), id="date"
        ),
        pytest.param(naive("2018-11-04"), spec_of("h", "UTC"), id="UTC"),
    ],
)
def test_where_no_hour_is_in_doubt_no_rule_is_asked(column, spec):
    found, aside = WallClock(spec).read(column, np.zeros(1, np.int32))

    assert len(found) == 1
    assert not aside.any()


@pytest.mark.parametrize(
    ("text", "key", "answers"),
    [
        ("2024-11-03 01:00", "calendar.ambiguous", ("earliest", "latest", "order")),
        ("2024-03-10 02:00", "calendar.missing", ("forward", "aside")),
    ],
)
def test_a_refusal_names_the_key_and_its_values(text, key, answers):
    with pytest.raises(RefusedError, match=f"{key}: expected local times .* got {text}") as no:
        WallClock(spec_of()).read(naive(text), np.zeros(1, np.int32))

    assert all(answer in str(no.value) for answer in answers)
    assert str(no.value).endswith("store UTC instead.")


def write(folder, *parts):
    for number, (series, ds, y) in enumerate(parts):
        table = pa.table({"unique_id": [series] * len(ds), "ds": ds, "y": np.asarray(y, float)})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=3)


@pytest.mark.parametrize("rule", ["earliest", "latest", "order"])
def test_both_passes_over_the_files_read_a_day_of_25_hours_alike(tmp_path, rule):
    instants, shown = local_day("2024-11-03")
    y = np.arange(25)
    write(tmp_path, ("a", shown[:2], y[:2]), ("b", shown, -y), ("a", shown[2:], y[2:]))

    extraction = read_observations(spec_of(uri=tmp_path, ambiguous=rule), instants[-1] + DAY / 24)

    panel = extraction.panel
    expected = y.astype(float)
    if rule != "order":
        expected[1:3] = [2, np.nan] if rule == "earliest" else [np.nan, 2]
    np.testing.assert_array_equal(panel.history(0), expected)
    np.testing.assert_array_equal(panel.history(1), -expected)
    assert extraction.batch["duplicates"].item() == (0 if rule == "order" else 2)


def test_a_night_between_two_equal_hours_sees_the_first_of_them(tmp_path):
    instants, shown = local_day("2024-11-03")
    write(tmp_path, ("a", shown, np.arange(25)))
    spec = spec_of(uri=tmp_path, ambiguous="order")

    for seen in (1, 2, 3):
        panel = read_observations(spec, instants[seen]).panel
        np.testing.assert_array_equal(panel.history(0), np.arange(seen))


@pytest.mark.parametrize(
    ("rule", "value", "off_grid", "duplicates"), [("forward", 2, 0, 1), ("aside", 3, 1, 0)]
)
def test_a_row_in_the_hour_that_is_skipped_moves_or_is_set_aside(
    tmp_path, rule, value, off_grid, duplicates
):
    # A source that writes 24 rows every day, the one that never was after all others.
    instants, shown = local_day("2024-03-10")
    write(
        tmp_path,
        ("a", shown, [0, 1, *range(3, 24)]),
        ("a", [pd.Timestamp("2024-03-10 02:00")], [2]),
    )

    extraction = read_observations(spec_of(uri=tmp_path, missing=rule), instants[-1] + DAY / 24)

    np.testing.assert_array_equal(extraction.panel.history(0), [0, 1, value, *range(4, 24)])
    assert extraction.batch["off_grid"].item() == off_grid
    assert extraction.batch["duplicates"].item() == duplicates
