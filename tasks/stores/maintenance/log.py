"""The log of a table: how far back it can be read, its checkpoints, and what of it has expired.

A version is put together from the last checkpoint before it and the entries after that.
"""

from typing import NamedTuple
from urllib.parse import unquote

import pandas as pd

from tasks.stores.delta import SETTINGS, open_table
from tasks.stores.files import sync, sync_if_there
from tasks.stores.log import LOG
from tasks.stores.maintenance.listing import Listing, list_files
from tasks.stores.table import Table
from tasks.stores.trouble import storage_trouble

LONG = int(SETTINGS["delta.checkpointInterval"] or 20)  # entries after which a checkpoint is due


class Readable(NamedTuple):
    """The oldest version that can still be read, and when it was written, where that is told."""

    version: int
    since: pd.Timestamp | None


def oldest_readable(listing: Listing) -> Readable:
    """The first version that the log can put together and all of whose files are there.

    Raises:
        StorageError: If an entry of the log is damaged.
    """
    told = {version: listing.actions(version) for version in sorted(listing.entries)}
    lacking = [
        version
        for version, actions in told.items()
        for action in actions
        if "remove" in action and unquote(action["remove"]["path"]) not in listing.files
    ]
    first = 0 if 0 in told else min([*listing.checkpoints, *told])
    oldest = max([first, *lacking])
    stamps = [
        action["commitInfo"]["timestamp"]
        for version, actions in told.items()
        for action in actions
        if version >= oldest and "timestamp" in action.get("commitInfo", {})
    ]
    return Readable(oldest, pd.Timestamp(stamps[0], unit="ms", tz="UTC") if stamps else None)


def entries_since_checkpoint(listing: Listing) -> int:
    """How many entries a reader has to read beside the last checkpoint."""
    last = max(listing.checkpoints, default=-1)
    return sum(version > last for version in listing.entries)


def expired_entries(listing: Listing, now: pd.Timestamp, history_days: int) -> int:
    """How many entries only tell of what can no longer be read.

    Of the checkpoints that are older than the history reaches back the last one is still needed,
    and so are all entries after it.
    """
    begins = now - pd.Timedelta(days=history_days)
    needed = max((version for version, at in listing.checkpoints.items() if at < begins), default=0)
    return sum(version < needed and at < begins for version, at in listing.entries.items())


def write_checkpoint(table: Table) -> None:
    """Write all that the log says into one file, for readers to begin at.

    Raises:
        StorageError: If it cannot be written.
    """
    opened = open_table(table)
    if opened is not None:
        with storage_trouble("write", table.path):
            opened.create_checkpoint()


def remove_expired(table: Table) -> None:
    """Delete what has expired of the log.

    Raises:
        StorageError: If a file cannot be deleted.
    """
    opened = open_table(table)
    if opened is not None:
        with storage_trouble("write", table.path):
            opened.cleanup_metadata()


def sync_log(table: Table, *, after: int) -> None:
    """Make every entry later than a version, and the checkpoints, survive a power loss.

    Raises:
        StorageError: If they cannot be read.
    """
    if table.folder is None:  # what an object store has confirmed is durable already
        return
    log, listing = table.folder / LOG, list_files(table)
    names = [f"{version:020}.json" for version in listing.entries if version > after]
    with storage_trouble("write", table.path):
        for path in (*map(log.joinpath, names), *log.glob("*checkpoint*")):
            sync_if_there(path)  # a writer may just be cleaning up, or writing a checkpoint itself
        sync(log)
