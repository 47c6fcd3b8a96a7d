"""Ways to spoil which row is which: series, time steps, duplicates, lateness, volume."""

import datetime as dt

import pandas as pd
import pyarrow as pa

from benchmarks.hostile.material import (
    AUTUMN,
    BUSY,
    CLOCKS_BACK,
    CLOCKS_FORWARD,
    HOUR,
    LARGE,
    PASSED,
    SMALL,
    THIRD,
    Case,
    Cut,
    Files,
    Frame,
    Mask,
    Spoil,
    all_of,
    cast,
    critical,
    everything,
    last,
    moved,
    note,
    of,
    only,
    put,
    quarantine,
    refused,
    renamed_series,
    repeated,
    rows,
    share,
    since,
    some,
    warning,
    without,
)
from data_contracts.vocabulary import DS, UNIQUE_ID, Y

DAY = 24
NEW_YORK = "America/New_York"
FIVE = ("EWR-B6", "EWR-DL", "EWR-EV", "EWR-US", "EWR-WN")
NAMES = {SMALL: "a/b\\c", THIRD: 'it\'s "quoted"', LARGE: "München \N{SNOWMAN}", BUSY: "x" * 300}


def _until(cut: Cut) -> Mask:
    return lambda frame: frame[DS] <= cut.cutoff


def _numbers(frame: Frame) -> Frame:
    return frame.assign(**{UNIQUE_ID: pd.factorize(frame[UNIQUE_ID])[0]})


def _bigger_numbers(frame: Frame) -> Frame:
    return frame.assign(**{UNIQUE_ID: 10**15 + pd.factorize(frame[UNIQUE_ID])[0]})


def _unnamed(mask: Mask) -> Spoil:
    return lambda frame: frame.assign(
        **{UNIQUE_ID: frame[UNIQUE_ID].astype(object).mask(mask(frame), None)}
    )


def _local(frame: Frame) -> Frame:
    """Wall times of New York without a zone, in order of time within a series."""
    local = frame[DS].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    return frame.assign(**{DS: local})


def _naive(frame: Frame) -> Frame:
    """UTC whose zone was lost."""
    return frame.assign(**{DS: frame[DS].dt.tz_localize(None)})


def _stray(stamp: dt.datetime, unit: str = "us") -> Spoil:
    """One more row of a series, at a time far away."""

    def spoilt(frame: Frame) -> Files:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        kind = pa.timestamp(unit, "UTC")
        place = table.schema.get_field_index(DS)
        table = table.set_column(place, DS, table[DS].cast(kind))
        row = table.slice(int(of(LARGE)(frame).to_numpy().argmax()), 1)
        return {
            "rows": pa.concat_tables(
                [
                    table,
                    row.set_column(
                        place, DS, pa.array([stamp], pa.timestamp("us", "UTC")).cast(kind)
                    ),
                ]
            )
        }

    return spoilt


def _daily(frame: Frame) -> Frame:
    days = frame.groupby([UNIQUE_ID, frame[DS].dt.floor("D")]).agg(
        {name: "first" for name in frame if name not in (UNIQUE_ID, DS, Y)} | {Y: "sum"}
    )
    return days.reset_index()


def _quarters(frame: Frame) -> Frame:
    parts = [frame.assign(**{DS: frame[DS] + k * HOUR / 4}) for k in range(4)]
    return pd.concat(parts, ignore_index=True)


def _with_known_since(delay: pd.Timedelta, frame: Frame) -> Frame:
    """Every value became known some time after its hour; what has none was known all along."""
    since = (frame[DS] + delay).mask(frame[DS] > AUTUMN.cutoff, frame[DS].min())
    return frame.assign(known_since=since)


def _prompt(frame: Frame) -> Frame:
    return _with_known_since(HOUR, frame)


def _corrected(when: pd.Timedelta) -> Spoil:
    """Some values were wrong at first; the right ones became known a while later."""

    def spoilt(frame: Frame) -> Frame:
        frame = _prompt(frame)
        wrong = some(everything, 50)(frame)
        late = frame[wrong].assign(known_since=lambda f: f["known_since"] + when)
        first = frame.assign(**{Y: frame[Y].mask(wrong, frame[Y] + 3)})
        return pd.concat([late, first], ignore_index=True)

    return spoilt


def _corrected_after(frame: Frame) -> Frame:
    """Wrong values that became known after the night."""
    frame = _prompt(frame)
    wrong = frame[some(everything, 50)(frame)]
    later = wrong.assign(**{Y: wrong[Y] + 3}, known_since=AUTUMN.as_of + HOUR)
    return pd.concat([frame, later], ignore_index=True)


