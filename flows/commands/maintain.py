"""`nightcast maintain`: what upkeep a warehouse needs, and doing it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from data_contracts.errors import StorageError
from data_contracts.spec import Spec, load_spec
from flows.console import ERR, OUT, TerminalReporter, print_json, shown
from tasks.maintain import Folders, Maintenance, maintain, survey
from tasks.progress import REPORTER
from tasks.reporting.formats import count
from tasks.stores.maintenance.condition import Condition, Work

MAX_NAMES = 5  # of one kind; --json lists all of them


def show_maintenance(spec_path: Path, *, apply: bool, as_json: bool) -> None:
    """Find out what upkeep there is to do, do it if asked to, and print it.

    Raises:
        StorageError: If a part could not be looked after; the others were.
    """
    spec = load_spec(spec_path)
    with TerminalReporter() as reporter:
        REPORTER.set(reporter)
        done = (maintain if apply else survey)(spec, now=pd.Timestamp.now("UTC"))
    if as_json:
        print_json(_answer(spec, done, applied=apply))
    else:
        _print(spec, done, applied=apply)
    if done.trouble:
        for sentence in done.trouble:
            ERR.print(f"[red]trouble[/] {shown(sentence)}", soft_wrap=True)
        parts, work = count(len(done.trouble), "part"), "looked after" if apply else "examined"
        raise StorageError(f"{parts} of the warehouse could not be {work}; the others were.")


def _answer(spec: Spec, done: Maintenance, *, applied: bool) -> dict[str, Any]:
    """Everything that is known, for a program."""
    return {
        "name": spec.name,
        "applied": applied,
        "history_days": spec.retention.history_days,
        "tables": [
            asdict(table)
            | {"readable_since": table.readable_since and table.readable_since.isoformat()}
            | {"work": asdict(done.work[table.table])}
            for table in done.tables
        ],
        "folders": asdict(done.folders),
        "bytes": done.bytes,
        "trouble": list(done.trouble),
    }


def _print(spec: Spec, done: Maintenance, *, applied: bool) -> None:
    OUT.print(f"[bold]{shown(spec.name)}[/]", soft_wrap=True)
    OUT.print(_state(done.tables))
    lines = [
        *(f"{name}: {line}" for name, work in done.work.items() for line in _of_table(work, spec)),
        *_of_folders(done.folders),
    ]
    for line in lines:
        OUT.print(f"{'[green]✓[/]' if applied else '[yellow]·[/]'} {shown(line)}", soft_wrap=True)
    if not lines:
        OUT.print("There is nothing to do." if not applied else "There was nothing to do.")
    elif applied:
        OUT.print(f"Freed {_megabytes(done.bytes)}.")
    else:
        OUT.print(
            f"Nothing was changed; --apply does this and frees {_megabytes(done.bytes)}.",
            soft_wrap=True,
        )


def _state(tables: tuple[Condition, ...]) -> Table:
    """A row per table."""
    shown_tables = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    shown_tables.add_column("table")
    for name in ("rows", "files", "MB", "MB of history", "version"):
        shown_tables.add_column(name, justify="right")
    shown_tables.add_column("readable from (UTC)", no_wrap=True)
    for table in tables:
        since = "" if table.readable_since is None else f", {table.readable_since:%Y-%m-%d %H:%M}"
        shown_tables.add_row(
            table.table,
            f"{table.rows:,}",
            f"{table.files:,}",
            f"{table.bytes / 1e6:,.1f}",
            f"{table.history_bytes / 1e6:,.1f}",
            str(table.version),
            f"{table.oldest_version}{since}",
        )
    return shown_tables


def _of_table(work: Work, spec: Spec) -> Iterator[str]:
    """A line for each thing to do about a table."""
    if work.settings:
        yield f"keep what was replaced for {count(spec.retention.history_days, 'day')}"
    if work.stale_files:
        files = count(work.stale_files, "file")
        yield f"delete {files} that no kept version needs, {_megabytes(work.stale_bytes)}"
    if work.staged_files:
        files = count(work.staged_files, "half-written file")
        yield f"delete {files}, {_megabytes(work.staged_bytes)}"
    if work.small_files:
        yield f"merge {count(work.small_files, 'file')} into {work.merged_into:,}"
    if work.checkpoint:
        yield f"write a checkpoint, {count(work.checkpoint, 'entry', 'entries')} after the last"
    if work.expired_entries:
        yield f"delete {count(work.expired_entries, 'expired entry', 'expired entries')} of the log"


def _of_folders(folders: Folders) -> Iterator[str]:
    """A line for each kind of folder that can go."""
    kinds = {
        "model version": folders.models,
        "snapshot": folders.snapshots,
        "night's files": folders.runs,
        "leftover of killed runs": folders.leftovers,
    }
    for kind, names in kinds.items():
        if names:
            rest = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
            yield f"remove {kind}: {', '.join(names[:MAX_NAMES])}{rest}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
