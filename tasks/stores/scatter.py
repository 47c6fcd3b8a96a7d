"""A panel in the making: rows arrive in any order, and each is put in its place."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.errors import RefusedError
from data_contracts.spec import Spec
from models.panel import Bools, Floats, Ints, Panel
from tasks.stores.columns import Codes, Labels, floats, utc_microseconds
from tasks.stores.profile import blocks_of
from tasks.stores.ragged import last_of_each
from tasks.stores.vintages import Vintages

NEVER = np.iinfo(np.int64).max

Choice = Ints | slice  # all rows of a batch, or the numbers of some


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one batch.

    Attributes:
        codes: Number of each row's series, in the order in which series were met.
        instants: Time of each row, UTC microseconds since 1970.
        slots: Slot of each row's time.
        on_grid: Whether the time is exactly the slot's.
        batch: All columns of the rows.
    """

    codes: Codes
    instants: Ints
    slots: Ints
    on_grid: Bools
    batch: pa.RecordBatch


@dataclass(eq=False)
class Static:
    """The last text of one static column, by code of the series."""

    slots: Ints
    since: Ints
    values: Codes
    labels: Labels = field(default_factory=Labels)

    def put(self, codes: Codes, slots: Ints, since: Ints, values: Codes) -> Codes:
        """Take over the texts of the last step, there the one known last; of equals the last.

        Returns:
            The series that have had another text, before or in these rows.
        """
        codes, slots, since, values = _those(values >= 0, codes, slots, since, values)
        every, told, text = codes, values, self.values[codes]
        before = self.slots.copy()
        np.maximum.at(self.slots, codes, slots)
        self.since[self.slots > before] = -NEVER
        codes, since, values = _those(slots == self.slots[codes], codes, since, values)
        np.maximum.at(self.since, codes, since)
        codes, values = _those(since == self.since[codes], codes, values)
        self.values[codes] = values
        changed = ((text >= 0) & (text != told)) | (told != self.values[every])
        return np.unique(every[changed])

    def texts(self, codes: Ints) -> list[str]:
        """The text of each series, empty without one."""
        texts = [*self.labels.texts, ""]
        return [texts[value] for value in self.values[codes]]


