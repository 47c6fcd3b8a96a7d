"""Times without a zone: which instants they name on the days on which clocks are changed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.errors import RefusedError
from data_contracts.spec import Spec
from tasks.stores.columns import Codes, Ints, utc_microseconds

Bools = NDArray[np.bool_]


class WallClock:
    """Reads the times of steps by the rules `calendar.ambiguous` and `calendar.missing`.

    For `order` it remembers which times it has met, so every pass over the files takes a clock of
    its own and reads the rows in the order in which they lie there.

    Args:
        spec: Has the rules, and the zone of times that carry none.
    """

    def __init__(self, spec: Spec) -> None:
        self._rules, self._zone = spec.calendar, spec.grid.timezone
        self._hours_matter = spec.grid.step is not None
        self._met_once: set[tuple[int, int]] = set()  # series and local time

    def read(self, column: pa.Array, codes: Codes) -> tuple[Ints, Bools]:
        """Instants of the rows of one batch, and which of them have to be set aside.

        On grids of days and longer the hour does not matter: a midnight that occurs twice is the
        first of the two, and one that never occurs is the next time that does.

        Args:
            column: Timestamps or dates without nulls.
            codes: Number of each row's series.

        Returns:
            UTC microseconds since 1970, and True where a local time never occurs and
            `calendar.missing` is `aside`.

        Raises:
            RefusedError: If a local time occurs twice or never and the rule for it is `refuse`.
        """
        earliest = utc_microseconds(column, self._zone)
        aside = np.zeros(len(column), np.bool_)
        if not self._hours_matter or getattr(column.type, "tz", None) is not None:
            return earliest, aside
        other = utc_microseconds(column, self._zone, ambiguous="latest", missing="earliest")
        if (earliest == other).all():
            return earliest, aside
        twice, never = np.flatnonzero(earliest < other), np.flatnonzero(earliest > other)
        instants = earliest.copy()
        if len(twice):
            later = twice[self._are_later(column.take(pa.array(twice)), codes[twice])]
            instants[later] = other[later]
        if len(never):
            instants[never] = self._moved_forward(column.take(pa.array(never)), other[never])
            aside[never] = self._rules.missing == "aside"
        return instants, aside

    def _are_later(self, stamps: pa.Array, codes: Codes) -> Bools:
        """Which of some local times that occur twice are the second occurrence."""
        if self._rules.ambiguous == "refuse":
            raise RefusedError(
                "calendar.ambiguous: expected local times that name one instant, got "
                f"{stamps[0].as_py()}, which {self._zone} has twice because clocks are set back; "
                "say which one is meant (earliest, latest or order), or store UTC instead."
            )
        if self._rules.ambiguous == "order":
            keys = zip(codes.tolist(), utc_microseconds(stamps, "UTC").tolist(), strict=True)
            return np.array([self._is_second(key) for key in keys])
        return np.full(len(stamps), self._rules.ambiguous == "latest")

    def _is_second(self, key: tuple[int, int]) -> bool:
        """Whether a time was met an odd number of times before, so that rows count in pairs."""
        self._met_once ^= {key}
        return key not in self._met_once

    def _moved_forward(self, stamps: pa.Array, before: Ints) -> Ints:
        """Local times that clocks skip, read by the clock that was not yet set forward.

        Args:
            stamps: The local times.
            before: An instant shortly before clocks are changed, for each.
        """
        if self._rules.missing == "refuse":
            raise RefusedError(
                "calendar.missing: expected local times that exist, got "
                f"{stamps[0].as_py()}, which {self._zone} skips because clocks are set forward; "
                "say what to do with such rows (forward or aside), or store UTC instead."
            )
        zoned = pa.array(before, pa.timestamp("us", self._zone))
        offset = utc_microseconds(pc.local_timestamp(zoned), "UTC") - before
        return utc_microseconds(stamps, "UTC") - offset
