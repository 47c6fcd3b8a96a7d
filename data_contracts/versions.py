"""Versions of what the warehouse holds, so that another Nightcast knows what it reads.

The version of a table is one more than the number of migrations that its contract lists. Whatever
says no version is of the first.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from data_contracts.errors import VersionError

FIELD = "nightcast.schema_version"  # key in the metadata of a column
IN_JSON = "schema_version"
Document = TypeVar("Document", bound=BaseModel)
Migration = Callable[[pa.Table], pa.Table]  # all rows of one version to those of the next


def refuse_newer(what: object, found: object, newest: int) -> int:
    """The version of something that is read; one that is not known yet is refused.

    Args:
        what: What to call it, such as its path.
        found: The version that it says, None where it says none.
        newest: The latest version that this code knows.

    Raises:
        VersionError: If it is later, or no number.

    >>> refuse_newer("runs/x/night.json", None, 2)
    1
    """
    version = _number(found)
    if not 1 <= version <= newest:
        raise VersionError(
            f"{what} has the schema version {found}, but this Nightcast knows versions up to "
            f"{newest}; nothing was changed. Use the Nightcast that wrote it, or a later one."
        )
    return version


def read_document(kind: type[Document], text: str | bytes) -> Document:
    """Read what was written as JSON by this version or an older one.

    Args:
        kind: What it is; the default of its field `schema_version` is the latest version.
        text: Of the file.

    Raises:
        VersionError: If a newer Nightcast wrote it.
        ValueError: If it is no such document.
    """
    fields = json.loads(text)
    found = fields.get(IN_JSON) if isinstance(fields, dict) else None
    refuse_newer(f"The {kind.__name__.lower()}", found, kind.model_fields[IN_JSON].default)
    return kind.model_validate_json(text)


def _number(found: Any) -> int:
    if found is None:
        return 1
    try:
        return int(found)
    except (TypeError, ValueError):
        return 0
