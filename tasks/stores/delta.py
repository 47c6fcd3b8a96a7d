"""The one place that commits rows to the tables of a warehouse.

A commit replaces, all at once, the rows that a `Where` names. There is no append: what runs twice
writes over what it wrote before, and a reader sees the old rows or the new ones, never a mixture.

Each table carries the version of its schema. The first write to a table of an older version brings
it to the present one, in a commit of its own; a newer version is neither read nor written.
"""

import errno
import json
import random
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote
from uuid import uuid4

import pyarrow as pa

from data_contracts.errors import ConflictError, OvertakenError
from data_contracts.versions import FIELD, refuse_newer
from data_contracts.vocabulary import RUN_ID
from tasks.lineage import code_version
from tasks.stores.connection import options_for
from tasks.stores.files import sync, sync_if_there
from tasks.stores.log import LOG, log_entries, refuse_torn_entries
from tasks.stores.table import Table, Where, conform, migrated, predicate
from tasks.stores.trouble import storage_trouble as storage_trouble

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, WriterProperties

ATTEMPTS = 12
ROOM = 1 << 20  # bytes that a commit takes beside its rows
ROWS_OF_A_GROUP = 1 << 17  # rows are sorted by the key, so a reader of few series skips groups
LOG_RETENTION = "delta.logRetentionDuration"
FILE_RETENTION = "delta.deletedFileRetentionDuration"
SETTINGS: dict[str, str | None] = {
    # Between checkpoints every commit is slower than the one before.
    "delta.checkpointInterval": "20",
    # As retention.history_days says by default; `nightcast maintain` sets what a spec says.
    LOG_RETENTION: "interval 30 days",
    FILE_RETENTION: "interval 30 days",
}


@dataclass(frozen=True)
class Commit:
    """Who commits, and why; both are kept in the history of the table, with the code that did it.

    Attributes:
        run_id: Which run.
        token: Fencing number of the attempt, such as its start in nanoseconds. Rows that were
            written under a higher one stay; None writes over whatever is there.
        reason: Why, one sentence. Without one a fenced commit says whether it is the first of its
            batch.
        yields: Whether rows of any other run stay, whenever they were written.
    """

    run_id: str
    token: int | None = None
    reason: str = ""
    yields: bool = False