def _vintages(frame: Frame) -> Frame:
    """Three issues of everything, the last of them after the night with other holidays."""
    issues = [_prompt(frame), _prompt(frame)]
    wrong = frame.assign(known_since=AUTUMN.as_of + 5 * HOUR, holiday=1 - frame["holiday"])
    return pd.concat([wrong, *issues], ignore_index=True)


def _late_rows(mask: Mask, by: pd.Timedelta) -> Spoil:
    def spoilt(frame: Frame) -> Frame:
        frame = _prompt(frame)
        late = frame["known_since"].mask(mask(frame), frame["known_since"] + by)
        return frame.assign(known_since=late)

    return spoilt


POINT_IN_TIME = {"source": {"available_at": "known_since"}}

DUPLICATES = (
    Case(
        "duplicates",
        "ten rows are there twice, alike",
        warning("unique_keys"),
        repeated(some(everything, 10)),
        same_panel=True,
    ),
    Case(
        "conflicts",
        "five rows of a series are there twice with different values",
        quarantine("no_conflicts", of=(LARGE,), beside=("unique_keys",)),
        repeated(some(of(LARGE)), add=2),
    ),
    Case(
        "conflicts everywhere",
        "one row in fifty is there twice with different values",
        critical("few_aside"),
        repeated(share(everything, 0.02), add=2),
    ),
    Case(
        "null beside a value",
        "five rows of a series come again without a value",
        quarantine("no_conflicts", of=(LARGE,), beside=("unique_keys",)),
        lambda frame: pd.concat(
            [frame, frame[some(of(LARGE))(frame)].assign(**{Y: float("nan")})], ignore_index=True
        ),
    ),
    Case(
        "corrected",
        "fifty values were wrong, and the right ones were known a day later",
        PASSED,
        _corrected(pd.Timedelta(minutes=1)),
        spec=POINT_IN_TIME,
        same_panel=True,
    ),
    Case(
        "corrected too late",
        "fifty values are corrected after the night, which must not see it",
        PASSED,
        _corrected_after,
        spec=POINT_IN_TIME,
        same_panel=True,
    ),
    Case(
        "vintages",
        "three issues of every row, the last of them after the night",
        PASSED,
        _vintages,
        spec=POINT_IN_TIME,
        same_panel=True,
    ),
)

