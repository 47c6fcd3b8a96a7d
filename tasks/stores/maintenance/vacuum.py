"""Delete files that no version which can still be read names.

Those are files of rows that were replaced, or merged, longer ago than the history reaches back, and
files of writers that died before they committed. A file younger than that is never touched: some
slow writer may be about to commit it.
"""

from typing import TYPE_CHECKING

from tasks.stores.delta import ATTEMPTS, open_table, overtaken, storage_trouble, wait
from tasks.stores.maintenance.listing import Listing, list_files
from tasks.stores.maintenance.signature import signed
from tasks.stores.table import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable


def stale_files(opened: "DeltaTable", listing: Listing, history_days: int) -> list[str]:
    """Files that can go, by their paths below the folder of the table.

    Raises:
        StorageError: If they cannot be listed.
    """
    with storage_trouble("read", listing.table.path):
        listed = opened.vacuum(
            retention_hours=24 * history_days,
            dry_run=True,
            enforce_retention_duration=False,
            full=True,
        )
    # Also listed are those that an earlier vacuum has deleted.
    return [path for path in listed if path in listing.files]


def vacuum(table: Table, history_days: int) -> None:
    """Delete the files that can go.

    The library refuses where the table itself asks for more than `history_days`.

    Raises:
        ConflictError: If other runs kept changing the table.
        StorageError: If a file cannot be deleted.
    """
    from deltalake.exceptions import CommitFailedError

    for attempt in range(ATTEMPTS):
        opened = open_table(table)
        if opened is None or not stale_files(opened, list_files(table), history_days):
            return
        with storage_trouble("write", table.path):
            try:
                opened.vacuum(
                    retention_hours=24 * history_days,
                    dry_run=False,
                    full=True,
                    commit_properties=signed(
                        f"no version of the last {history_days} days needs them"
                    ),
                )
            except CommitFailedError:  # of what it says of itself; what was deleted is deleted
                wait(attempt)
                continue
        return
    raise overtaken(table)