class Draft:
    """A panel whose series begin at their first row, not yet at their first observation.

    Args:
        spec: Names the columns.
        cutoff: Slot of the last step that may be seen.
        texts: Names of the series, by code.
        first: Slot of the first row of each code, `NEVER` without one.
    """

    def __init__(self, spec: Spec, cutoff: int, texts: list[str], first: Ints) -> None:
        self.spec, self.cutoff, self.end = spec, cutoff, cutoff + spec.horizon
        self.texts = texts
        self.codes = np.flatnonzero(first != NEVER)
        self.codes = self.codes[np.argsort(np.array(texts, object)[self.codes], kind="stable")]
        self.positions = np.full(len(texts), -1)  # of the series of each code
        self.positions[self.codes] = np.arange(len(self.codes))
        self.indptr = np.concatenate([[0], np.cumsum(self.end + 1 - first[self.codes])])
        self.offsets = self.indptr[:-1] - first[self.codes]  # row = offset + slot
        self._allocate(int(self.indptr[-1]))

    def _allocate(self, num_rows: int) -> None:
        covariates, num_codes = self.spec.covariates, len(self.texts)
        known_since = num_rows if self.is_dated else 0
        self.y = np.full(num_rows, np.nan, np.float32)
        self.past = np.full((num_rows, len(covariates.past)), np.nan, np.float32)
        self.known = np.full((num_rows, len(covariates.known)), np.nan, np.float32)
        self.known_since = np.full(known_since, -NEVER)
        self.vintages = Vintages(
            self.spec.grid, self.cutoff, self.spec.horizon, (known_since, len(covariates.known))
        )
        self.touched = np.zeros(num_rows - known_since, bool)
        self.nulls, self.conflicts, self.static_changes = np.zeros((3, num_codes), np.int64)
        self.first_conflict = np.full(num_codes, NEVER)  # slot
        self.num_infinite = 0  # values that were erased
        self.static = [
            Static(
                slots=np.full(num_codes, -NEVER),
                since=np.full(num_codes, -NEVER),
                values=np.full(num_codes, -1, np.int32),
            )
            for _ in covariates.static
        ]

    def put(self, rows: Rows) -> None:
        """Put the rows of one batch in their places; of two rows for one place the later holds."""
        y = floats(rows.batch.column(self.spec.source.columns.y))
        empty = np.isnan(y) & (rows.slots <= self.cutoff)
        self.nulls += self._by_code(rows.codes[empty])
        since = self._since(rows)
        chosen, places = self._places(rows)
        self._put_known(rows, since, chosen, places)
        chosen, places = _narrow(chosen, places, rows.slots[chosen] <= self.cutoff)
        self._put_static(rows, since, chosen)
        if self.is_dated:
            chosen, places = _narrow(chosen, places, self._known_last(since[chosen], places))
            self.y[places] = y[chosen]
        else:
            self._count_conflicts(rows.codes[chosen], rows.slots[chosen], places, y[chosen])
        for number, name in enumerate(self.spec.covariates.past):
            self.past[places, number] = _finite(rows.batch.column(name))[chosen]

    @property
    def is_dated(self) -> bool:
        """Whether the source says when its rows became known."""
        return self.spec.source.available_at is not None

    def _since(self, rows: Rows) -> Ints:
        """When each row became known, in UTC microseconds; all the same if the source is silent."""
        name, zone = self.spec.source.available_at, self.spec.grid.timezone
        if name is None:
            return np.broadcast_to(np.int64(0), len(rows.slots))
        # A local time that occurs twice is the later, so that nothing is known too early.
        return utc_microseconds(rows.batch.column(name), zone, ambiguous="latest")

    def _put_known(self, rows: Rows, since: Ints, chosen: Choice, places: Ints) -> None:
        """Put the covariates that are known ahead, each of the vintage that its step takes."""
        if not self.spec.covariates.known:
            return
        newest: Bools | slice = slice(None)
        since = since[chosen]
        ranks = self.vintages.ranks(rows.slots[chosen], since) if self.is_dated else since
        for number, name in enumerate(self.spec.covariates.known):
            values = _finite(rows.batch.column(name))[chosen]
            if self.is_dated:
                newest = self.vintages.newest(number, places, ranks, values)
            self.known[places[newest], number] = values[newest]

    def _put_static(self, rows: Rows, since: Ints, chosen: Choice) -> None:
        codes, slots, since = rows.codes[chosen], rows.slots[chosen], since[chosen]
        for name, static in zip(self.spec.covariates.static, self.static, strict=True):
            values = static.labels.codes(rows.batch.column(name))
            changed = static.put(codes, slots, since, values[chosen])
            self.static_changes[changed] += 1

    def _count_conflicts(self, codes: Codes, slots: Ints, places: Ints, y: Floats) -> None:
        """Count rows whose step has another row with another value; the values are put in place."""
        before = self.touched[places]
        conflict = before & _differ(self.y[places], y) if before.any() else before
        self.y[places], self.touched[places] = y, True
        conflict |= _differ(self.y[places], y)  # with a later row of this batch
        if conflict.any():
            self.conflicts += self._by_code(codes[conflict])
            np.minimum.at(self.first_conflict, codes[conflict], slots[conflict])

    def _by_code(self, codes: Codes) -> Ints:
        """How many rows each series has."""
        return np.bincount(codes, minlength=len(self.nulls))

    def _places(self, rows: Rows) -> tuple[Choice, Ints]:
        """Rows of the batch that have a place in the panel, and which."""
        series = self.positions[rows.codes]
        places = self.offsets[series] + rows.slots
        inside = rows.on_grid & (series >= 0) & (rows.slots <= self.end)
        inside &= places >= self.indptr[series]
        return _narrow(slice(None), places, inside)

    def _known_last(self, since: Ints, places: Ints) -> Bools:
        """Which rows became known no earlier than the row that is in their place."""
        np.maximum.at(self.known_since, places, since)
        newest: Bools = since == self.known_since[places]
        return newest

    def erase_infinite(self) -> tuple[Ints, Ints, Floats]:
        """Make infinite targets NaN.

        Returns:
            Code, slot and value of each, by series and slot.
        """
        places = np.flatnonzero(np.isinf(self.y))
        values = self.y[places]
        self.y[places] = np.nan
        self.num_infinite = len(places)
        series = np.searchsorted(self.indptr, places, side="right") - 1
        return self.codes[series], places - self.offsets[series], values

    def repeats(self, on_grid: Ints) -> Ints:
        """Rows up to the cutoff for a step that has another row, by code.

        Args:
            on_grid: Rows up to the cutoff that are on the grid, by code.
        """
        repeats = np.zeros(len(self.texts), np.int64)
        if not self.is_dated:
            ends = self.indptr[1:] - self.spec.horizon
            bounds = np.column_stack([self.indptr[:-1], ends]).ravel()
            steps = np.add.reduceat(self.touched, bounds, dtype=np.int64)[::2]
            repeats[self.codes] = on_grid[self.codes] - steps
        return repeats

    def panel(self) -> Panel:
        """The panel of the series that were observed, from their first observation on.

        Raises:
            RefusedError: If there is none.
        """
        observed = ~np.isnan(self.y)
        first = first_observed(observed, self.indptr)
        kept = first < self.indptr[1:]
        if not kept.any():
            raise self._nothing_observed()
        if (first > self.indptr[:-1]).any():
            keep = rows_from(first, self.indptr)
            observed, self.y = observed[keep], self.y[keep]
            self.past, self.known = self.past[keep], self.known[keep]
        codes, covariates = self.codes[kept], self.spec.covariates
        static = np.array([static.texts(codes) for static in self.static], np.str_)
        return Panel(
            unique_ids=tuple(self.texts[code] for code in codes),
            indptr=np.concatenate([[0], np.cumsum((self.indptr[1:] - first)[kept])]),
            y=self.y,
            observed=observed,
            past=self.past,
            known=self.known,
            static=static.T.reshape(len(codes), len(self.static)),
            past_names=covariates.past,
            known_names=covariates.known,
            static_names=covariates.static,
            grid=self.spec.grid,
            cutoff_slot=self.cutoff,
            horizon=self.spec.horizon,
        )

    def _nothing_observed(self) -> RefusedError:
        """The complaint about a column without a number that can be used."""
        got = "no value up to the cutoff in any row; check the column and as_of."
        if self.num_infinite:
            got = (
                "values up to the cutoff, but none within what single precision holds (±3.4e38); "
                "check the column and its unit."
            )
        name = self.spec.source.columns.y
        return RefusedError(f"source.columns.y: expected numbers in column {name!r}, got {got}")