LATENESS = (
    Case("late", "the last ten hours are not there yet", PASSED, without(last(10))),
    Case("too late", "the last three days are not there", critical("fresh"), without(last(72))),
    Case(
        "known too late",
        "the last three days became known after the night",
        critical("fresh"),
        _late_rows(last(72), pd.Timedelta(days=4)),
        spec=POINT_IN_TIME,
    ),
    Case(
        "half known too late",
        "the last day of half of the series became known after the night",
        warning("volume", beside=("series_count",)),
        _late_rows(all_of(last(DAY), lambda f: f[UNIQUE_ID] < "JFK-MQ"), pd.Timedelta(days=2)),
        spec=POINT_IN_TIME,
    ),
    Case(
        "partial",
        "half of the rows of the last day are not there",
        warning("volume"),
        without(share(last(DAY), 0.5)),
    ),
    Case(
        "partial nulls",
        "half of the values of the last day are null",
        warning("volume"),
        put(share(last(DAY), 0.5), float("nan")),
    ),
    Case(
        "before all data",
        "the night lies before the first row",
        refused("as_of"),
        only(lambda frame: frame[DS] > AUTUMN.as_of),
    ),
    Case("short", "there are five days of data", critical("one_window"), only(last(120))),
    Case(
        "available_at null",
        "five rows do not say when they became known",
        refused("source.available_at", "null"),
        lambda frame: _prompt(frame).assign(
            known_since=lambda f: f["known_since"].mask(some(everything)(f))
        ),
        spec=POINT_IN_TIME,
    ),
    Case(
        "available_at missing",
        "the column that says when rows became known is not there",
        refused("source.available_at", "known_since"),
        spec=POINT_IN_TIME,
    ),
    Case(
        "available_at as text",
        "when rows became known is stored as text",
        refused("source.available_at", "text"),
        lambda frame: frame.assign(known_since="2013-07-01 00:00"),
        spec=POINT_IN_TIME,
    ),
    Case(
        "available_at without a zone",
        "when rows became known is local time",
        PASSED,
        lambda frame: _prompt(frame).assign(
            known_since=lambda f: f["known_since"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
        ),
        spec=POINT_IN_TIME,
        same_panel=True,
    ),
)

TIMES = (
    Case(
        "off the grid",
        "ten rows are seven minutes late",
        rows("on_grid", of=(LARGE,)),
        moved(some(of(LARGE), 10), pd.Timedelta(minutes=7)),
    ),
    Case(
        "a series off the grid",
        "every row of a series is at half past",
        quarantine("observed", of=(SMALL,), beside=("on_grid",)),
        moved(of(SMALL), HOUR / 2),
        spec={"contracts": {"max_bad_rows": 0.1}},
    ),
    Case(
        "all off the grid",
        "every row is at half past",
        refused("calendar.frequency"),
        moved(everything, HOUR / 2),
    ),
    Case("quarter hours", "every hour comes as four", critical("few_bad_rows"), _quarters),
    Case(
        "days as hours",
        "there is one row a day",
        critical("few_aside"),
        _daily,
    ),
    Case(
        "hours as days",
        "the spec says that there is one row a day",
        critical("few_bad_rows"),
        spec={
            "calendar": {"frequency": "D"},
            "horizon": 7,
            "season_lengths": [7],
            "contracts": {"max_age": 5},
        },
    ),
    Case(
        "null times",
        "five rows have no time",
        refused("source.columns.ds", "null"),
        lambda frame: frame.assign(**{DS: frame[DS].mask(some(everything)(frame))}),
    ),
    Case(
        "time as text",
        "times are stored as text",
        refused("source.columns.ds", "text"),
        lambda frame: frame.assign(**{DS: frame[DS].dt.strftime("%Y-%m-%d %H:%M")}),
    ),
    Case(
        "time as seconds",
        "times are whole numbers since 1970",
        refused("source.columns.ds"),
        lambda frame: frame.assign(**{DS: frame[DS].astype("int64") // 10**6}),
    ),
    Case(
        "time as dates",
        "the hour was lost",
        critical("few_aside"),
        cast(DS, pa.date32()),
    ),
    *(
        Case(
            f"time in {unit}",
            f"times are stored in {unit}",
            PASSED,
            cast(DS, pa.timestamp(unit, "UTC")),
            same_panel=True,
        )
        for unit in ("s", "ms", "ns")
    ),
    Case(
        "another zone",
        "times are stored with the zone of Kolkata",
        PASSED,
        lambda frame: frame.assign(**{DS: frame[DS].dt.tz_convert("Asia/Kolkata")}),
        same_panel=True,
    ),
    Case(
        "no zone",
        "times have no zone, and neither has the spec",
        refused("source.columns.ds", "zone"),
        _naive,
        spec={"calendar": {"timezone": None}},
    ),
    Case(
        "local times",
        "times are those of the clock in New York, without a zone",
        PASSED,
        _local,
        same_panel=True,
    ),
    Case(
        "local times, clocks back",
        "the hour that the clock had twice cannot be told apart",
        refused("calendar.ambiguous", "twice"),
        _local,
        cut=CLOCKS_BACK,
    ),
    Case(
        "local times in order",
        "the hour that the clock had twice is told apart by the order of rows",
        PASSED,
        _local,
        cut=CLOCKS_BACK,
        spec={"calendar": {"ambiguous": "order"}},
        same_panel=True,
    ),
    Case(
        "local times, the earlier",
        "of the hour that the clock had twice both count as the first",
        warning("unique_keys"),
        _local,
        cut=CLOCKS_BACK,
        spec={"calendar": {"ambiguous": "earliest"}},
    ),
    Case(
        "UTC called local",
        "UTC without a zone, though the spec says New York, and its clocks skip an hour",
        refused("calendar.missing", "skips"),
        _naive,
        cut=CLOCKS_FORWARD,
    ),
    Case(
        "UTC called local, set aside",
        "the same where the spec sets such rows aside",
        rows("on_grid", of=()),
        _naive,
        cut=CLOCKS_FORWARD,
        spec={"calendar": {"missing": "aside"}},
    ),
    Case(
        "half an hour",
        "the rows of a series are half an hour late since a day",
        rows("on_grid", of=(LARGE,)),
        moved(all_of(of(LARGE), last(DAY)), HOUR / 2),
    ),
    Case(
        "future rows",
        "values of the year after are there",
        PASSED,
        lambda frame: pd.concat(
            [frame, frame.assign(**{DS: frame[DS] + pd.Timedelta(days=364)})], ignore_index=True
        ),
        same_panel=True,
    ),
    Case(
        "stray 1970",
        "one row of a series lies at the beginning of 1970",
        quarantine("few_missing", "short_gaps", of=(LARGE,)),
        _stray(dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
    ),
    Case(
        "stray 1678",
        "one row of a series lies at the beginning of what nanoseconds can say",
        quarantine("few_missing", "short_gaps", of=(LARGE,)),
        _stray(dt.datetime(1677, 9, 22, tzinfo=dt.UTC), "ns"),
    ),
    Case(
        "stray year 1",
        "one row of a series lies in year 1",
        quarantine("few_missing", "short_gaps", of=(LARGE,)),
        _stray(dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
    ),
    Case(
        "stray 2262",
        "one row of a series lies at the end of what nanoseconds can say",
        PASSED,
        _stray(dt.datetime(2262, 4, 11, tzinfo=dt.UTC), "ns"),
        same_panel=True,
    ),
    Case(
        "stray 9999",
        "one row of a series lies on the last day of 9999",
        PASSED,
        _stray(dt.datetime(9999, 12, 31, tzinfo=dt.UTC)),
        same_panel=True,
    ),
)

SERIES = (
    Case("numbered series", "series have numbers for names", PASSED, _numbers),
    Case("large numbers", "series have long numbers for names", PASSED, _bigger_numbers),
    Case(
        "odd characters",
        "names have slashes, quotes, a snowman and 300 letters",
        PASSED,
        renamed_series(everything, lambda name: NAMES.get(name, name)),
    ),
    Case(
        "null names",
        "five rows name no series",
        refused("source.columns.unique_id", "null"),
        _unnamed(some(of(LARGE))),
    ),
    Case(
        "empty names",
        "five rows have an empty text for a name",
        refused("source.columns.unique_id"),
        renamed_series(some(of(LARGE)), lambda name: ""),
    ),
    Case(
        "categories",
        "names are stored as categories",
        PASSED,
        lambda frame: frame.astype({UNIQUE_ID: "category"}),
        same_panel=True,
    ),
    Case("one series", "there is one series", PASSED, only(of(LARGE))),
    Case(
        "one value",
        "a series has one value, the last hour's",
        note("new"),
        lambda f: pd.concat(
            [f, f[of(LARGE)(f) & since(1)(f)].assign(**{UNIQUE_ID: "new"})],
            ignore_index=True,
        ),
    ),
    Case(
        "new series",
        "a series began five hours ago",
        note("new"),
        without(all_of(of(SMALL), lambda f: ~since(5)(f))),
    ),
    Case(
        "young series",
        "a series began three days ago, longer than the shortest season",
        note("new"),
        without(all_of(of(SMALL), lambda f: ~since(72)(f))),
    ),
    Case(
        "ended series",
        "a series ended forty days ago",
        note("ended"),
        without(all_of(of(SMALL), last(960))),
    ),
    Case(
        "silent series",
        "a series has been silent for five days",
        quarantine("alive", of=(SMALL,)),
        without(all_of(of(SMALL), last(120))),
    ),
    Case(
        "renamed series",
        "a series has another name since five days",
        quarantine("alive", of=(SMALL,)),
        renamed_series(all_of(of(SMALL), since(120)), lambda name: f"{name}2"),
    ),
    Case(
        "blank added",
        "since twelve hours a name ends with a blank",
        warning("known_ahead"),
        renamed_series(all_of(of(SMALL), since(12)), lambda name: f"{name} "),
    ),
    Case(
        "half renamed",
        "half of the series have other names since three days",
        critical("few_aside", beside=("series_count",)),
        renamed_series(
            all_of(since(72), lambda f: f[UNIQUE_ID] < "JFK-MQ"), lambda name: name.lower()
        ),
    ),
    Case(
        "many silent",
        "five of twenty series have been silent for three days",
        critical("few_aside", beside=("series_count",)),
        without(all_of(of(*FIVE), last(72))),
    ),
    Case(
        "many fell silent",
        "five of twenty series have been silent for thirty hours",
        warning("volume", "series_count"),
        without(all_of(of(*FIVE), last(30))),
    ),
    Case(
        "many new",
        "five series of new names came yesterday",
        note("new"),
        lambda f: pd.concat(
            [
                f,
                f[of(*FIVE)(f) & since(30)(f)].assign(**{UNIQUE_ID: lambda g: g[UNIQUE_ID] + "-2"}),
            ],
            ignore_index=True,
        ),
    ),
    Case(
        "two series in one",
        "a series got the rows of another one too",
        quarantine("no_conflicts", of=(LARGE,), beside=("unique_keys",)),
        renamed_series(of(SMALL), lambda name: LARGE),
    ),
)

ALL = (*DUPLICATES, *LATENESS, *TIMES, *SERIES)
