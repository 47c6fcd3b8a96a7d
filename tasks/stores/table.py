"""What the rows of a table have to be before they are committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import ContractError
from data_contracts.versions import FIELD, Migration
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE

Value = str | int | date | pd.Timestamp
Where = Mapping[str, Value | Sequence[Value]]


class TableContract(Protocol):
    """What a module says of the table whose contract it is."""

    SCHEMA: pa.Schema
    KEY: tuple[str, ...]
    PARTITION_BY: tuple[str, ...]
    MIGRATIONS: tuple[Migration, ...]


@dataclass(frozen=True)
class Table:
    """A table of the warehouse: where it is, and the contract that its rows keep.

    Attributes:
        path: Its folder, such as `forecasts.delta`, or its URI in an object store.
        schema: Names and types of the rows. A float that may not be null has to be finite.
        key: Columns that together name one row; none of them may be null.
        partition_by: Columns that name the folder of a file.
        migrations: What turns the rows of each version into those of the next, from version 1 on.
        apart: Columns of which no file may hold two values, because files are told by them.
    """

    path: Path | str
    schema: pa.Schema
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    apart: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path | str, contract: TableContract) -> "Table":
        """The table that keeps the contract of one module of `data_contracts`."""
        return cls(path, contract.SCHEMA, contract.KEY, contract.PARTITION_BY, contract.MIGRATIONS)

    @property
    def version(self) -> int:
        """Version of the schema."""
        return len(self.migrations) + 1

    @property
    def name(self) -> str:
        """What to call the table in a message."""
        return self.uri.rpartition("/")[2].removesuffix(".delta")

    @property
    def uri(self) -> str:
        """What to open it by."""
        return str(self.path)

    @property
    def folder(self) -> Path | None:
        """Its folder, None if it lies in an object store."""
        return self.path if isinstance(self.path, Path) else None

    @property
    def stored_schema(self) -> pa.Schema:
        """The schema on disk: only the key is required, so that columns may come and go."""
        return self.as_stored(self.schema)

    def as_stored(self, schema: pa.Schema) -> pa.Schema:
        """Names and types of rows as they are declared on disk, the version in the metadata.

        The metadata of a column is the one place that is written in the same commit as the rows,
        that no later commit changes, and that goes back where a table is restored.
        """
        required = {*self.key, *self.partition_by}
        fields = [field.with_nullable(field.name not in required) for field in schema]
        marked = schema.get_field_index(self.key[0])
        known = fields[marked].metadata or {}
        fields[marked] = fields[marked].with_metadata({**known, FIELD: str(self.version)})
        return pa.schema(fields)


def predicate(where: Where) -> str:
    """The rows of a batch in SQL.

    Raises:
        ValueError: If it would be all rows, or none.

    >>> predicate({"cutoff": pd.Timestamp("2024-01-01T06:00Z"), "model": ["a", "it's"]})
    "cutoff = '2024-01-01T06:00:00+00:00' AND model IN ('a', 'it''s')"
    """
    if not where:
        raise ValueError("A commit names the rows that it replaces, got an empty condition.")
    return " AND ".join(_condition(name, _accepted(values)) for name, values in where.items())


def of_night(cutoff: pd.Timestamp) -> dict[str, Value]:
    """What the rows of one batch have in common.

    >>> predicate(of_night(pd.Timestamp("2024-01-01T23:00-05:00")))
    "cutoff_date = '2024-01-02' AND cutoff = '2024-01-02T04:00:00+00:00'"
    """
    utc = cutoff.tz_convert("UTC")
    return {CUTOFF_DATE: utc.date(), CUTOFF: utc}


def stamped(rows: pa.Table, stamps: Mapping[str, Value]) -> pa.Table:
    """Add columns of one value each, where the rows do not have them already.

    >>> stamped(pa.table({"y": [1, 2]}), {"run_id": "a"}).column("run_id").to_pylist()
    ['a', 'a']
    """
    for name, value in stamps.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.repeat(_scalar(value), rows.num_rows))
    return rows


def conform(rows: pa.Table, table: Table, where: Where) -> pa.Table:
    """The rows with the columns and types of the table's contract, in the order of its key.

    NaN in a column that may be null becomes null, so that nothing is missing in two ways.

    Args:
        rows: At least one; all of them as `where` says.
        table: The contract.
        where: Value, or accepted values, of each column that names the batch.

    Raises:
        ContractError: One sentence for every way in which the rows break the contract.
    """
    if rows.num_rows == 0:
        raise ContractError(table.name, ["Expected rows, got none; nothing was replaced."])
    _refuse_other_columns(rows, table)
    columns, findings = [], []
    for field in table.schema:
        try:
            columns.append(_strict(rows[field.name], field))
        except ValueError as complaint:
            findings.append(str(complaint))
    if findings:
        raise ContractError(table.name, findings)
    # On disk a column may be null in the rows of others; in these it was refused just now.
    typed = pa.table(columns, schema=table.stored_schema)
    _refuse_strays(typed, table, where)
    return _unique(typed, table)


def migrated(rows: pa.Table, table: Table, version: int) -> pa.Table:
    """All rows of an older version of a table as they are in the present one.

    Columns that the contract does not name are kept, for a table may have had other quantiles.

    Args:
        rows: All columns.
        table: The contract.
        version: Of the rows.

    Raises:
        ContractError: If two rows share a key afterwards.
    """
    for step in table.migrations[version - 1 :]:
        rows = step(rows)
    typed = {field.name: field for field in table.schema}
    schema = table.as_stored(pa.schema([typed.get(field.name, field) for field in rows.schema]))
    return _unique(rows.cast(schema), table)


def in_order(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The rows by ascending key; looking is much cheaper than sorting what is sorted already."""
    if _first_not_below_next(rows, key) is None:
        return rows
    return rows.sort_by([(name, "ascending") for name in key])