def first_observed(observed: Bools, indptr: Ints) -> Ints:
    """First observed row of each series, the end of the series without one, shape `(S,)`.

    Args:
        observed: Of all rows, shape `(N,)`.
        indptr: Where each series begins, shape `(S + 1,)`.
    """
    first = indptr[1:].copy()
    for begin, end in blocks_of(indptr):
        rows = np.arange(indptr[begin], indptr[end])
        rows[~observed[indptr[begin] : indptr[end]]] = indptr[-1]
        starts = indptr[begin:end] - indptr[begin]
        first[begin:end] = np.minimum(first[begin:end], np.minimum.reduceat(rows, starts))
    return first


def _those(kept: Bools, *columns: Any) -> list[Any]:
    """The kept rows of several columns."""
    return [column[kept] for column in columns]


def _narrow(chosen: Choice, places: Ints, kept: Bools) -> tuple[Choice, Ints]:
    """Those of the chosen rows, and their places, that are kept; copies nothing if all are."""
    if kept.all():
        return chosen, places
    numbers = np.flatnonzero(kept)
    return numbers if isinstance(chosen, slice) else chosen[numbers], places[numbers]


def rows_from(first: Ints, indptr: Ints) -> Bools:
    """Which rows of each series lie at or after its `first`, shape `(N,)`."""
    return last_of_each(np.diff(indptr), indptr[1:] - first)


def _finite(column: pa.Array) -> Floats:
    """Covariates, NaN where infinite."""
    values = floats(column)
    infinite = np.isinf(values)
    return np.where(infinite, np.float32(np.nan), values) if infinite.any() else values


def _differ(some: Floats, others: Floats) -> Bools:
    """Where two values differ; two that are missing do not."""
    differ: Bools = some != others
    return differ & ~(np.isnan(some) & np.isnan(others)) if differ.any() else differ
