"""Where in the day, the week and the year a step lies, in local time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.frequency import MICROSECONDS_PER_DAY, Grid
from models.panel import Floats, Ints

DAYS_PER_YEAR = 365.2425
HARMONICS = {"day": 2, "week": 3, "year": 2}
DAYS_PER_CYCLE = {"day": 1.0, "week": 7.0, "year": DAYS_PER_YEAR}


def cycles_shown(grid: Grid, num_steps: int) -> tuple[str, ...]:
    """Cycles that steps of this grid resolve and that so long a history shows at least twice.

    A cycle that was seen less than twice cannot be told from a trend.

    Args:
        grid: The calendar of the steps.
        num_steps: Length of the longest history.

    >>> cycles_shown(Grid("h"), 8760), cycles_shown(Grid("D"), 1000), cycles_shown(Grid("MS"), 60)
    (('day', 'week'), ('week', 'year'), ('year',))
    """
    step = days_per_step(grid)
    return tuple(
        cycle
        for cycle, days in DAYS_PER_CYCLE.items()
        if 2 * step <= days and 2 * days <= num_steps * step
    )


def days_per_step(grid: Grid) -> float:
    """Days in a step of the calendar, on average.

    >>> round(days_per_step(Grid("MS")), 1)
    30.4
    """
    instants = grid.instants(np.array([0, 100]))
    return float(instants[1] - instants[0]) / 100 / MICROSECONDS_PER_DAY


def calendar_features(grid: Grid, slots: Ints, cycles: tuple[str, ...]) -> Floats:
    """Sine and cosine of each cycle's phase and of its overtones, in local time.

    Args:
        grid: The calendar of the steps.
        slots: Shape `(n,)`.
        cycles: Some of `day`, `week` and `year`.

    Returns:
        Shape `(n, F)`, between -1 and 1.

    >>> calendar_features(Grid("h"), np.array([0, 6]), ("day",))[:, ::2].round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    local = grid.timestamps(slots).tz_convert(grid.timezone).tz_localize(None)
    features = [np.empty((len(slots), 0))]
    features += [waves(_phase(local, cycle), cycle) for cycle in cycles]
    return np.concatenate(features, axis=1).astype(np.float32)


def waves(phase: NDArray[np.float64], cycle: str) -> NDArray[np.float64]:
    """Sine and cosine of a cycle and of its overtones.

    Args:
        phase: Share of the cycle that is over, shape `(n,)`.
        cycle: `day`, `week` or `year`.

    Returns:
        Shape `(n, 2 * HARMONICS[cycle])`.
    """
    turns = 2 * np.pi * (phase[:, None] * np.arange(1, HARMONICS[cycle] + 1))
    return np.concatenate([np.sin(turns), np.cos(turns)], axis=1)


def _phase(local: pd.DatetimeIndex, cycle: str) -> NDArray[np.float64]:
    """Share of the cycle that is over, between 0 and 1."""
    day = np.asarray((local - local.normalize()) / pd.Timedelta(days=1), np.float64)
    if cycle == "day":
        return day
    if cycle == "week":  # by whole days: what counts is which day it is
        return np.asarray(local.day_of_week, np.float64) / 7
    return (np.asarray(local.day_of_year, np.float64) - 1 + day) / DAYS_PER_YEAR


@dataclass(frozen=True, eq=False)
class CalendarTable:
    """Calendar features of a range of slots, computed once and looked up per batch.

    Attributes:
        first_slot: Slot of the first row.
        features: One row per slot, shape `(n, F)`.
    """

    first_slot: int
    features: Floats

    @classmethod
    def between(cls, grid: Grid, first: int, last: int, cycles: tuple[str, ...]) -> "CalendarTable":
        """Features of the slots from `first` to `last`.

        Before the calendar of months and the like begins, where a context may reach but nothing was
        observed, they are those of its first step.
        """
        slots = np.arange(first, last + 1)
        within = slots if grid.step is not None else np.maximum(slots, 0)
        return cls(first, calendar_features(grid, within, cycles))

    def at(self, slots: Ints) -> Floats:
        """Features of slots of any shape, along a new last axis."""
        found: Floats = self.features[slots - self.first_slot]
        return found
