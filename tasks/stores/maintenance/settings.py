"""How long what was replaced can still be read, as the table itself says it.

Whoever vacuums, or cleans up the log after a checkpoint, goes by these settings: this command, a
writer that writes every twentieth commit, and other programs.
"""

from typing import TYPE_CHECKING

from tasks.stores.delta import (
    ATTEMPTS,
    FILE_RETENTION,
    LOG_RETENTION,
    SETTINGS,
    open_table,
    overtaken,
    storage_trouble,
    wait,
)
from tasks.stores.maintenance.signature import signed
from tasks.stores.table import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable


def differing(opened: "DeltaTable", history_days: int) -> dict[str, str]:
    """The settings that a snapshot has not got yet."""
    kept = f"interval {history_days} days"
    wanted = {**SETTINGS, LOG_RETENTION: kept, FILE_RETENTION: kept}
    there = opened.metadata().configuration
    return {name: value for name, value in wanted.items() if value and there.get(name) != value}


def set_differing(table: Table, history_days: int) -> dict[str, str]:
    """Bring the settings of a table in line; what was set.

    A write that began before has to begin again, as all writers do by themselves.

    Raises:
        ConflictError: If other runs kept changing the table.
        StorageError: If it cannot be written.
    """
    from deltalake.exceptions import CommitFailedError

    for attempt in range(ATTEMPTS):
        opened = open_table(table)
        changed = differing(opened, history_days) if opened is not None else {}
        if opened is None or not changed:
            return {}
        reason = f"what was replaced can be read for {history_days} days"
        with storage_trouble("write", table.path):
            try:
                opened.alter.set_table_properties(changed, commit_properties=signed(reason))
            except CommitFailedError:
                wait(attempt)
                continue
        return changed
    raise overtaken(table)
