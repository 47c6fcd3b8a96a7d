"""Files that are there whole or not at all, and that survive a power loss."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A draft to write, which takes the place of a file when the context ends well.

    Readers see the old content or the new one, never a part. Each draft has a name of its own, so
    that runs which write the same file at the same time do not write into each other.

    Args:
        path: The file, in a folder that exists.
    """
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        yield draft
        sync(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file at once, and the folders above it where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Make what was written to a file, or the names in a folder, survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_if_there(path: Path) -> None:
    """Sync a file that others may replace or remove at any moment."""
    with suppress(FileNotFoundError):
        sync(path)


def sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder, and its bytes; what others remove meanwhile is left out."""
    for place, _, names in os.walk(folder, onerror=_unless_gone):
        for name in names:
            path = Path(place, name)
            with suppress(FileNotFoundError):
                yield path, path.stat().st_size


def sha256(path: Path) -> str:
    """Hex digest of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
