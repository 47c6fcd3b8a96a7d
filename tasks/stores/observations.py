"""Reads observations into a panel in two passes over the files, never holding them all.

The first pass learns which series there are and where they begin, the second puts every row in its
place: no row is sorted, no text is looked at twice, and memory holds little more than the panel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from numpy.typing import NDArray

from data_contracts.errors import NightcastError, RefusedError, SpecError
from data_contracts.frequency import MICROSECONDS_PER_MINUTE, Grid
from data_contracts.observations import validate_observations
from data_contracts.spec import Spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import DS, UNIQUE_ID
from models.panel import Floats, Ints, Panel
from tasks.stores.columns import Codes, Labels, floats, utc_microseconds
from tasks.stores.profile import profile_batch, profile_series, sizes_of
from tasks.stores.recent import Spans
from tasks.stores.rows_aside import (
    count_by_series,
    describe,
    find_strays,
    nothing,
    rows_of,
    to_set_aside,
    without,
)
from tasks.stores.scatter import NEVER, Draft, Rows
from tasks.stores.source import Source, before, open_source
from tasks.stores.wall_clock import WallClock

Progress = Callable[[int, int], None]
MOST_STEPS_PER_ROW = 1_000
FEW_STEPS = 50_000_000  # a panel of this size is small, however few of its steps have a row


@dataclass(frozen=True, eq=False)
class Extraction:
    """What was read.

    Attributes:
        panel: The observed series, from their first observation to the cutoff and its horizon.
        profile: One row per series, see `profile_series`.
        batch: Exactly one row, see `profile_batch`.
        examples: Where the first of `duplicates`, `off_grid` and `infinite` is, if there is one.
        aside: Rows that are set aside: `unique_id`, `ds`, `expectation`, `value` and `bound`. The
            panel is without them, unless they are so many that the night stops.
        files: Digest of the files that were read, see `digest_of_files`.
        verdict: That of the contract, where it is known already.
    """

    panel: Panel
    profile: pd.DataFrame
    batch: pd.DataFrame
    examples: dict[str, str]
    aside: pd.DataFrame
    files: str = ""
    verdict: Verdict | None = None

    def judged(self, spec: Spec) -> Verdict:
        """The verdict of the contract of the observations."""
        if self.verdict is not None:
            return self.verdict
        return validate_observations(self.profile, self.batch, self.examples, spec, self.cutoff)

    @property
    def cutoff(self) -> pd.Timestamp:
        """The last step that may be seen, UTC."""
        return self.panel.grid.timestamp(self.panel.cutoff_slot)


def read_observations(
    spec: Spec, as_of: pd.Timestamp, *, progress: Progress | None = None
) -> Extraction:
    """Read what was known at one instant.

    No value after the cutoff is kept but the covariates that are known ahead. With
    `source.available_at`, rows that became known after `as_of` do not exist, and of several rows
    for one step the one known last holds, its nulls included; covariates known ahead are those that
    a forecast would have seen, see `Vintages`. Without it the last row in the order of files holds,
    and the others are counted as duplicates. Rows between two steps of the grid
    are counted and left out, infinite targets are counted and become NaN, and so do infinite
    covariates.

    Args:
        spec: Names the files, columns and calendar.
        as_of: The instant, with a zone.
        progress: Told the rows done and the rows to do, both passes together.

    Raises:
        SpecError: If there are no such files, or nothing was known at `as_of`.
        RefusedError: If the rows cannot be read as observations.
    """
    reading = _Reading(open_source(spec), as_of, progress)
    census = _take_census(reading)
    draft, off_grid = _scatter(reading, census)
    return _finish(reading, census, draft, off_grid)


class _Reading:
    """What both passes share: the files, what may be seen of them, and the names met so far."""

    def __init__(self, source: Source, as_of: pd.Timestamp, progress: Progress | None) -> None:
        self.source, self.spec, self.as_of = source, source.spec, as_of
        self.grid = self.spec.grid
        self.cutoff = self.grid.last_complete_slot(as_of)
        self.end = self.cutoff + self.spec.horizon
        self.labels = Labels()
        self.progress = progress or (lambda done, total: None)

    def rows(self, columns: tuple[str, ...], *, number: int) -> Iterator[Rows]:
        """All rows that may be seen, batch by batch.

        Args:
            columns: Beside id and time.
            number: Of the pass, 0 or 1.
        """
        names = self.spec.source.columns
        wanted = list(dict.fromkeys((names.unique_id, names.ds, *columns)))
        clock = WallClock(self.spec)
        done, total = number * self.source.num_rows, 2 * self.source.num_rows
        for batch in self.source.batches(wanted, self._visible()):
            codes = self.labels.codes(batch.column(names.unique_id))
            self._refuse_nulls(batch, codes)
            instants, aside = clock.read(batch.column(names.ds), codes)
            slots, on_grid = self.grid.slots(instants)
            yield Rows(codes, instants, slots, on_grid & ~aside, batch)
            done += batch.num_rows
            self.progress(done, total)
        self.progress((number + 1) * self.source.num_rows, total)

    def where(self, code: int, instant: int) -> str:
        """One row in words: its series and its time."""
        return f"{self.labels.texts[code]} at {minute_of(pd.Timestamp(int(instant), unit='us'))}"

    def aside(
        self, codes: NDArray[Any], instants: Ints, expectation: str, values: Floats
    ) -> pd.DataFrame:
        """Rows that are set aside by one rule."""
        names = np.array(self.labels.texts, object)[codes]
        stamps = pd.DatetimeIndex(instants.astype("M8[us]"), tz="UTC")
        return rows_of(names, stamps, expectation, values)

    def _visible(self) -> pads.Expression:
        """Prunes rows that are too late; what it lets through is compared again, exactly."""
        names, zone = self.spec.source, self.grid.timezone
        last = self.end if self.spec.covariates.known else self.cutoff
        bound = self.grid.timestamps(np.array([last + 1]))[0] + pd.Timedelta(days=1)
        kind = self.source.type_of(names.columns.ds)
        visible = before(names.columns.ds, kind, bound, zone)
        if names.available_at is not None:
            kind = self.source.type_of(names.available_at)
            visible &= before(names.available_at, kind, self.as_of.tz_convert("UTC"), zone)
        return visible

    def _refuse_nulls(self, batch: pa.RecordBatch, codes: Codes) -> None:
        names = self.spec.source
        required = {names.columns.ds: "columns.ds", names.available_at: "available_at"}
        holes = [column for column in batch.schema.names if batch.column(column).null_count]
        if (codes < 0).any():
            required[names.columns.unique_id] = "columns.unique_id"
            holes.append(names.columns.unique_id)
        for column in holes:
            if column in required:
                raise RefusedError(
                    f"source.{required[column]}: expected a value of {column!r} in every row, got "
                    "null; fill it in or remove the rows where the file is written."
                )


@dataclass(eq=False)
class _Census:
    """What the first pass learns, by code: rows up to the cutoff, off the grid, first slot."""

    num_rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    off_grid: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    first: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    example: tuple[int, int] | None = None  # code and instant of the first row off the grid

    def add(self, rows: Rows, size: int, cutoff: int) -> None:
        """Count one batch; `size` codes are known by now."""
        self.num_rows = _grown(self.num_rows, size, 0)
        self.off_grid = _grown(self.off_grid, size, 0)
        self.first = _grown(self.first, size, NEVER)
        seen = rows.slots <= cutoff
        valid = seen & rows.on_grid
        self.num_rows += np.bincount(rows.codes[seen], minlength=size)
        self.off_grid += np.bincount(rows.codes[seen & ~rows.on_grid], minlength=size)
        np.minimum.at(self.first, rows.codes[valid], rows.slots[valid])


def _take_census(reading: _Reading) -> _Census:
    census = _Census()
    for rows in reading.rows((), number=0):
        census.add(rows, len(reading.labels), reading.cutoff)
        stray = ~rows.on_grid & (rows.slots <= reading.cutoff)
        if census.example is None and stray.any():
            row = int(stray.argmax())
            census.example = (int(rows.codes[row]), int(rows.instants[row]))
    _refuse_unreadable(reading, census)
    return census


def _refuse_unreadable(reading: _Reading, census: _Census) -> None:
    """Refuse rows of which no panel can be made."""
    num_rows, off_grid = int(census.num_rows.sum()), int(census.off_grid.sum())
    calendar = reading.spec.calendar
    nameless = [text for text in reading.labels.texts if not text.strip()]
    if nameless:
        raise RefusedError(
            "source.columns.unique_id: expected a name of the series in every row, got the text "
            f"{nameless[0]!r}; fill it in or remove the rows where the file is written."
        )
    if num_rows == 0:
        raise _too_early(reading)
    if census.example is not None and num_rows == off_grid:
        raise RefusedError(
            f"calendar.frequency: expected times on the grid of {calendar.frequency} in "
            f"{reading.grid.timezone}, got {num_rows} rows that are all off it, the first "
            f"{reading.where(*census.example)}; {_what_fits(reading, census.example[1])}."
        )
    steps = int((reading.end + 1 - census.first[census.first != NEVER]).sum())
    if steps > max(FEW_STEPS, MOST_STEPS_PER_ROW * num_rows):
        raise RefusedError(
            f"calendar.frequency: expected about as many steps as rows, got {steps} steps of "
            f"{calendar.frequency} for {num_rows} rows; check calendar.frequency, and the times "
            "for stray ones long ago."
        )


def _what_fits(reading: _Reading, instant: int) -> str:
    """What to do about times off the grid, judged by one of them."""
    grid, kind = reading.grid, reading.source.type_of(reading.spec.source.columns.ds)
    for zone in ("UTC", getattr(kind, "tz", None) or "UTC") if grid.step is None else ():
        if Grid(grid.frequency, zone).slots(np.array(instant))[1]:
            return (
                f"these times are midnights of {zone}: set calendar.timezone to {zone}, "
                "or write dates"
            )
    offsets = _remainders(reading, grid.step) if grid.step is not None else set()
    if len(offsets) == 1 and (offset := offsets.pop()) % MICROSECONDS_PER_MINUTE == 0:
        minutes = offset // MICROSECONDS_PER_MINUTE
        return (
            f"all times are {minutes} minutes after a step of UTC: set calendar.offset to {minutes}"
        )
    return "check calendar.frequency and calendar.timezone"


def _remainders(reading: _Reading, step: int) -> set[int]:
    """How long after a step of UTC the rows are, in microseconds; reads the times once more."""
    return {
        remainder
        for rows in reading.rows((), number=0)
        for remainder in np.unique(rows.instants % step).tolist()
    }


def _too_early(reading: _Reading) -> SpecError:
    names = reading.spec.source
    first, last = _extent(reading, names.columns.ds)
    known = (
        last if names.available_at is None else max(last, _extent(reading, names.available_at)[1])
    )
    slots, _ = reading.grid.slots(np.array([first, last, known]))
    begin, end, after = reading.grid.timestamps(slots + np.array([0, 0, 1]))
    return SpecError(
        f"as_of: nothing was known at {_minute(reading.as_of)}, because the observations run from "
        f"{_minute(begin)} to {_minute(end)}; try {_minute(after)}."
    )


def _extent(reading: _Reading, column: str) -> tuple[int, int]:
    """First and last instant of a time column, over all rows with a target if there are any."""
    y = reading.spec.source.columns.y
    for where in (pc.field(y).is_valid(), pc.field(column).is_valid()):
        first, last = NEVER, -NEVER
        for batch in reading.source.batches([column], where):
            instants = utc_microseconds(batch.column(0), reading.grid.timezone)
            first, last = min(first, int(instants.min())), max(last, int(instants.max()))
        if first <= last:
            break
    return first, last


def minute_of(stamp: pd.Timestamp) -> str:
    """A time in words, to the minute if it is one."""
    text = (
        f"{stamp:%Y-%m-%d %H:%M}" if stamp == stamp.floor("min") else f"{stamp.tz_localize(None)}"
    )
    return f"{text} UTC"


def _minute(stamp: pd.Timestamp) -> str:
    return f"{stamp.tz_convert('UTC'):%Y-%m-%dT%H:%MZ}"


def _scatter(reading: _Reading, census: _Census) -> tuple[Draft, pd.DataFrame]:
    """Put every row in its place; those that have none, because they are off the grid, come too."""
    draft = Draft(reading.spec, reading.cutoff, reading.labels.texts, census.first)
    covariates, names = reading.spec.covariates, reading.spec.source
    beside = (*covariates.past, *covariates.known, *covariates.static)
    times = () if names.available_at is None else (names.available_at,)
    strays = [nothing()]
    for rows in reading.rows((names.columns.y, *times, *beside), number=1):
        if len(reading.labels) > len(census.first):
            raise NightcastError(
                f"{names.uri}: expected files that hold still, but they changed while they were "
                "read; run again when they are written."
            )
        draft.put(rows)
        stray = ~rows.on_grid & (rows.slots <= reading.cutoff)
        if stray.any():
            y = floats(rows.batch.column(names.columns.y))[stray]
            strays.append(reading.aside(rows.codes[stray], rows.instants[stray], "on_grid", y))
    return draft, pd.concat(strays, ignore_index=True)


def _finish(reading: _Reading, census: _Census, draft: Draft, off_grid: pd.DataFrame) -> Extraction:
    spec = reading.spec
    codes, slots, values = draft.erase_infinite()
    infinite = reading.aside(codes, reading.grid.instants(slots), "finite_values", values)
    panel = draft.panel()
    spans = Spans(spec.recent, spec.month, spec.season_length)
    sizes = sizes_of(panel, spans, doubtful=spec.contracts.max_level_ratio)
    strays = find_strays(panel, spec.contracts)
    unwanted = to_set_aside(strays, spec.contracts)
    counts = pd.DataFrame(
        {
            "rows": census.num_rows,
            "nulls": draft.nulls,
            "duplicates": draft.repeats(census.num_rows - census.off_grid),
            "conflicts": draft.conflicts,
            "off_grid": census.off_grid,
            "infinite": np.bincount(codes, minlength=len(census.num_rows)),
            "static_changes": draft.static_changes,
        },
        index=pd.Index(reading.labels.texts, dtype="str", name=UNIQUE_ID),
    )
    counts = counts[counts["rows"] > 0].join(count_by_series(panel, strays))
    counts = counts.fillna(0).astype(np.int64)
    counts["conflict_ds"] = _first_conflicts(reading, draft)
    counts = counts.sort_index().reset_index()
    aside = [off_grid, infinite, describe(panel, unwanted)]
    if sum(map(len, aside)) / counts["rows"].sum() <= spec.contracts.max_bad_rows:
        panel = without(panel, unwanted)  # else nobody learns from it, and they can be looked at
        _refuse_nothing(panel, spec)
    profile = profile_series(panel, counts, spans, context_length=spec.context_length, sizes=sizes)
    batch = profile_batch(profile, panel, spans, max_age=spec.max_age)
    examples = {
        kind: f"{rows[UNIQUE_ID].iloc[0]} at {minute_of(rows[DS].iloc[0])}"
        for kind, rows in (("off_grid", off_grid), ("infinite", infinite))
        if len(rows)
    }
    examples |= _example_of_repeats(reading, counts)
    rows_aside = pd.concat(aside, ignore_index=True)
    return Extraction(panel, profile, batch, examples, rows_aside, reading.source.files)


def _refuse_nothing(panel: Panel, spec: Spec) -> None:
    """Refuse observations of which nothing is left."""
    if panel.num_series == 0:
        raise RefusedError(
            f"source.columns.y: expected values in column {spec.source.columns.y!r} that keep "
            "contracts.min_value, max_value and numbers, got none in any row; check these keys and "
            "the unit of the column."
        )


def _first_conflicts(reading: _Reading, draft: Draft) -> "pd.Series[pd.Timestamp]":
    """By name of the series, the first step that has rows with different values; NaT without."""
    codes = np.flatnonzero(draft.conflicts)
    stamps = reading.grid.timestamps(draft.first_conflict[codes])
    return pd.Series(stamps, index=pd.Index([draft.texts[code] for code in codes], dtype="str"))


def _example_of_repeats(reading: _Reading, counts: pd.DataFrame) -> dict[str, str]:
    """Where the first series that repeats a step does so; rather one without conflicts."""
    repeating = counts[counts["duplicates"] > 0]
    agreeing = repeating[repeating["conflicts"] == 0]
    names = (agreeing if len(agreeing) else repeating)[UNIQUE_ID]
    if names.empty:
        return {}
    code = reading.labels.texts.index(names.iloc[0])
    return {"duplicates": reading.where(code, _first_repeat(reading, code))}


def _first_repeat(reading: _Reading, code: int) -> int:
    """Earliest instant for which a series has two rows; reads the times once more."""
    found = [rows.slots[(rows.codes == code) & rows.on_grid] for rows in reading.rows((), number=1)]
    slots, counts = np.unique(np.concatenate(found), return_counts=True)
    return int(reading.grid.instants(slots[counts > 1][0]))


def _grown(values: Ints, size: int, fill: int) -> Ints:
    missing = size - len(values)
    return np.concatenate([values, np.full(missing, fill, np.int64)]) if missing else values
