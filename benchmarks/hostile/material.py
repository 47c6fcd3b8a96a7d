"""What is spoilt and how: a cut of the sample, tools that spoil it, and the form of a case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from data_contracts.spec import Spec, parse_spec
from data_contracts.vocabulary import DS, UNIQUE_ID, Y

SAMPLE = Path(__file__).parents[2] / "data_contracts/samples/nyc_departures"
LARGE, BUSY, THIRD, FOURTH, SMALL = "EWR-UA", "JFK-B6", "LGA-DL", "JFK-DL", "LGA-UA"
HOUR = pd.Timedelta(hours=1)
MONTH_AFTER = pd.Timedelta(days=3)  # rows after as_of that the files hold, as those of a year do

Frame = pd.DataFrame
Content = Frame | bytes | Any  # the last is an Arrow table, which is untyped
Files = dict[str, Content]
Mask = Callable[[Frame], "pd.Series[bool]"]
Spoil = Callable[[Frame], Frame | Files]
Damage = Callable[[Path], None]


@dataclass(frozen=True)
class Cut:
    """A part of the sample, and the night that stands on it."""

    begin: str
    as_of: pd.Timestamp

    @property
    def cutoff(self) -> pd.Timestamp:
        """Start of the last complete hour."""
        return self.as_of - HOUR


AUTUMN = Cut("2013-07-01", pd.Timestamp("2013-10-16T04:00Z"))
CLOCKS_BACK = Cut("2013-08-20", pd.Timestamp("2013-11-06T05:00Z"))
CLOCKS_FORWARD = Cut("2013-01-01", pd.Timestamp("2013-03-13T04:00Z"))


@dataclass(frozen=True)
class Expected:
    """What has to come of a case.

    Attributes:
        verdict: `refused` while reading, else the gravest thing that is found: `critical`,
            `quarantine` (of series), `rows` (set aside), `warning`, `note` or `passed`.
        rules: All that have to speak so gravely; of `refused` words of its sentence.
        series: Exactly those that are set aside, or whose rows are.
        beside: Other rules that may speak as gravely, as consequences.
    """

    verdict: str
    rules: tuple[str, ...] = ()
    series: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One way to spoil the input.

    Attributes:
        name: Short and unique.
        words: What was done, in one line.
        expected: What has to come of it.
        spoil: Makes of the rows other rows, or the content of several files by name.
        damage: Afterwards does something to the folder of the files.
        spec: Keys of the spec in the place of the sample's, by section.
        cut: What is spoilt.
        same_panel: Whether the models must get what they get of clean data, byte for byte.
    """

    name: str
    words: str
    expected: Expected
    spoil: Spoil = field(default=lambda frame: frame)
    damage: Damage = field(default=lambda folder: None)
    spec: Mapping[str, Any] = field(default_factory=dict)
    cut: Cut = AUTUMN
    same_panel: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether somebody has to be told."""
        return self.expected.verdict != "passed"


def refused(*words: str) -> Expected:
    """The files cannot be read as observations, and the sentence has these words."""
    return Expected("refused", words)


def critical(*rules: str, beside: tuple[str, ...] = ()) -> Expected:
    """The night stops."""
    return Expected("critical", rules, beside=beside)


def quarantine(*rules: str, of: tuple[str, ...], beside: tuple[str, ...] = ()) -> Expected:
    """Series are set aside."""
    return Expected("quarantine", rules, frozenset(of), beside)


def rows(*rules: str, of: tuple[str, ...]) -> Expected:
    """Rows are set aside."""
    return Expected("rows", rules, frozenset(of))


def warning(*rules: str, beside: tuple[str, ...] = ()) -> Expected:
    """The night goes on, and a person is told."""
    return Expected("warning", rules, beside=beside)


def note(*rules: str) -> Expected:
    """The night goes on, and somebody may want to know."""
    return Expected("note", rules)


PASSED = Expected("passed")


@cache
def _sample() -> Frame:
    columns = pq.read_schema(next(SAMPLE.rglob("*.parquet"))).names
    return pd.read_parquet(SAMPLE / "observations", columns=columns)


@cache
def clean(cut: Cut) -> Frame:
    """Rows of the sample from the beginning of a cut to some days after its night."""
    sample = _sample()
    inside = sample[DS].between(pd.Timestamp(cut.begin, tz="UTC"), cut.as_of + MONTH_AFTER)
    return sample[inside].reset_index(drop=True)


def spec_of(case: Case, folder: Path, warehouse: str) -> dict[str, Any]:
    """The spec of a case as its YAML file has it.

    Args:
        case: What it differs in.
        folder: Of the observations.
        warehouse: Where a night would publish.
    """
    fields: dict[str, Any] = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = str(folder)
    fields |= {"warehouse": warehouse, "gate": {"origins": 5}}
    for key, value in case.spec.items():
        merged = isinstance(value, dict) and key in fields
        fields[key] = {**fields[key], **value} if merged else value
    return fields


def write(case: Case, place: Path) -> Spec:
    """Write the spoilt files and the spec of a case into an empty folder.

    Returns:
        The spec, which is also in `spec.yaml`; the rows are in `observations/`.
    """
    folder = place / "observations"
    folder.mkdir()
    spoilt = case.spoil(clean(case.cut).copy())
    for name, content in (spoilt if isinstance(spoilt, dict) else {"rows": spoilt}).items():
        _write_file(folder, name, content)
    case.damage(folder)
    fields = spec_of(case, folder, str(place / "warehouse"))
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))
    return parse_spec(fields)


def _write_file(folder: Path, name: str, content: Content) -> None:
    """Write one file; a name without a suffix is that of a Parquet file."""
    path = folder / (name if "." in name else f"{name}.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    if isinstance(content, Frame):
        content = pa.Table.from_pandas(content, preserve_index=False)
    pq.write_table(content, path, row_group_size=20_000)


def of(*names: str) -> Mask:
    """Rows of these series."""
    return lambda frame: frame[UNIQUE_ID].isin(names)


def last(hours: int, cut: Cut = AUTUMN) -> Mask:
    """Rows of the last hours up to the cutoff."""
    return all_of(since(hours, cut), lambda frame: frame[DS] <= cut.cutoff)


def since(hours: int, cut: Cut = AUTUMN) -> Mask:
    """Rows of the last hours up to the cutoff, and all after it."""
    return lambda frame: frame[DS] > cut.cutoff - hours * HOUR


def before(stamp: str) -> Mask:
    """Rows earlier than an instant."""
    return lambda frame: frame[DS] < pd.Timestamp(stamp, tz="UTC")


def all_of(*masks: Mask) -> Mask:
    """Rows that every mask has."""
    return lambda frame: pd.concat([mask(frame) for mask in masks], axis=1).all(axis=1)


def everything(frame: Frame) -> "pd.Series[bool]":
    """All rows."""
    return pd.Series(data=True, index=frame.index)


def some(mask: Mask, number: int = 5, cut: Cut = AUTUMN) -> Mask:
    """A few rows of a mask before the cutoff, evenly spread over them."""

    def chosen(frame: Frame) -> "pd.Series[bool]":
        places = np.flatnonzero(mask(frame) & (frame[DS] <= cut.cutoff))
        kept = places[np.linspace(0, len(places) - 1, number + 2).astype(int)[1:-1]]
        return pd.Series(np.isin(np.arange(len(frame)), kept), frame.index)

    return chosen


def share(mask: Mask, part: float, seed: int = 7) -> Mask:
    """A random part of the rows of a mask."""

    def chosen(frame: Frame) -> "pd.Series[bool]":
        drawn = np.random.default_rng(seed).random(len(frame)) < part
        return mask(frame) & pd.Series(drawn, frame.index)

    return chosen


def put(mask: Mask, value: object, column: str = Y) -> Spoil:
    """Write a value, or what a function makes of those that were there, into some rows."""

    def spoilt(frame: Frame) -> Frame:
        chosen = mask(frame)
        values = frame[column].astype("float64")
        changed = value(values) if callable(value) else value
        return frame.assign(**{column: values.mask(chosen, changed)})

    return spoilt


def without(mask: Mask) -> Spoil:
    """Leave rows out."""
    return lambda frame: frame[~mask(frame)]


def only(mask: Mask) -> Spoil:
    """Leave all other rows out."""
    return lambda frame: frame[mask(frame)]


def moved(mask: Mask, by: pd.Timedelta) -> Spoil:
    """Give rows another time."""
    return lambda frame: frame.assign(**{DS: frame[DS].mask(mask(frame), frame[DS] + by)})


def renamed_series(mask: Mask, name: Callable[[str], str]) -> Spoil:
    """Give rows another series."""

    def spoilt(frame: Frame) -> Frame:
        return frame.assign(
            **{UNIQUE_ID: frame[UNIQUE_ID].mask(mask(frame), frame[UNIQUE_ID].map(name))}
        )

    return spoilt


def repeated(mask: Mask, add: float = 0.0) -> Spoil:
    """Append rows once more, with another value where one is added."""
    return lambda frame: pd.concat(
        [frame, frame[mask(frame)].assign(**{Y: frame[Y] + add})], ignore_index=True
    )


def cast(column: str, kind: pa.DataType) -> Spoil:
    """Store a column as another type."""

    def spoilt(frame: Frame) -> Files:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        place = table.schema.get_field_index(column)
        return {"rows": table.set_column(place, column, _as(table[column], kind))}

    return spoilt


def _as(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(kind):
        return values.cast(kind.value_type, safe=False).dictionary_encode()
    if pa.types.is_decimal(kind) or pa.types.is_string(kind):
        values = values.cast(pa.float64() if pa.types.is_floating(values.type) else values.type)
    return values.cast(kind, safe=False)


def then(*spoils: Spoil) -> Spoil:
    """One after the other; only the last may make several files."""

    def spoilt(frame: Frame) -> Frame | Files:
        result: Frame | Files = frame
        for spoil in spoils:
            if isinstance(result, dict):
                raise TypeError("Only the last way to spoil may make several files.")
            result = spoil(result)
        return result

    return spoilt


def by_month(frame: Frame) -> Files:
    """A file per month, in folders as those of the sample."""
    months = frame[DS].dt.strftime("%Y-%m")
    return {f"month={month}/part-0": part for month, part in frame.groupby(months)}


def in_months(change: Callable[[Files], Files]) -> Spoil:
    """A file per month, of which some are changed."""
    return lambda frame: change(by_month(frame))
