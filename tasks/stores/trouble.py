"""One sentence for whatever a file system, an object store or the table format reports."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import StorageError
from data_contracts.plain_text import without_secrets
from tasks.stores.connection import is_object_store

COLOURS = re.compile("\x1b\\[[0-9;]*m")


@contextmanager
def storage_trouble(verb: str, place: Path | str) -> Iterator[None]:
    """Turn whatever a store or the table format reports into one sentence.

    Raises:
        StorageError: In the place of an `OSError` or `DeltaError`.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, DeltaError) as error:
        reason = getattr(error, "strerror", None) or " ".join(COLOURS.sub("", str(error)).split())
        expected = (
            "a bucket that is there and credentials (AWS_… in the environment) that may use it"
            if is_object_store(place)
            else "a folder of this user, whole and with space left"
        )
        raise StorageError(
            f"Cannot {verb} {place}: {without_secrets(reason.rstrip('.'))}; expected {expected}."
        ) from error
