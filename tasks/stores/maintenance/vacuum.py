"""Delete files that no version which can still be read names.

Those are files of rows that were replaced, or merged, longer ago than the history reaches back, and
files of writers that died before they committed. A file younger than that is never touched: some
slow writer may be about to commit it.
"""

from typing import TYPE_CHECKING

from tasks.stores.delta import open_table, storage_trouble
from tasks.stores.maintenance.listing import Listing
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
        StorageError: If a file cannot be deleted.
    """
    opened = open_table(table)
    if opened is not None:
        with storage_trouble("write", table.path):
            opened.vacuum(
                retention_hours=24 * history_days,
                dry_run=False,
                full=True,
                commit_properties=signed(f"no version of the last {history_days} days needs them"),
            )
