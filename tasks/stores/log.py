"""The log of a table on this machine, and what a power loss or a full disk can do to it.

The table format reads an entry without content as if it were not there: a batch that was published
would be missing without a word. One that is torn makes the table unreadable. Nightcast waits for
the disk before it says that something is published, but a disk may lie, and other programs that
write tables do not wait.
"""

import json
from contextlib import suppress
from pathlib import Path

from data_contracts.errors import StorageError

LOG = "_delta_log"


def log_entries(table: Path) -> list[Path]:
    """All entries, the oldest first; none where there is no table yet.

    Those that a writer cleans up meanwhile, behind a checkpoint, are left out.

    Raises:
        OSError: If the log may not be read.
        StorageError: If an entry has no content.
    """
    entries = sorted(_named_as_entries(table / LOG))
    there = []
    for entry in entries:
        with suppress(FileNotFoundError):
            if entry.stat().st_size == 0:
                raise _torn(entry, "is empty", newest=entry == entries[-1])
            there.append(entry)
    return there


def refuse_torn_entries(table: Path) -> None:
    """Name the entry that makes a table unreadable, if it is one.

    Raises:
        StorageError: If a part of an entry is missing.
    """
    entries = log_entries(table)
    for entry in entries:
        try:
            with suppress(FileNotFoundError):
                for line in entry.read_bytes().splitlines():
                    json.loads(line)
        except ValueError:
            raise _torn(entry, "is torn", newest=entry == entries[-1]) from None


def _named_as_entries(log: Path) -> list[Path]:
    try:
        return [path for path in log.iterdir() if path.suffix == ".json"]
    except (FileNotFoundError, NotADirectoryError):  # whoever creates the table will say
        return []


def _torn(entry: Path, what: str, *, newest: bool) -> StorageError:
    advice = (
        "restore it from a backup, or delete it and run the night that wrote it again"
        if newest
        else "restore it from a backup"
    )
    return StorageError(
        f"Cannot read {entry.parents[1]}: {entry.name} in its log {what}, so what was written with "
        f"it is not there; {advice}."
    )
