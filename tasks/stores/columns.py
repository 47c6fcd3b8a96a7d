"""Arrow columns as numpy arrays: ids as codes, times as UTC microseconds, values as float32."""

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float32]
End = Literal["earliest", "latest"]

MISSING = -1
MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


class Labels:
    """Numbers the distinct texts of a column in the order in which they are met.

    Only the dictionary of each batch is looked at, never the text of a row.

    >>> labels = Labels()
    >>> labels.codes(pa.array(["b", "a", None, "b"])), labels.texts
    (array([ 0,  1, -1,  0], dtype=int32), ['b', 'a'])
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._dictionary: pa.Array | None = None
        self._lookup: Codes = np.empty(0, np.int32)

    @property
    def texts(self) -> list[str]:
        """The distinct texts, by code."""
        return list(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def codes(self, column: pa.Array) -> Codes:
        """Code of every row, `MISSING` where it is null."""
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        # Batches of one row group share their dictionary.
        if self._dictionary is None or not self._dictionary.equals(column.dictionary):
            self._dictionary = column.dictionary
            numbers = [self._number(value) for value in column.dictionary.to_pylist()]
            self._lookup = np.array([*numbers, MISSING], np.int32)
        rows = column.indices
        if rows.null_count:
            rows = rows.fill_null(len(self._lookup) - 1)
        return self._lookup[rows.to_numpy()]

    def _number(self, value: object) -> int:
        return MISSING if value is None else self._numbers.setdefault(str(value), len(self))


def floats(column: pa.Array) -> Floats:
    """Numbers or booleans as float32, NaN where null; the array may be read-only."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_decimal(column.type):  # whose digits Arrow would scale in single precision
        column = column.cast(pa.float64(), safe=False)
    values = column.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    missing = np.isnan(values)
    # One bit pattern for all of them, so that equal content gives equal bytes.
    return np.where(missing, np.float32(np.nan), values) if missing.any() else values


def utc_microseconds(
    column: pa.Array, timezone: str, *, ambiguous: End = "earliest", missing: End = "latest"
) -> Ints:
    """Times as UTC microseconds since 1970.

    Args:
        column: Timestamps or dates without nulls.
        timezone: Where times without a zone are wall time.
        ambiguous: Which of two instants a wall time is that occurs twice.
        missing: What a wall time is that clocks skip: the last instant before, or the first after.
    """
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s" if column.type == pa.date32() else "ms"))
    if column.type.tz is None:
        column = pc.assume_timezone(column, timezone, ambiguous=ambiguous, nonexistent=missing)
    counts = column.cast(pa.int64()).to_numpy()
    unit = column.type.unit
    if unit == "ns":
        return counts // 1000
    return counts if unit == "us" else counts * MICROSECONDS[unit]