def _accepted(values: Value | Sequence[Value]) -> list[Any]:
    accepted = [values] if isinstance(values, str | int | date) else list(values)
    if not accepted:
        raise ValueError("A commit names the rows that it replaces, got an empty list of values.")
    return accepted


def _condition(name: str, accepted: list[Value]) -> str:
    literals = [_literal(value) for value in accepted]
    return f"{name} = {literals[0]}" if len(literals) == 1 else f"{name} IN ({', '.join(literals)})"


def _literal(value: Value) -> str:
    if isinstance(value, int):
        return str(value)
    text = value.isoformat() if isinstance(value, date) else value
    return "'" + text.replace("'", "''") + "'"


def _scalar(value: Value) -> pa.Scalar:
    if isinstance(value, datetime):
        return pa.scalar(value.astimezone(UTC), pa.timestamp("us", tz="UTC"))
    return pa.scalar(value)


def _refuse_other_columns(rows: pa.Table, table: Table) -> None:
    missing = [name for name in table.schema.names if name not in rows.column_names]
    unknown = [name for name in rows.column_names if name not in table.schema.names]
    if missing or unknown:
        complaint = (
            f"Expected the columns {', '.join(table.schema.names)}; missing: "
            f"{', '.join(missing) or 'none'}; not expected: {', '.join(unknown) or 'none'}."
        )
        raise ContractError(table.name, [complaint])


def _strict(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Cast within one kind of type, never from text to numbers or from naive to aware times."""
    if not _kindred(column.type, field.type):
        raise ValueError(f"{field.name}: expected {field.type}, got {column.type}.")
    try:
        cast = column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{field.name}: expected {field.type}, got {error}.") from None
    if field.nullable and pa.types.is_floating(field.type):
        cast = pc.if_else(pc.is_nan(cast), None, cast)
    if not field.nullable and cast.null_count:
        raise ValueError(
            f"{field.name}: expected a value in every row, {cast.null_count} have none."
        )
    if pa.types.is_floating(field.type):
        finite = pc.sum(pc.is_finite(cast)).as_py() or 0
        if finite < len(cast) - cast.null_count:
            count = len(cast) - cast.null_count - finite
            raise ValueError(f"{field.name}: expected finite numbers, {count} are not.")
    return cast


def _kindred(given: pa.DataType, wanted: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(given):
        return _kindred(given.value_type, wanted)
    if types.is_null(given) or given.equals(wanted):
        return True
    if types.is_timestamp(wanted):
        return types.is_timestamp(given) and given.tz is not None
    if types.is_string(wanted):
        return bool(types.is_large_string(given) or types.is_string_view(given))
    if types.is_floating(wanted):
        return bool(types.is_floating(given) or types.is_integer(given))
    return bool(types.is_integer(wanted) and types.is_integer(given))


def _refuse_strays(rows: pa.Table, table: Table, where: Where) -> None:
    """A row outside the batch would be added beside what is there, and come twice next time."""
    for name, values in where.items():
        accepted = pa.array([_scalar(value) for value in _accepted(values)])
        inside = pc.is_in(rows[name], value_set=accepted.cast(rows[name].type))
        if not pc.all(inside).as_py():
            stray = rows[name].filter(pc.invert(inside))[0].as_py()
            raise ContractError(
                table.name, [f"Expected only rows with {predicate({name: values})}, got {stray}."]
            )


def _unique(rows: pa.Table, table: Table) -> pa.Table:
    """Sort by the key, and refuse a key that comes twice."""
    rows = in_order(rows, table.key)
    doubled = _first_not_below_next(rows, table.key)
    if doubled is not None:
        values = ", ".join(str(rows[name][doubled].as_py()) for name in table.key)
        raise ContractError(
            table.name, [f"Expected one row per {', '.join(table.key)}, got two for {values}."]
        )
    return rows


def _first_not_below_next(rows: pa.Table, key: tuple[str, ...]) -> int | None:
    """Index of the first row whose key is not lower than that of the next row, None without one."""
    below, ties = pa.scalar(False), pa.scalar(True)
    here, following = rows.slice(0, rows.num_rows - 1), rows.slice(1)
    for name in key:
        below = pc.or_(below, pc.and_(ties, pc.less(here[name], following[name])))
        ties = pc.and_(ties, pc.equal(here[name], following[name]))
    index: int = pc.index(below, False).as_py()
    return None if index < 0 else index
