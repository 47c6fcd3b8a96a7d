import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.samples.nyc_departures.derive import (
    HOURS,
    SCHEMA,
    TIMEZONE,
    WEATHER,
    YEAR,
    derive,
    hourly_departures,
    is_holiday,
)
from data_contracts.spec import load_spec

SAMPLE = Path(__file__).parents[2] / "data_contracts" / "samples" / "nyc_departures"


@pytest.fixture(scope="module")
def rows():
    return pd.read_parquet(SAMPLE / "observations")


@pytest.fixture(scope="module")
def observed(rows):
    return rows[rows["y"].notna()]


def flight(scheduled, delay, carrier="UA"):
    instant = pd.Timestamp(scheduled).tz_localize(TIMEZONE)
    return {
        "origin": "EWR",
        "carrier": carrier,
        "dep_delay": delay,
        "minute": instant.minute,
        "time_hour": instant.floor("h").tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def busy(*flights):
    """The flights, and 10 more every day at noon so that their series is kept."""
    noons = pd.date_range("2013-01-01 12:00", "2013-12-31 12:00")
    return pd.DataFrame([*flights, *[flight(noon, 0.0) for noon in noons] * 10])


def test_the_files_are_small_enough_to_be_cloned():
    files = list((SAMPLE / "observations").rglob("*.parquet"))

    assert len(files) == 13
    assert sum(file.stat().st_size for file in files) < 1_500_000


def test_the_spec_is_valid_and_names_only_columns_that_are_there(rows):
    spec = load_spec(SAMPLE / "spec.yaml")
    columns = spec.source.columns
    covariates = spec.covariates

    assert spec.name == "nyc-departures"
    assert (SAMPLE.parents[2] / spec.source.uri).is_dir()
    assert {columns.unique_id, columns.ds, columns.y} <= set(rows)
    assert {*covariates.past, *covariates.known, *covariates.static} <= set(rows)


def test_keys_are_unique_sorted_and_on_the_grid(rows):
    instants = rows["ds"].dt.as_unit("us").astype("int64").to_numpy()
    _, on_grid = load_spec(SAMPLE / "spec.yaml").grid.slots(instants)

    assert on_grid.all()
    assert not rows.duplicated(["unique_id", "ds"]).any()
    assert (rows["ds"].dt.strftime("%Y-%m") == rows["month"].astype(str)).all()


def test_every_series_has_every_hour_of_the_local_year_and_none_outside(observed):
    assert observed["unique_id"].nunique() == 20
    for _, series in observed.groupby("unique_id"):
        assert (series["ds"].sort_values().to_numpy() == YEAR.tz_convert("UTC").to_numpy()).all()


def test_local_days_have_23_24_or_25_hours(observed):
    one = observed[observed["unique_id"] == "EWR-UA"]
    hours = one.groupby(one["ds"].dt.tz_convert(TIMEZONE).dt.date).size()

    assert hours[dt.date(2013, 3, 10)] == 23
    assert hours[dt.date(2013, 11, 3)] == 25
    assert (hours == 24).sum() == 363


def test_every_series_is_busy_and_flies_every_day(observed):
    days = observed["ds"].dt.tz_convert(TIMEZONE).dt.date
    per_day = observed["y"].groupby([observed["unique_id"], days]).sum()

    assert (per_day > 0).all()
    assert (per_day.groupby("unique_id").mean() >= 10).all()


def test_after_the_last_observation_only_what_a_calendar_knows_is_known(rows):
    ahead = rows[rows["y"].isna()]

    assert set(ahead["ds"]) == set(HOURS[len(YEAR) :].tz_convert("UTC"))
    assert len(ahead) == 20 * 14 * 24
    assert ahead[WEATHER].isna().all(axis=None)
    assert ahead["holiday"].notna().all()


def test_holidays_follow_the_local_date(rows):
    local = rows["ds"].dt.tz_convert(TIMEZONE)
    by_date = rows["holiday"].groupby(local.dt.date)

    assert (by_date.min() == by_date.max()).all()
    assert [str(date) for date, on in by_date.max().items() if on] == [
        "2013-01-01",
        "2013-01-21",
        "2013-02-18",
        "2013-05-27",
        "2013-07-04",
        "2013-09-02",
        "2013-10-14",
        "2013-11-11",
        "2013-11-28",
        "2013-12-25",
        "2014-01-01",
    ]


def test_an_instant_is_a_holiday_until_local_midnight():
    instants = pd.DatetimeIndex(["2013-07-05T03:59Z", "2013-07-05T04:00Z"])

    assert is_holiday(instants).tolist() == [True, False]


def test_weather_gaps_and_the_impossible_wind_are_still_there(observed):
    hours = observed.drop_duplicates(["airport", "ds"])
    missing = hours["temp"].isna().groupby(hours["airport"]).sum()

    assert missing.to_dict() == {"EWR": 58, "JFK": 54, "LGA": 54}
    assert (hours["wind_speed"] > 1000).sum() == 1


def test_storm_days_are_still_there(observed):
    local = observed["ds"].dt.tz_convert(TIMEZONE).dt.date
    daily = observed["y"].groupby(local).sum()

    assert daily[dt.date(2013, 2, 9)] < 0.6 * daily.median()


@pytest.mark.parametrize(
    ("scheduled", "delay", "left"),
    [
        pytest.param("2013-05-01 08:30", 29.0, "2013-05-01T12:00Z", id="in its hour"),
        pytest.param("2013-05-01 08:30", 30.0, "2013-05-01T13:00Z", id="in the next hour"),
        pytest.param("2013-05-01 08:00", -1.0, "2013-05-01T11:00Z", id="early"),
        pytest.param("2013-05-01 23:50", 90.0, "2013-05-02T05:00Z", id="across midnight"),
        pytest.param("2013-03-10 01:59", 2.0, "2013-03-10T07:00Z", id="into summer time"),
        pytest.param("2013-11-02 23:30", 150.0, "2013-11-03T06:00Z", id="into winter time"),
    ],
)
def test_a_flight_counts_in_the_hour_in_which_it_left(scheduled, delay, left):
    without = hourly_departures(busy())
    counts = hourly_departures(busy(flight(scheduled, delay)))

    added = (counts - without)["EWR-UA"]
    assert added[added != 0].to_dict() == {pd.Timestamp(left): 1}


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(flight("2013-05-01 08:30", np.nan), id="cancelled"),
        pytest.param(flight("2013-12-31 23:30", 45.0), id="left in 2014"),
        pytest.param(flight("2013-05-01 08:30", 0.0, carrier="ZZ"), id="of a rare carrier"),
    ],
)
def test_some_flights_do_not_count(extra):
    pd.testing.assert_frame_equal(hourly_departures(busy(extra)), hourly_departures(busy()))


def test_deriving_twice_writes_the_same_bytes(tmp_path):
    busy().to_csv(tmp_path / "flights.csv", index=False)
    weather = {"origin": ["EWR"], "time_hour": ["2013-01-01T06:00:00Z"]}
    pd.DataFrame({**weather, **dict.fromkeys(WEATHER, 1.5)}).to_csv(tmp_path / "weather.csv")

    derive(tmp_path, tmp_path / "one")
    derive(tmp_path, tmp_path / "two")

    one, two = (sorted((tmp_path / out).rglob("*.parquet")) for out in ("one", "two"))
    assert len(one) == 13
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
    written = pd.read_parquet(tmp_path / "one")
    assert list(written.columns) == [*SCHEMA.names, "month"]
    assert written["temp"].notna().sum() == 1


def test_a_folder_without_the_csvs_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"expected flights\.csv"):
        derive(tmp_path, tmp_path / "out")
