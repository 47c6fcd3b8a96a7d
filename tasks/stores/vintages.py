"""Which of several rows for one step says what its known covariates were: the vintage it takes."""

import numpy as np
from numpy.typing import NDArray

from data_contracts.frequency import Grid
from models.panel import Bools, Floats, Ints

NOTHING = np.iinfo(np.int64).min
LATE = -(2**62)  # below every time, so that a row known late gives way to any known in time


class Vintages:
    """Chooses a row for every step and known covariate, whatever the order of the rows.

    A forecast sees known covariates as they were known when it was made. So a step up to the cutoff
    takes the row that was known last one horizon before it, where a null counts too, for a forecast
    would have seen it. If no row was known so early, the earliest value holds. Steps after the
    cutoff take the row known last. Of rows known at one time the later in the files holds.

    Args:
        grid: Of the steps.
        cutoff: Slot of the last step that may be seen.
        horizon: Steps that a forecast reaches ahead.
        shape: Places of the panel, and known covariates.
    """

    def __init__(self, grid: Grid, cutoff: int, horizon: int, shape: tuple[int, int]) -> None:
        self._grid, self._cutoff, self._horizon = grid, cutoff, horizon
        self._ranks = np.full(shape, NOTHING)

    def ranks(self, slots: Ints, since: Ints) -> Ints:
        """Of two rows for one step the one with the higher rank holds.

        Args:
            slots: Slot of each row.
            since: When each row became known, UTC microseconds since 1970.
        """
        ahead = slots - self._horizon
        if self._grid.step is None:
            ahead = np.maximum(ahead, 0)  # the calendar begins long before anything was known
        late = (since > self._grid.instants(ahead)) & (slots <= self._cutoff)
        return np.where(late, LATE - since, since)

    def newest(self, number: int, places: Ints, ranks: Ints, values: Floats) -> Bools:
        """Which rows hold one covariate, as far as rows have been met.

        Args:
            number: Of the covariate.
            places: Place of each row in the panel.
            ranks: As returned by `ranks`.
            values: What each row says, NaN for null.
        """
        says: Bools = (ranks > LATE // 2) | ~np.isnan(values)
        column: NDArray[np.int64] = self._ranks[:, number]
        np.maximum.at(column, places[says], ranks[says])
        return says & (ranks == column[places])
