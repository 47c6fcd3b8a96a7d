"""What the values of an Arrow type can be read as."""

import pyarrow as pa
from pyarrow import types


def value_type(kind: pa.DataType) -> pa.DataType:
    """Type of the values of a column, dictionary-encoded or not."""
    return kind.value_type if types.is_dictionary(kind) else kind


def is_time(kind: pa.DataType) -> bool:
    """Whether values are timestamps or dates."""
    return bool(types.is_timestamp(kind) or types.is_date(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether values are text."""
    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_label(kind: pa.DataType) -> bool:
    """Whether values can name a series or a group of them: text or whole numbers."""
    return bool(is_text(kind) or types.is_integer(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values can be read as float32."""
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_boolean(kind)
    )
