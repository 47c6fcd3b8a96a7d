"""Time grids: every step of a series has a slot, an integer that counts steps.

Steps shorter than a day count in UTC, so that a local day has 23, 24 or 25 of them. Days and longer
steps follow the local calendar: a daily stamp is the local midnight, whatever UTC hour that is.
`ds` labels the start of its period, except for the month-, quarter- and year-end frequencies.
"""

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.errors import SpecError

Ints = NDArray[np.int64]
MICROSECONDS_PER_DAY = 86_400_000_000
MICROSECONDS_PER_MINUTE = 60_000_000
CALENDAR_SPAN = ("1900-01-01", "2150-01-01")  # calendar steps are looked up in a table


@dataclass(frozen=True)
class Habits:
    """What is usual for a frequency: seasons to learn, and how much context shows them."""

    season_lengths: tuple[int, ...]
    context_length: int


@dataclass(frozen=True)
class Grid:
    """The steps of one frequency in one time zone.

    Args:
        frequency: A pandas offset alias such as `h`, `15min`, `D`, `B`, `W-MON`, `MS`, `QS`, `YS`.
        timezone: An IANA name; days and longer steps begin at its midnight.
        offset: Microseconds that shorter steps begin after those of UTC, as full hours do where
            clocks differ from UTC by half an hour; less than a step.

    Raises:
        SpecError: If the alias or the zone is unknown, or the offset is not less than a step.

    >>> grid = Grid("h")
    >>> slots, on_grid = grid.slots(np.array([7_200_000_000, 7_200_000_001]))
    >>> slots.tolist(), on_grid.tolist()
    ([2, 2], [True, False])
    """

    frequency: str
    timezone: str = "UTC"
    offset: int = 0

    def __post_init__(self) -> None:
        try:
            offset = pd.tseries.frequencies.to_offset(self.frequency)
        except (ValueError, OverflowError):
            offset = None
        if offset is None or offset.n < 1:
            raise SpecError(
                "calendar.frequency: expected a pandas offset alias such as h, 15min, D, B, W-MON "
                f"or MS, got {self.frequency!r}."
            )
        if isinstance(offset, pd.offsets.Tick) and pd.Timedelta(offset).value % 1000:
            raise SpecError(
                f"calendar.frequency: expected steps of whole microseconds, got {self.frequency!r}."
            )
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError, IndexError):  # whatever its file system says
            raise SpecError(
                "calendar.timezone: expected an IANA name such as Europe/Berlin, "
                f"got {self.timezone!r}."
            ) from None
        if self.offset and not 0 <= self.offset < (self.step or 0):
            raise SpecError(
                "calendar.offset: expected an offset of less than a step, and none for days and "
                f"longer steps, got {self.offset / MICROSECONDS_PER_MINUTE:g} minutes for steps of "
                f"{self.frequency}."
            )

    @property
    def step(self) -> int | None:
        """Microseconds per step where steps are shorter than a day, else None."""
        return _fixed_step(self.frequency)

    def steps_in(self, *, days: int) -> int:
        """About how many steps so many days have.

        >>> [Grid(name).steps_in(days=28) for name in ("h", "D", "B", "MS")]
        [672, 28, 20, 1]
        """
        if self.step is not None:
            return days * MICROSECONDS_PER_DAY // self.step
        starts = _calendar_starts(self.frequency, self.timezone)
        per_step = float(starts[-1] - starts[0]) / (len(starts) - 1)
        return round(days * MICROSECONDS_PER_DAY / per_step)

    @property
    def habits(self) -> Habits:
        """Seasons and context that are usual for this frequency."""
        return _habits(self.frequency)

    def slots(self, instants: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Slot of the step that each instant falls into, and whether it begins that step.

        Args:
            instants: UTC microseconds since 1970, any shape.
        """
        if self.step is not None:
            since = instants - self.offset if self.offset else instants
            slots = since // self.step
            return slots, slots * self.step == since
        starts = _calendar_starts(self.frequency, self.timezone)
        slots = np.searchsorted(starts, instants, side="right") - 1
        return slots, starts[np.clip(slots, 0, None)] == instants

    def instants(self, slots: Ints) -> Ints:
        """UTC microseconds since 1970 at which each slot begins; the inverse of `slots`.

        Raises:
            SpecError: If a slot lies outside the calendar.
        """
        if self.step is not None:
            return np.asarray(slots, np.int64) * self.step + self.offset
        starts = _calendar_starts(self.frequency, self.timezone)
        if np.min(slots, initial=0) < 0 or np.max(slots, initial=0) >= len(starts):
            raise SpecError(
                f"calendar: expected steps between {CALENDAR_SPAN[0]} and {CALENDAR_SPAN[1]}, "
                f"got one {'before' if np.min(slots) < 0 else 'after'} that; check as_of and "
                "horizon."
            )
        return starts[slots]

    def timestamps(self, slots: Ints) -> pd.DatetimeIndex:
        """The same as UTC timestamps of resolution `us`."""
        return pd.DatetimeIndex(self.instants(slots).astype("M8[us]"), tz="UTC")

    def timestamp(self, slot: int) -> pd.Timestamp:
        """One of them."""
        return self.timestamps(np.array([slot]))[0]

    def slot(self, instant: pd.Timestamp) -> int:
        """Slot of the step that one instant falls into."""
        return int(self.slots(np.asarray(_microseconds(instant)))[0])

    def last_complete_slot(self, as_of: pd.Timestamp) -> int:
        """Slot of the last step that is over at `as_of`.

        A step is over when the next one begins. Stamps of period ends and of business days are
        over when their local day is: what Friday brought is complete before Monday.

        Raises:
            SpecError: If `as_of` has no zone.

        >>> grid = Grid("h")
        >>> str(grid.timestamp(grid.last_complete_slot(pd.Timestamp("2024-01-01T05:30Z"))))
        '2024-01-01 04:00:00+00:00'
        """
        if as_of.tz is None:
            raise SpecError(
                f"as_of: expected a time with a zone such as {as_of:%Y-%m-%dT%H:%MZ}, got {as_of}."
            )
        if _is_over_with_its_day(self.frequency):
            today = as_of.tz_convert(self.timezone).tz_localize(None).normalize()
            yesterday = (today - pd.Timedelta(days=1)).tz_localize(
                self.timezone, nonexistent="shift_forward", ambiguous=True
            )
            slots, _ = self.slots(np.asarray(_microseconds(yesterday)))
            return int(slots)
        slots, _ = self.slots(np.asarray(_microseconds(as_of)))
        return int(slots) - 1


def _microseconds(instant: pd.Timestamp) -> int:
    return instant.tz_convert("UTC").value // 1000  # `value` is in nanoseconds


def _is_over_with_its_day(frequency: str) -> bool:
    name = pd.tseries.frequencies.to_offset(frequency).rule_code.split("-")[0]
    return name in {"B", "ME", "BME", "QE", "BQE", "YE", "BYE", "SME"}


@cache
def _fixed_step(frequency: str) -> int | None:
    offset = pd.tseries.frequencies.to_offset(frequency)
    if isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day):
        step = pd.Timedelta(offset).value // 1000  # `value` is in nanoseconds
        if step < MICROSECONDS_PER_DAY:
            return step
    return None


@cache
def _calendar_starts(frequency: str, timezone: str) -> Ints:
    """UTC microseconds at which each step of a calendar frequency begins, ascending."""
    local = pd.date_range(*CALENDAR_SPAN, freq=frequency, unit="us")
    # A midnight that a clock change skips begins the day at the next valid instant.
    utc = local.tz_localize(
        timezone, nonexistent="shift_forward", ambiguous=np.ones(len(local), bool)
    )
    starts: Ints = utc.tz_convert("UTC").as_unit("us").asi8
    starts.setflags(write=False)
    return starts


@cache
def _habits(frequency: str) -> Habits:
    step = _fixed_step(frequency)
    if step is not None:
        per_day = max(1, MICROSECONDS_PER_DAY // step)
        return Habits(season_lengths=(per_day, 7 * per_day), context_length=14 * per_day)
    kind = pd.tseries.frequencies.to_offset(frequency).rule_code.split("-")[0]
    usual = {"D": Habits((7,), 56), "B": Habits((5,), 50), "W": Habits((52,), 104)}
    if kind in usual:
        return usual[kind]
    if kind.startswith(("M", "BM")):
        return Habits((12,), 36)
    return Habits((4,), 16) if "Q" in kind else Habits((1,), 8)