def open_table(table: Table) -> "DeltaTable | None":
    """The newest snapshot of a table, None where there is none yet.

    Raises:
        StorageError: If it cannot be read.
        VersionError: If a newer Nightcast has written it.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    with storage_trouble("read", table.path):
        # Without a log entry somebody is creating the table just now, or died while doing so.
        if table.folder is not None and not log_entries(table.folder):
            return None
        try:
            opened = DeltaTable(table.uri, storage_options=options_for(table.path))
        except TableNotFoundError:
            if table.folder is not None:
                raise
            return None
        except DeltaError:
            if table.folder is not None:
                refuse_torn_entries(table.folder)
            raise
    schema_version(table, opened)
    return opened


def ensure_table(table: Table) -> "DeltaTable":
    """The newest snapshot of a table in its present version; it is created where there is none.

    Raises:
        ConflictError: If other runs kept changing the table while it was brought up to date.
        StorageError: If the folder cannot be written.
        VersionError: If a newer Nightcast has written it.
    """
    opened = open_table(table)
    while opened is None:
        with storage_trouble("write", table.path):
            _try_create(table)
        opened = open_table(table)
    return _up_to_date(table, opened)


def schema_version(table: Table, opened: "DeltaTable") -> int:
    """Version of the schema of a snapshot, 1 where it says none.

    Raises:
        VersionError: If this code does not know it yet.
    """
    with storage_trouble("read", table.path):
        found = [
            field.metadata[FIELD] for field in opened.schema().fields if FIELD in field.metadata
        ]
    return refuse_newer(table.uri, found[0] if found else None, table.version)


def read_table(table: Table, opened: "DeltaTable | None" = None) -> pa.Table:
    """All rows of a small table in the order of its key; no rows where there is no table.

    Rows of an older version are read as if they had been migrated. A column that the contract has
    and the table has not yet is null.

    Args:
        table: What to read.
        opened: A snapshot to read from; None takes the newest.

    Raises:
        StorageError: If it cannot be read.
    """
    opened = opened or open_table(table)
    if opened is None:
        return table.stored_schema.empty_table()
    there = [field.name for field in opened.schema().fields]
    if schema_version(table, opened) == table.version:
        there = [name for name in there if name in table.schema.names]
    with storage_trouble("read", table.path):
        rows = as_present(table, opened, opened.to_pyarrow_table(columns=there))
    for field in table.stored_schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    return rows.select(table.schema.names).sort_by([(name, "ascending") for name in table.key])


def as_present(table: Table, opened: "DeltaTable", rows: pa.Table) -> pa.Table:
    """Rows of a snapshot, all their columns, as they are in the present version of its table."""
    version = schema_version(table, opened)
    return rows if version == table.version else migrated(rows, table, version)


def replace_rows(table: Table, rows: pa.Table, *, where: Where, commit: Commit) -> int:
    """Replace the rows that `where` names by `rows`, in one commit that survives a power loss.

    Creates the table if there is none, and adds columns that it lacks. Columns that only the table
    has are null in the new rows.

    Args:
        table: Where to, and the contract.
        rows: At least one; all of them as `where` says.
        where: Value, or accepted values, of each column that names the batch; never empty.
        commit: Who commits.

    Returns:
        Version of the table that first holds the rows.

    Raises:
        ContractError: If the rows do not keep the contract, or there are none.
        ConflictError: If the batch was written under a higher token, or by another run that this
            one yields to, or others kept writing it.
        StorageError: If the folder cannot be written.
    """
    rows = conform(rows, table, where)
    for attempt in range(ATTEMPTS):
        version = try_replace(ensure_table(table), table, rows, where=where, commit=commit)
        if version is not None:
            return version
        wait(attempt)
    raise overtaken(table)


def try_replace(
    opened: "DeltaTable", table: Table, rows: pa.Table, *, where: Where, commit: Commit
) -> int | None:
    """Commit rows on top of one snapshot; None if a commit on the same rows came in between.

    Args:
        opened: The snapshot.
        table: Where to.
        rows: What `conform` returned.
        where: As in `replace_rows`.
        commit: As in `replace_rows`.
    """
    from deltalake import Transaction, write_deltalake
    from deltalake.exceptions import CommitFailedError

    condition = predicate(where)
    guard = f"{table.name}/{condition}"
    if commit.yields:  # looked up in the snapshot itself: whoever comes in between is a conflict
        _refuse_others(opened, table, condition, commit.run_id)
    commit = _explained(commit, _refuse_older(opened, guard, commit.token))
    fence = [] if commit.token is None else [Transaction(guard, commit.token)]
    commit_id = uuid4().hex
    with storage_trouble("write", table.path):
        _refuse_full_disk(table, rows)
        known = {field.name for field in opened.schema().fields}
        try:
            write_deltalake(
                opened,
                rows,
                mode="overwrite",
                predicate=condition,
                # A change of the schema conflicts with every other commit, so only where needed.
                schema_mode=None if known == set(rows.column_names) else "merge",
                writer_properties=_layout(),
                commit_properties=_properties(commit, commit_id, fence),
            )
        except CommitFailedError:
            return None
        return _make_durable(opened, table, commit_id)


def try_rewrite(
    opened: "DeltaTable",
    table: Table,
    rows: pa.Table,
    *,
    where: Where | None = None,
    commit: Commit,
    schema_mode: Literal["overwrite"] | None = None,
) -> bool:
    """Put rows that were read into other files, unless anybody has committed since.

    Args:
        opened: The snapshot that the rows were read from.
        table: Which table.
        rows: All that `where` names.
        where: As in `replace_rows`; None for the whole table.
        commit: Who commits.
        schema_mode: `overwrite` where the rows have another schema than the table.

    Returns:
        Whether it was done.
    """
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError

    commit_id = uuid4().hex
    with storage_trouble("write", table.path):
        _refuse_full_disk(table, rows)
        try:
            write_deltalake(
                opened,
                rows,
                mode="overwrite",
                predicate=None if where is None else predicate(where),
                schema_mode=schema_mode,
                writer_properties=_layout(),
                # A repeated attempt would put these rows in the place of those written meanwhile.
                commit_properties=_properties(commit, commit_id, [], retries=0),
            )
        except CommitFailedError:
            return False
        _make_durable(opened, table, commit_id)
    return True


def delete_rows(table: Table, *, where: Where, commit: Commit) -> None:
    """Remove the rows that `where` names; nothing happens where there are none.

    Raises:
        ConflictError: If they were written under a higher token, or others kept changing the table.
        StorageError: If the folder cannot be written.
    """
    for attempt in range(ATTEMPTS):
        opened = open_table(table)
        if opened is None or _try_delete(_up_to_date(table, opened), table, where, commit):
            return
        wait(attempt)
    raise overtaken(table)


def _refuse_full_disk(table: Table, rows: pa.Table) -> None:
    """Say that rows will not fit before the table format finds out, whose writer panics then."""
    if table.folder is None:
        return
    free = shutil.disk_usage(table.folder).free
    if free < rows.nbytes + ROOM:
        raise OSError(
            errno.ENOSPC,
            f"{free / 1e6:.1f} MB are left on the disk, and {(rows.nbytes + ROOM) / 1e6:.1f} MB "
            "may be needed",
        )


def _try_create(table: Table) -> None:
    """Create a table, unless another run does so at this moment."""
    from deltalake import CommitProperties, DeltaTable
    from deltalake.exceptions import CommitFailedError

    if table.folder is not None:
        table.folder.mkdir(parents=True, exist_ok=True)
    with suppress(CommitFailedError):
        DeltaTable.create(
            table.uri,
            schema=table.stored_schema,
            partition_by=list(table.partition_by),
            mode="ignore",
            configuration=SETTINGS | {"delta.dataSkippingStatsColumns": _filtered(table)},
            # A repeated attempt would declare the table of the other run anew.
            commit_properties=CommitProperties(max_commit_retries=0),
            storage_options=options_for(table.path),
        )
    if table.folder is not None:
        log = table.folder / LOG
        for path in (*log.glob("*.json"), log, table.folder, table.folder.parent):
            sync(path)


def _filtered(table: Table) -> str:
    """Columns whose least and greatest value each file says: what readers filter by.

    By default these are the first 32, and a table may have more quantiles than that before its key.
    """
    names = [
        field.name
        for field in table.stored_schema
        if field.name not in table.partition_by and not pa.types.is_floating(field.type)
    ]
    return ",".join(names)


def _up_to_date(table: Table, opened: "DeltaTable") -> "DeltaTable":
    """A snapshot in the present version, after a migration where one is due."""
    for attempt in range(ATTEMPTS):
        if schema_version(table, opened) == table.version:
            return opened
        if not _try_migrate(table, opened):
            wait(attempt)
        opened = open_table(table) or opened
    raise overtaken(table)


def _try_migrate(table: Table, opened: "DeltaTable") -> bool:
    """Rewrite a table in the present version, unless anybody has committed since it was opened."""
    version = schema_version(table, opened)
    with storage_trouble("read", table.path):
        rows = as_present(table, opened, opened.to_pyarrow_table())
    commit = Commit(run_id=f"migration {version} to {table.version}")
    return try_rewrite(opened, table, rows, commit=commit, schema_mode="overwrite")


def _layout() -> "WriterProperties":
    from deltalake import WriterProperties

    return WriterProperties(
        compression="ZSTD", compression_level=3, max_row_group_size=ROWS_OF_A_GROUP
    )


def _properties(
    commit: Commit, commit_id: str, fence: list[Any], *, retries: int = 15
) -> "CommitProperties":
    from deltalake import CommitProperties

    return CommitProperties(
        max_commit_retries=retries,
        app_transactions=fence,
        custom_metadata={
            "run_id": commit.run_id,
            "commit_id": commit_id,
            "reason": commit.reason,
            "code_version": code_version(),
        },
    )


def _explained(commit: Commit, seen: int | None) -> Commit:
    if commit.reason or commit.token is None:
        return commit
    again = (
        "Published again." if commit.token == seen else "Replaces what an earlier attempt wrote."
    )
    return replace(commit, reason="Published." if seen is None else again)


def _refuse_older(opened: "DeltaTable", guard: str, token: int | None) -> int | None:
    """The token that the batch was last written under."""
    seen = None if token is None else opened.transaction_version(guard)
    if token is not None and seen is not None and seen > token:
        raise OvertakenError(
            f"A newer attempt has written {guard} already (its token is {seen}, this one's "
            f"{token}); nothing was changed."
        )
    return seen


def _refuse_others(opened: "DeltaTable", table: Table, condition: str, run_id: str) -> None:
    """Stop where there are rows of another run."""
    from deltalake import QueryBuilder

    wanted = f"SELECT DISTINCT {RUN_ID} FROM there WHERE {condition}"
    with storage_trouble("read", table.path):
        try:
            found = QueryBuilder().register("there", opened).execute(wanted).read_all()
        except Exception as error:  # it has no class of its own, whatever is wrong with a file
            raise OSError(str(error)) from error
    others = [run for run in pa.table(found)[RUN_ID].to_pylist() if run != run_id]
    if others:
        raise OvertakenError(
            f"The run {others[0]} has written {table.name}/{condition} already, and what exists "
            "stays; nothing was changed."
        )


def _try_delete(opened: "DeltaTable", table: Table, where: Where, commit: Commit) -> bool:
    from deltalake import Transaction
    from deltalake.exceptions import CommitFailedError

    guard = f"{table.name}/{predicate(where)}"
    _refuse_older(opened, guard, commit.token)
    fence = [] if commit.token is None else [Transaction(guard, commit.token)]
    commit_id = uuid4().hex
    properties = _properties(commit, commit_id, fence)
    with storage_trouble("write", table.path):
        try:
            done = opened.delete(predicate(where), commit_properties=properties)
        except CommitFailedError:
            return False
        if done["num_deleted_rows"]:
            _make_durable(opened, table, commit_id)
        return True


def wait(attempt: int) -> None:
    """Let others finish; longer after each attempt, and never all for the same time."""
    time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))


def overtaken(table: Table) -> ConflictError:
    """What to raise when every attempt found that others had committed meanwhile."""
    return ConflictError(
        f"{table.name}: other runs kept writing the same rows, {ATTEMPTS} attempts failed; "
        "run again when they are done."
    )


def _make_durable(opened: "DeltaTable", table: Table, commit_id: str) -> int:
    """Sync the files of one commit, which the table format does not do; return its version.

    What an object store has confirmed is durable already.

    Args:
        opened: The snapshot that was written to, and so is that of the commit by now.
        table: Where to.
        commit_id: Of the commit.
    """
    if table.folder is None:
        return int(opened.version())
    path, log = table.folder, table.folder / LOG
    entry, actions = _find_commit(log, commit_id)
    files = [path / unquote(action["add"]["path"]) for action in actions if "add" in action]
    folders = {parent for file in files for parent in file.parents if parent.is_relative_to(path)}
    for checkpoint in (*log.glob(f"{entry.stem}.checkpoint*"), *log.glob("_last_checkpoint")):
        sync_if_there(checkpoint)  # another process may just be writing the same one
    for written in (*files, entry, *folders, log, path):
        sync(written)
    return int(entry.stem)


def _find_commit(log: Path, commit_id: str) -> tuple[Path, list[Any]]:
    for entry in sorted(log.glob("*.json"), reverse=True):
        actions = [json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines()]
        if any(action.get("commitInfo", {}).get("commit_id") == commit_id for action in actions):
            return entry, actions
    raise FileNotFoundError(f"the commit {commit_id} is not in the log")
