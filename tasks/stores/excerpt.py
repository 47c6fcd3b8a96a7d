"""A bounded look at Parquet of any size: stretches of rows, spread over files and row groups."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from data_contracts.errors import RefusedError
from data_contracts.frequency import Ints
from tasks.stores.columns import utc_microseconds
from tasks.stores.source import no_parquet, raise_if_out_of_reach

MAX_STRETCHES = 16
MAX_ROWS = 300_000
MAX_CELLS = 6_000_000


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some rows of a data set.

    Attributes:
        rows: Rows whose time is not null, in the order of the files.
        stretches: Which stretch of consecutive rows each row belongs to, shape `(rows,)`.
        instants: The time of each row in UTC microseconds, as if UTC where it has no zone.
        edges: First and last time of whole row groups, in the same unit; maybe none.
        folders: Columns that come from the names of folders.
    """

    rows: pa.Table
    stretches: Ints
    instants: Ints
    edges: Ints
    folders: frozenset[str]


def read_excerpt(dataset: pads.FileSystemDataset, columns: list[str], ds: str) -> Excerpt:
    """Read the beginnings of some row groups, the first and the last among them.

    Where they are cut, rows with the last time of all are read too: they show which columns reach
    further than the target.

    Args:
        dataset: What to look at.
        columns: What to read, `ds` among them.
        ds: The column that holds the time.

    Raises:
        RefusedError: If a file is torn, there are no rows or fewer than two times, or files do not
            fit together.
    """
    fragments = _spread(list(dataset.get_fragments()))
    groups = _row_groups(fragments)
    if not groups:
        raise RefusedError("Expected observations, got Parquet with 0 rows; check what writes it.")
    try:
        edges = pa.array(_edges(groups, ds), dataset.schema.field(ds).type)
        tables = _stretches(dataset, groups, columns, pc.field(ds) >= pc.max(edges))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RefusedError(
            f"Expected files with the same columns and types, got some that differ: {reason}."
        ) from None
    stretches = np.repeat(np.arange(len(tables)), [table.num_rows for table in tables])
    rows = pa.concat_tables(tables).unify_dictionaries()
    timed = rows[ds].is_valid()
    rows = rows.filter(timed)
    instants = _utc(rows[ds].combine_chunks())
    if (count := len(np.unique(instants))) < 2:
        raise RefusedError(f"Expected several times in column {ds!r}, got {count} without nulls.")
    return Excerpt(rows, stretches[timed.to_numpy()], instants, _utc(edges), _folders(fragments))


def _stretches(
    dataset: pads.FileSystemDataset,
    groups: list[pads.ParquetFileFragment],
    columns: list[str],
    at_the_end: pads.Expression,
) -> list[pa.Table]:
    picked = _spread(groups)
    num_rows = min(MAX_ROWS, MAX_CELLS // len(columns)) // len(picked)
    schema = pa.schema([dataset.schema.field(name) for name in columns])
    tables = [_head(group, schema, num_rows) for group in picked]
    if any(group.row_groups[0].num_rows > num_rows for group in picked):
        last = pads.FileSystemDataset(
            [picked[-1]], dataset.schema, dataset.format, dataset.filesystem
        )
        tables.append(last.head(num_rows, columns=columns, filter=at_the_end))
    return tables


def _head(group: pads.ParquetFileFragment, schema: pa.Schema, num_rows: int) -> pa.Table:
    """The first rows of a row group; a dataset would decode all of it, some ten times slower."""
    with group.open() as handle, pq.ParquetFile(handle, buffer_size=1 << 20) as file:
        there = [name for name in schema.names if name in file.schema_arrow.names]
        picked = [row_group.id for row_group in group.row_groups]
        batch = next(file.iter_batches(num_rows, row_groups=picked, columns=there))
    named = pads.get_partition_keys(group.partition_expression)
    arrays = [
        batch[field.name].cast(field.type)
        if field.name in there
        else pa.repeat(pa.scalar(named.get(field.name)), len(batch)).cast(field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _spread(items: list[pads.ParquetFileFragment]) -> list[pads.ParquetFileFragment]:
    """At most `MAX_STRETCHES` of them, evenly, the first and the last among them."""
    picks = np.linspace(0, len(items) - 1, min(len(items), MAX_STRETCHES)).round().astype(int)
    return [items[pick] for pick in picks]


def _row_groups(fragments: list[pads.ParquetFileFragment]) -> list[pads.ParquetFileFragment]:
    """Row groups that have rows, each as a fragment of its own."""
    groups = []
    for fragment in fragments:
        try:
            parts = fragment.split_by_row_group()
        except (pa.ArrowInvalid, OSError) as error:
            raise_if_out_of_reach(error)
            raise no_parquet(fragment.path) from None
        groups += [part for part in parts if part.row_groups[0].num_rows]
    return groups


def _edges(groups: list[pads.ParquetFileFragment], column: str) -> list[Any]:
    """First and last value of a column in each row group that has statistics of it."""
    statistics = [(group.row_groups[0].statistics or {}).get(column) for group in groups]
    return [found[end] for found in statistics if found for end in ("min", "max")]


def _folders(fragments: list[pads.ParquetFileFragment]) -> frozenset[str]:
    keys = [pads.get_partition_keys(fragment.partition_expression) for fragment in fragments]
    return frozenset(name for names in keys for name in names)


def _utc(times: pa.Array) -> Ints:
    return utc_microseconds(times, "UTC")
