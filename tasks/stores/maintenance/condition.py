"""The state of one table, and what there is to do about it."""

from dataclasses import dataclass, field, replace
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import StorageError
from tasks.stores.delta import open_table, storage_trouble
from tasks.stores.maintenance.compaction import compact, mergeable
from tasks.stores.maintenance.listing import Listing, list_files
from tasks.stores.maintenance.log import (
    LONG,
    entries_since_checkpoint,
    expired_entries,
    oldest_readable,
    remove_expired,
    sync_log,
    write_checkpoint,
)
from tasks.stores.maintenance.settings import differing, set_differing
from tasks.stores.maintenance.staged import remove_staged, staged_files
from tasks.stores.maintenance.vacuum import stale_files, vacuum
from tasks.stores.table import Table


@dataclass(frozen=True, kw_only=True)
class Work:
    """What there is to do about a table, or what was done.

    Attributes:
        settings: Settings of the table that differ from what the spec says.
        small_files, merged_into: Files that are so small that they are merged, and into how many.
        stale_files, stale_bytes: Files that no version within the history needs.
        staged_files, staged_bytes: Files that somebody began to write more than a day ago.
        checkpoint: Entries of the log beyond the last checkpoint where those are many, else 0.
        expired_entries: Entries of the log that only tell of what can no longer be read.
    """

    settings: dict[str, str] = field(default_factory=dict)
    small_files: int = 0
    merged_into: int = 0
    stale_files: int = 0
    stale_bytes: int = 0
    staged_files: int = 0
    staged_bytes: int = 0
    checkpoint: int = 0
    expired_entries: int = 0

    @property
    def bytes(self) -> int:
        """Space that this frees."""
        return self.stale_bytes + self.staged_bytes

    def __bool__(self) -> bool:
        return self != Work()


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The state of a table.

    Attributes:
        table: Its name.
        rows, files, bytes: In the newest version.
        version: The newest version.
        oldest_version: The oldest version that can still be read.
        readable_since: When that was written.
        history_bytes: Of files that only older versions need, or that are not committed yet.
        log_entries: Files of the log.
        last_checkpoint: The last version that a checkpoint holds, None without one.
        work: What there is to do.
    """

    table: str
    rows: int
    files: int
    bytes: int
    version: int
    oldest_version: int
    readable_since: pd.Timestamp | None
    history_bytes: int
    log_entries: int
    last_checkpoint: int | None
    work: Work


def examine(table: Table, *, history_days: int, now: pd.Timestamp) -> Condition | None:
    """Look at a table and change nothing; None where there is none.

    Args:
        table: Which.
        history_days: Days for which rows that were replaced can still be read.
        now: The real instant.

    Raises:
        StorageError: If it is damaged or cannot be read.
        VersionError: If a newer Nightcast has written it.
    """
    opened = open_table(table)
    if opened is None:
        return None
    # Listed after the table was opened, so that every file of the snapshot was there already.
    listing = list_files(table)
    with storage_trouble("read", table.path):
        files = pa.table(opened.get_add_actions(flatten=True))
    _refuse_incomplete(listing, [unquote(path) for path in files["path"].to_pylist()])
    readable = oldest_readable(listing)
    stale = stale_files(opened, listing, history_days)
    staged = staged_files(table, now)
    parts = mergeable(opened, table)
    entries = entries_since_checkpoint(listing)
    total = pc.sum(files["size_bytes"]).as_py() or 0
    return Condition(
        table=table.name,
        rows=pc.sum(files["num_records"]).as_py() or 0,
        files=files.num_rows,
        bytes=total,
        version=opened.version(),
        oldest_version=readable.version,
        readable_since=readable.since,
        history_bytes=sum(listing.files.values()) - total - listing.bytes_of(stale),
        log_entries=len(listing.entries),
        last_checkpoint=max(listing.checkpoints, default=None),
        work=Work(
            settings=differing(opened, history_days),
            small_files=sum(part.files for part in parts),
            merged_into=len(parts),
            stale_files=len(stale),
            stale_bytes=listing.bytes_of(stale),
            staged_files=len(staged),
            staged_bytes=sum(staged.values()),
            checkpoint=entries if entries >= LONG else 0,
            expired_entries=expired_entries(listing, now, history_days),
        ),
    )


def look_after(table: Table, *, history_days: int, now: pd.Timestamp) -> Work:
    """Do what there is to do about a table; what was done.

    Args:
        table: Which.
        history_days: Days for which rows that were replaced can still be read.
        now: The real instant.

    Raises:
        ConflictError: If other runs kept changing the table; what was done already stays so.
        StorageError: If it is damaged, or cannot be written.
        VersionError: If a newer Nightcast has written it.
    """
    found = examine(table, history_days=history_days, now=now)
    if found is None or not found.work:
        return Work()
    # The settings come first: by them the vacuum is judged, and every later checkpoint cleans up.
    settings = set_differing(table, history_days)
    if found.work.stale_files:
        vacuum(table, history_days)
    remove_staged(table, now)
    merged = compact(table)
    checkpoint = entries_since_checkpoint(list_files(table))
    if checkpoint >= LONG:
        write_checkpoint(table)
    # What was begun above has to last before that is deleted which it makes dispensable.
    sync_log(table, after=found.version)
    if found.work.expired_entries:
        remove_expired(table)
    return replace(
        found.work,
        settings=settings,
        small_files=merged.files,
        merged_into=merged.into,
        checkpoint=checkpoint if checkpoint >= LONG else 0,
    )


def _refuse_incomplete(listing: Listing, named: list[str]) -> None:
    """Keep away from a table that lacks files: what is left of it may be needed to mend it."""
    missing = [path for path in named if path not in listing.files]
    if missing:
        raise StorageError(
            f"{listing.table.path} lacks {len(missing)} of its {len(named)} files, such as "
            f"{missing[0]}; nothing was done about this table, restore them from a backup."
        )
