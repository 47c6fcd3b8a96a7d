"""Ways to spoil the target: missing, impossible, frozen, in another unit, of another type."""

import numpy as np
import pyarrow as pa

from benchmarks.hostile.material import (
    BUSY,
    LARGE,
    PASSED,
    SMALL,
    Case,
    Files,
    Frame,
    Spoil,
    all_of,
    by_month,
    cast,
    critical,
    everything,
    last,
    of,
    put,
    quarantine,
    refused,
    rows,
    share,
    some,
    then,
    warning,
    without,
)
from data_contracts.vocabulary import Y

DAY, WEEK = 24, 168
FEW = some(of(LARGE))
NO_NEGATIVES = {"contracts": {"min_value": 0}}
WHOLE = {"contracts": {"numbers": "whole"}}


def _times(factor: float) -> Spoil:
    return put(all_of(of(LARGE), last(DAY)), lambda y: factor * y)


def _all_times(factor: float) -> Spoil:
    return put(last(DAY), lambda y: factor * y)


def _true_nans(frame: Frame) -> Files:
    """Values that are not a number, where others would be null."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    values = frame[Y].mask(FEW(frame), np.nan).to_numpy()
    column = pa.array(np.asarray(values, np.float64), from_pandas=False)
    return {"rows": table.set_column(table.schema.get_field_index(Y), Y, column)}


def _untyped(frame: Frame) -> Files:
    table = pa.Table.from_pandas(frame.drop(columns=Y), preserve_index=False)
    return {"rows": table.append_column(Y, pa.nulls(len(frame)))}


def _texts(frame: Frame) -> Frame:
    return frame.assign(**{Y: frame[Y].map("{:g}".format, na_action="ignore")})


def _lists(frame: Frame) -> Files:
    values = pa.array([[value] for value in frame[Y]], pa.list_(pa.float64()))
    table = pa.Table.from_pandas(frame.drop(columns=Y), preserve_index=False)
    return {"rows": table.append_column(Y, values)}


def _one_month_of_texts(frame: Frame) -> Files:
    files = by_month(frame)
    name = sorted(files)[1]
    return {**files, name: _texts(frame[frame["ds"].dt.strftime("%Y-%m") == name[6:13]])}


def _one_month_of_integers(frame: Frame) -> Files:
    files = by_month(frame)
    name = sorted(files)[1]
    month = frame[frame["ds"].dt.strftime("%Y-%m") == name[6:13]]
    return {**files, name: month.assign(**{Y: month[Y].astype("int32")})}


MISSING = (
    Case(
        "null series",
        "every value of one series is null",
        quarantine("observed", of=(SMALL,)),
        put(of(SMALL), np.nan),
    ),
    Case("some nulls", "five values of a series are null", PASSED, put(FEW, np.nan)),
    Case("some NaN", "five values of a series are NaN and not null", PASSED, _true_nans),
    Case(
        "a tenth null",
        "one value in ten of a series is null",
        warning("dense"),
        put(share(of(LARGE), 0.1), np.nan),
    ),
    Case(
        "most null",
        "two values in three of a series are null",
        quarantine("few_missing", of=(LARGE,)),
        put(share(of(LARGE), 0.67), np.nan),
    ),
    Case(
        "long gap",
        "ten days of a series are missing, a month ago",
        quarantine("short_gaps", of=(LARGE,)),
        without(all_of(of(LARGE), last(960), lambda frame: ~last(720)(frame))),
    ),
    Case("all null", "no row has a value", refused("source.columns.y"), put(everything, np.nan)),
    Case("y of type null", "the column has no type", refused("source.columns.y"), _untyped),
)

IMPOSSIBLE = (
    Case(
        "infinite value",
        "five values are infinite",
        rows("finite_values", of=(LARGE,)),
        put(FEW, np.inf),
    ),
    Case(
        "minus infinity",
        "five values are minus infinity",
        rows("finite_values", of=(LARGE,)),
        put(FEW, -np.inf),
    ),
    Case(
        "beyond single precision",
        "five values of 1e300 become infinite in single precision",
        rows("finite_values", of=(LARGE,)),
        put(FEW, 1e300),
    ),
    Case(
        "sentinel -999",
        "-999 stands for unknown in five rows",
        rows("no_spikes", of=(LARGE,)),
        put(FEW, -999),
    ),
    Case(
        "sentinel 99999",
        "99999 stands for unknown in five rows of two series",
        rows("no_spikes", of=(LARGE, BUSY)),
        put(some(of(LARGE, BUSY), 6), 99_999),
    ),
    Case(
        "sentinel often",
        "-999 stands for unknown in one row of twenty",
        rows("no_spikes", of=(LARGE,)),
        put(share(of(LARGE), 0.05), -999),
    ),
    Case(
        "sentinel for days",
        "a series has been -999 for a day and a half",
        quarantine("same_level", of=(LARGE,)),
        put(all_of(of(LARGE), last(36)), -999),
    ),
    Case("spike", "one value is 1e9", rows("no_spikes", of=(BUSY,)), put(some(of(BUSY), 1), 1e9)),
    Case(
        "huge integer",
        "one value is 2**60, stored as an integer",
        rows("no_spikes", of=(BUSY,)),
        then(
            put(some(of(BUSY), 1), 2.0**60),
            lambda frame: frame.dropna(subset=Y),
            cast(Y, pa.int64()),
        ),
    ),
    Case(
        "spikes everywhere",
        "one row in ten is 1e9",
        critical("few_bad_rows", beside=("one_unit", "few_aside")),
        put(share(everything, 0.1), 1e9),
    ),
    Case(
        "negative counts",
        "five values are -3, and the spec says that none is below 0",
        rows("in_bounds", of=(LARGE,)),
        put(FEW, -3),
        spec=NO_NEGATIVES,
    ),
    Case(
        "above the maximum",
        "five values are 41, and the spec says that none is above 40",
        rows("in_bounds", of=(LARGE,)),
        put(FEW, 41),
        spec={"contracts": {"max_value": 40}},
    ),
    Case(
        "half an aircraft",
        "five values are 2.5, and the spec says that they are whole numbers",
        rows("whole_numbers", of=(LARGE,)),
        put(FEW, 2.5),
        spec=WHOLE,
    ),
    Case(
        "overflow of int8",
        "a series times 20 was stored in eight bits, so that it wraps around below 0",
        rows("in_bounds", of=(LARGE,)),
        put(
            of(LARGE),
            lambda y: (20 * y.fillna(0)).astype("int64").astype("int8").astype("float64"),
        ),
        spec=NO_NEGATIVES,
    ),
    Case(
        "large offset",
        "a series has 1e9 added, of which single precision keeps no change",
        quarantine("resolved", of=(LARGE,)),
        put(of(LARGE), lambda y: y + 1e9),
    ),
    Case(
        "large offset everywhere",
        "every series has 1e9 added",
        critical("few_aside"),
        put(everything, lambda y: y + 1e9),
    ),
    Case("tiny value", "five zeros are 1e-40", PASSED, put(FEW, 1e-40)),
)

FROZEN = (
    Case(
        "frozen",
        "a series has been 7 for three days",
        warning("frozen"),
        put(all_of(of(LARGE), last(3 * DAY)), 7),
    ),
    Case(
        "zero for ten days",
        "a series has been 0 for ten days",
        warning("moving", beside=("shifted", "frozen")),
        put(all_of(of(LARGE), last(10 * DAY)), 0),
    ),
    Case("always zero", "a series is 0 all along", warning("varying"), put(of(SMALL), 0)),
    Case("always five", "a series is 5 all along", warning("varying"), put(of(SMALL), 5)),
)

UNITS = (
    Case(
        "thousandfold",
        "a series comes in thousandths since a day",
        quarantine("same_level", of=(LARGE,)),
        _times(1000),
    ),
    Case(
        "thousandth",
        "a series comes in thousands since a day",
        quarantine("same_level", of=(LARGE,)),
        _times(0.001),
    ),
    Case(
        "minutes for hours",
        "a series is sixty times its size since a day",
        quarantine("same_level", of=(LARGE,)),
        _times(60),
    ),
    Case(
        "thousandfold for ten days",
        "a series comes in thousandths since ten days",
        quarantine("same_level", of=(LARGE,)),
        put(all_of(of(LARGE), last(10 * DAY)), lambda y: 1000 * y),
    ),
    Case(
        "all thousandfold",
        "every series comes in thousandths since a day",
        critical("one_unit", beside=("few_aside", "few_bad_rows")),
        _all_times(1000),
    ),
    Case(
        "all a thousandth",
        "every series comes in thousands since a day",
        critical("one_unit", beside=("few_aside",)),
        _all_times(0.001),
    ),
    Case(
        "all in minutes",
        "every series is sixty times its size since a day",
        critical("one_unit", beside=("few_aside", "few_bad_rows")),
        _all_times(60),
    ),
    Case(
        "Fahrenheit to Celsius",
        "a series of a week went through (y - 32) / 1.8",
        warning("shifted", "turned_fractional"),
        put(all_of(of(LARGE), last(WEEK)), lambda y: (y - 32) / 1.8),
    ),
    Case(
        "all to Celsius",
        "every series of a week went through (y - 32) / 1.8",
        critical("few_aside"),
        put(last(WEEK), lambda y: (y - 32) / 1.8),
    ),
    Case(
        "sign flipped",
        "a series has the other sign since a week",
        warning("shifted"),
        put(all_of(of(LARGE), last(WEEK)), lambda y: -y),
    ),
    Case(
        "all signs flipped",
        "every series has the other sign since a month, and the spec says that none is below 0",
        critical("few_bad_rows", beside=("few_aside",)),
        put(last(30 * DAY), lambda y: -y),
        spec=NO_NEGATIVES,
    ),
    Case(
        "level shift",
        "a series has 15 added since a week",
        warning("shifted"),
        put(all_of(of(LARGE), last(WEEK)), lambda y: y + 15),
    ),
    Case(
        "turned fractional",
        "a series of whole numbers has 0.5 added since a day",
        warning("turned_fractional"),
        put(all_of(of(LARGE), last(DAY)), lambda y: y + 0.5),
    ),
    Case(
        "all of it in another unit",
        "a series is a thousand times its size all along, which is a unit and no change",
        PASSED,
        put(of(LARGE), lambda y: 1000 * y),
    ),
)

TYPES = (
    Case("y as text", "numbers are stored as text", refused("source.columns.y", "text"), _texts),
    Case(
        "text in y",
        "one value is the text n/a, so all are texts",
        refused("source.columns.y", "text"),
        lambda frame: _texts(frame).assign(
            **{Y: lambda f: f[Y].mask(some(of(LARGE), 1)(f), "n/a")}
        ),
    ),
    Case("y as lists", "every value is a list of one", refused("source.columns.y"), _lists),
    Case(
        "one month of text",
        "numbers are text in one of four files",
        refused("source.columns.y", "one type"),
        _one_month_of_texts,
    ),
    Case(
        "one month of integers",
        "numbers are integers in one of four files",
        PASSED,
        _one_month_of_integers,
        same_panel=True,
    ),
    *(
        Case(
            f"y as {kind}",
            f"numbers are stored as {kind}",
            PASSED,
            cast(Y, kind),
            same_panel=True,
        )
        for kind in (
            pa.float64(),
            pa.float16(),
            pa.decimal128(12, 3),
            pa.dictionary(pa.int32(), pa.float64()),
            pa.int8(),
            pa.uint64(),
        )
    ),
    Case(
        "y as bool",
        "a value says only whether anything left",
        PASSED,
        lambda frame: frame.assign(**{Y: (frame[Y] > 0)}),
    ),
)

ALL = (*MISSING, *IMPOSSIBLE, *FROZEN, *UNITS, *TYPES)
