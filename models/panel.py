"""The panel: many series of different length on one time grid, as ragged arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_contracts.frequency import Grid

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Panel:
    """What is known at one cutoff about many series.

    Series lie one behind the other in flat arrays: rows `indptr[k]` to `indptr[k + 1]` belong to
    series `k`, one row per step of the grid without holes. Every series ends at
    `cutoff_slot + horizon`: the last `horizon` rows hold the covariates that are known ahead, and
    there `y` is NaN and `observed` is False, so that nothing after the cutoff can be read.

    Attributes:
        unique_ids: Names of the series, ascending, `S` of them.
        indptr: Where each series begins, shape `(S + 1,)`, int64.
        y: Target in the unit of the source, NaN where not observed, shape `(N,)`, float32.
        observed: Whether `y` was observed, shape `(N,)`, bool.
        past: Covariates known up to the cutoff, NaN where missing, shape `(N, P)`, float32.
        known: Covariates known over the horizon too, NaN where missing, shape `(N, K)`, float32.
        static: One text per series and static column, shape `(S, C)`, dtype str.
        past_names, known_names, static_names: What the last axes hold, in order.
        grid: The calendar of the steps.
        cutoff_slot: Slot of the last step that may be seen.
        horizon: Steps after the cutoff for which rows exist.
    """

    unique_ids: tuple[str, ...]
    indptr: Ints
    y: Floats
    observed: Bools
    past: Floats
    known: Floats
    static: NDArray[np.str_]
    past_names: tuple[str, ...]
    known_names: tuple[str, ...]
    static_names: tuple[str, ...]
    grid: Grid
    cutoff_slot: int
    horizon: int

    @property
    def num_series(self) -> int:
        """Number of series, `S`."""
        return len(self.unique_ids)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The label of every series, by static column."""
        columns = self.static.T.tolist()
        return {
            name: tuple(labels) for name, labels in zip(self.static_names, columns, strict=True)
        }

    @property
    def lengths(self) -> Ints:
        """Steps of history per series up to and including the cutoff, shape `(S,)`."""
        return np.diff(self.indptr) - self.horizon

    @property
    def first_slots(self) -> Ints:
        """Slot of the first row of each series, shape `(S,)`."""
        return self.cutoff_slot + 1 - self.lengths

    def lengths_until(self, slot: int) -> Ints:
        """Steps of history per series up to and including one slot, shape `(S,)`."""
        return np.maximum(self.lengths - (self.cutoff_slot - slot), 0)

    def rows(self, series: Ints, slots: Ints) -> Ints:
        """Flat row of each slot; outside `indptr` bounds where the series has no such row.

        Args:
            series: Position of the series, any shape.
            slots: Slots, broadcast against `series`.
        """
        return self.indptr[series + 1] - 1 - (self.cutoff_slot + self.horizon - slots)

    def history(self, series: int) -> Floats:
        """The target of one series up to the cutoff, a view of shape `(lengths[series],)`."""
        return self.y[self.indptr[series] : self.indptr[series + 1] - self.horizon]

    def joined(self, other: "Panel") -> "Panel":
        """The panel of these series and of others on the same grid, in the order of their names."""
        names = self.unique_ids + other.unique_ids
        both = replace(
            self,
            unique_ids=names,
            indptr=np.concatenate([self.indptr, self.indptr[-1] + other.indptr[1:]]),
            y=np.concatenate([self.y, other.y]),
            observed=np.concatenate([self.observed, other.observed]),
            past=np.concatenate([self.past, other.past]),
            known=np.concatenate([self.known, other.known]),
            static=np.concatenate([self.static, other.static]),
        )
        return both.select(np.array(sorted(range(len(names)), key=names.__getitem__), np.int64))

    def select(self, series: Ints) -> "Panel":
        """The panel of some of its series, copied.

        Args:
            series: Their positions, by name ascending, shape `(S',)`.
        """
        sizes = np.diff(self.indptr)[series]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.repeat(self.indptr[series] - starts[:-1], sizes) + np.arange(starts[-1])
        return replace(
            self,
            unique_ids=tuple(self.unique_ids[k] for k in series),
            indptr=starts.astype(np.int64),
            y=self.y[rows],
            observed=self.observed[rows],
            past=self.past[rows],
            known=self.known[rows],
            static=self.static[series],
        )
