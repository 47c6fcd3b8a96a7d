"""Which grid do these timestamps live on: the coarsest one that almost all of them begin."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.errors import RefusedError
from data_contracts.frequency import MICROSECONDS_PER_DAY, MICROSECONDS_PER_MINUTE, Grid, Ints

MICROSECONDS_PER_HOUR = MICROSECONDS_PER_DAY // 24
LEAST_SHARE = 0.98  # a few stray timestamps do not hide the grid
LEAST_SHARE_OF_EDGES = 0.9
DAYS_THAT_SHOW_WEEKENDS = 7
FEW_STEPS = 10
FIXED = (
    *("12h", "8h", "6h", "4h", "3h", "2h", "h"),
    *("30min", "20min", "15min", "12min", "10min", "6min", "5min", "4min", "3min", "2min", "min"),
    *("30s", "20s", "15s", "10s", "5s", "2s", "s"),
)
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
# Tried in this order where midnights were stored as UTC; one zone stands for its neighbours.
MIDNIGHT_ZONES = (
    *("Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Denver"),
    *("America/Los_Angeles", "Europe/Athens", "Europe/Istanbul", "Asia/Dubai", "Asia/Kolkata"),
    *("Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo", "Pacific/Auckland"),
)


@dataclass(frozen=True, eq=False)
class Stamps:
    """Timestamps of an excerpt, in UTC microseconds since 1970.

    Attributes:
        instants: One per row, in any order.
        edges: First and last of larger stretches than the excerpt, maybe none.
        usual_step: Median step of a series in microseconds, None where steps cannot be told.
    """

    instants: Ints
    edges: Ints
    usual_step: int | None

    @property
    def distinct(self) -> Ints:
        """Every timestamp once, ascending."""
        return np.unique(np.concatenate([self.instants, self.edges]))

    def live_on(self, grid: Grid) -> bool:
        """Whether almost all begin a step of the grid."""
        if grid.slots(self.instants)[1].mean() < LEAST_SHARE:
            return False
        return not self.edges.size or grid.slots(self.edges)[1].mean() >= LEAST_SHARE_OF_EDGES


def guess_grid(stamps: Stamps, timezone: str, *, zone_is_told: bool) -> Grid:
    """The coarsest grid on which almost all timestamps lie.

    Args:
        stamps: Timestamps; those without a zone as if they were UTC.
        timezone: Zone in which days begin.
        zone_is_told: Whether that zone is beyond doubt. UTC often only stores the midnights of
            another zone, which is then guessed.

    Raises:
        RefusedError: If there are fewer than two timestamps, days begin at no known midnight, or
            no step fits.

    >>> days = np.arange(30) * MICROSECONDS_PER_DAY
    >>> guess_grid(Stamps(days, days[:0], None), "UTC", zone_is_told=True).frequency
    'D'
    """
    distinct = stamps.distinct
    if len(distinct) < 2:
        raise RefusedError(
            f"Expected series over several time steps, got {len(distinct)} distinct time; "
            "there is no frequency to propose."
        )
    step = stamps.usual_step or int(np.diff(distinct).min())
    is_daily = step >= MICROSECONDS_PER_DAY - MICROSECONDS_PER_HOUR
    zones = (timezone, *(MIDNIGHT_ZONES if is_daily and not zone_is_told else ()))
    for zone in zones:
        if stamps.live_on(Grid("D", zone)):
            return next(grid for grid in _calendar_grids(stamps, zone) if stamps.live_on(grid))
    if is_daily:
        raise RefusedError(
            "Expected days and longer steps to begin at midnight, got times such as "
            f"{_told(distinct[0])} and {_told(distinct[-1])}; move them to midnight."
        )
    return _fixed_grid(stamps, timezone)


def _fixed_grid(stamps: Stamps, timezone: str) -> Grid:
    grids = (
        Grid(frequency, timezone, offset)
        for frequency in FIXED
        for offset in _offsets(stamps, frequency)
    )
    grid = next((grid for grid in grids if stamps.live_on(grid)), None)
    step = grid.step if grid else None
    if grid is None or step is None:
        raise RefusedError(
            "Expected times at regular steps of a second or more, got times such as "
            f"{_told(stamps.distinct[0])}; round them to the step you want to forecast."
        )
    if stamps.usual_step and stamps.usual_step >= FEW_STEPS * step:
        raise RefusedError(
            "Expected times at regular steps, got irregular ones that lie about "
            f"{stamps.usual_step / 6e7:g} minutes apart and fit only steps of {grid.frequency}; "
            "round them to the step you want to forecast."
        )
    return grid


def _offsets(stamps: Stamps, frequency: str) -> tuple[int, ...]:
    """Where steps may begin: with those of UTC, or where usual steps of this length do."""
    step = Grid(frequency).step
    if step is None or stamps.usual_step != step:
        return (0,)
    offsets, counts = np.unique(stamps.instants % step, return_counts=True)
    usual = int(offsets[counts.argmax()])
    return (usual,) if usual % MICROSECONDS_PER_MINUTE == 0 else (0,)


def _calendar_grids(stamps: Stamps, timezone: str) -> Iterator[Grid]:
    """Grids of days and longer steps that may fit, coarse ones first; the last one is `D`."""
    local = pd.DatetimeIndex(stamps.distinct.astype("M8[us]"), tz="UTC").tz_convert(timezone)
    month = int(local.month.value_counts().index[0]) - 1
    weekday = int(local.day_of_week.value_counts().index[0])
    yield Grid(_anchored("YS", month, usual="JAN"), timezone)
    yield Grid(_anchored("YE", month, usual="DEC"), timezone)
    yield Grid(_anchored("QS", month % 3, usual="JAN"), timezone)
    yield Grid(_anchored("QE", month % 3 + 9, usual="DEC"), timezone)
    for frequency in ("MS", "ME", "BMS", "BME", f"W-{WEEKDAYS[weekday]}"):
        yield Grid(frequency, timezone)
    if len(local) >= DAYS_THAT_SHOW_WEEKENDS:
        yield Grid("B", timezone)
    yield Grid("D", timezone)


def _anchored(frequency: str, month: int, usual: str) -> str:
    return frequency if MONTHS[month] == usual else f"{frequency}-{MONTHS[month]}"


def _told(instant: int) -> str:
    return pd.Timestamp(int(instant), unit="us").strftime("%Y-%m-%d %H:%M:%S")
