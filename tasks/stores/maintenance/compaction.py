"""Merge small files, so that a table of many nights opens and reads as fast as one of few.

The library's own compaction is not used. In deltalake 1.6.6 two that run at the same time both
succeed, and every row is there twice; nothing that a commit can carry prevents it. Here the rows of
a partition are read, sorted and written over themselves in a commit that holds only if nobody has
committed since, whoever that is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.stores.delta import (
    ATTEMPTS,
    Commit,
    open_table,
    overtaken,
    storage_trouble,
    try_rewrite,
    wait,
)
from tasks.stores.maintenance.signature import MAINTAIN
from tasks.stores.table import Table, Value, in_order

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Small enough to become one file: the library begins another one at 100 MiB.
MAX_BYTES = 64 * 2**20
MAX_ROWS = 2_000_000  # that are in memory at once


@dataclass(frozen=True)
class Part:
    """The small files of one partition.

    Attributes:
        values: Of the columns by which the table is partitioned, in their order.
        files: How many files.
        rows: In all of them.
    """

    values: tuple[Value, ...]
    files: int
    rows: int


class Merged(NamedTuple):
    """How many files became how many."""

    files: int = 0
    into: int = 0


def mergeable(opened: "DeltaTable", table: Table) -> list[Part]:
    """Partitions of a snapshot with several files that are small enough to be one.

    Left alone is a partition whose files hold different values of a column by which files are told
    apart, such as several batches of one day.
    """
    parts: dict[tuple[Value, ...], list[dict[str, Any]]] = {}
    for file in pa.table(opened.get_add_actions(flatten=True)).to_pylist():
        values = tuple(file[f"partition.{name}"] for name in table.partition_by)
        parts.setdefault(values, []).append(file)
    found = (
        Part(values, len(files), sum(file["num_records"] for file in files))
        for values, files in sorted(parts.items())
        if len(files) > 1
        and sum(file["size_bytes"] for file in files) <= MAX_BYTES
        and all(_alike(files, name) for name in table.apart)
    )
    return [part for part in found if part.rows <= MAX_ROWS]


def compact(table: Table) -> Merged:
    """Make one file of each partition that is mergeable, as many in one commit as memory allows.

    Raises:
        ConflictError: If other runs kept changing the table; what is merged already stays so.
        StorageError: If it cannot be read or written.
    """
    opened = open_table(table)
    merged = Merged()
    for batch in _batches(mergeable(opened, table) if opened is not None else [], table):
        done = _compact(table, batch)
        merged = Merged(merged.files + done.files, merged.into + done.into)
    return merged


def _compact(table: Table, batch: list[Part]) -> Merged:
    wanted = {part.values for part in batch}
    for attempt in range(ATTEMPTS):
        opened = open_table(table)
        there = [] if opened is None else mergeable(opened, table)
        parts = [part for part in there if part.values in wanted]
        if opened is None or not parts:
            return Merged()
        if _try_compact(opened, table, parts):
            return Merged(sum(part.files for part in parts), len(parts))
        wait(attempt)
    raise overtaken(table)


def _try_compact(opened: "DeltaTable", table: Table, parts: list[Part]) -> bool:
    where = {
        name: list(dict.fromkeys(part.values[place] for part in parts))
        for place, name in enumerate(table.partition_by)
    }
    filters = [(name, "in", values) for name, values in where.items()]
    with storage_trouble("read", table.path):
        rows = opened.to_pyarrow_table(filters=filters or None)
    # A table of an older version may lack a column of the key.
    key = tuple(name for name in table.key if name in rows.column_names)
    return try_rewrite(
        opened,
        table,
        in_order(rows, key),
        where=where or None,
        commit=Commit(MAINTAIN, reason="Merges small files."),
    )


def _batches(parts: list[Part], table: Table) -> Iterator[list[Part]]:
    """Partitions that fit into memory together; by two columns no single condition names them."""
    batch: list[Part] = []
    for part in parts:
        full = sum(other.rows for other in batch) + part.rows > MAX_ROWS
        if batch and (full or len(table.partition_by) > 1):
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch


def _alike(files: list[dict[str, Any]], column: str) -> bool:
    """Whether all files hold one value of a column, the same one."""
    ends = {file.get(f"{end}.{column}") for file in files for end in ("min", "max")}
    return len(ends) == 1 and None not in ends
