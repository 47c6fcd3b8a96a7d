"""Tables as they were: earlier versions, and which of them can still be read.

A version is gone when upkeep has removed its log entry, or the files of rows that were replaced.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from data_contracts.errors import SpecError
from tasks.stores.delta import open_table, schema_version, storage_trouble
from tasks.stores.table import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

Conditions = list[tuple[str, str, Any]]  # column, sign, value


def open_version(table: Table, version: int) -> "DeltaTable | None":
    """The snapshot of one version of a table, None where there is no table yet.

    Raises:
        SpecError: If there is no such version, or its log entry is gone.
        StorageError: If the table cannot be read.
        VersionError: If a newer Nightcast has written that version.
    """
    opened = open_table(table)
    if opened is None:
        return None
    known = [commit["version"] for commit in commits(table, opened)]
    if version not in known or not go_to(table, opened, version):
        raise SpecError(
            f"version: the table {table.name} has no version {version}; its log has "
            f"{min(known)} to {max(known)}."
        )
    return opened


def go_to(table: Table, opened: "DeltaTable", version: int) -> bool:
    """Turn a snapshot into that of another version; False if the log no longer reaches it.

    Raises:
        VersionError: If a newer Nightcast has written that version.
    """
    from deltalake.exceptions import DeltaError

    try:
        opened.load_as_version(version)
    except (OSError, DeltaError):
        return False
    schema_version(table, opened)
    return True


def commits(table: Table, opened: "DeltaTable") -> list[dict[str, Any]]:
    """What the log says of each commit that it still has, newest first."""
    with storage_trouble("read", table.path):
        return list(opened.history())


def rows_where(table: Table, opened: "DeltaTable", where: Conditions) -> pa.Table:
    """The rows of a snapshot that fulfil every condition; files that can have none are not opened.

    To look at every file of a long history takes many times as long as to read one of them.

    Raises:
        StorageError: If the table is damaged.
    """
    with storage_trouble("read", table.path):
        found = opened.to_pyarrow_dataset(file_pruning_predicate=where)
        return found.to_table(filter=pq.filters_to_expression(where))


def are_kept(table: Table, opened: "DeltaTable", where: Conditions) -> bool:
    """Whether all files that can have such rows are still there."""
    with storage_trouble("read", table.path):
        found = opened.to_pyarrow_dataset(file_pruning_predicate=where)
        there = found.filesystem.get_file_info(found.files)
    return all(info.type == fs.FileType.File for info in there)
