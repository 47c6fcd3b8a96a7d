"""Look after a warehouse: its tables, and the models, snapshots and nights beside them.

What is in the way of one part keeps no other from being looked after; it is told at the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_contracts.errors import NightcastError, RefusedError
from data_contracts.spec import Spec
from tasks.progress import stage
from tasks.stores.files import sizes
from tasks.stores.maintenance.condition import Condition, Work, examine, look_after
from tasks.stores.reader_aids import put_reader_aids
from tasks.stores.retention import Unneeded, remove, unneeded
from tasks.stores.tables import tables_of
from tasks.stores.trouble import storage_trouble
from tasks.stores.warehouse import Warehouse, open_warehouse, warehouse_of


@dataclass(frozen=True)
class Folders:
    """Folders and files beside the tables that nothing needs, or that were removed.

    Attributes:
        models: Names of model versions.
        snapshots: Names of snapshots.
        runs: Names of nights.
        leftovers: What killed runs left behind, by paths below the warehouse.
        bytes: Of all of them.
    """

    models: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    bytes: int = 0

    def __bool__(self) -> bool:
        return self != Folders()


@dataclass(frozen=True)
class Maintenance:
    """What there is to do in a warehouse, or what was done.

    Attributes:
        tables: The state of those that could be looked at.
        work: What there is to do about them, or what was done, by the name of the table.
        folders: Those that can go, or are gone.
        trouble: A sentence for each part that could not be looked after.
    """

    tables: tuple[Condition, ...]
    work: dict[str, Work]
    folders: Folders
    trouble: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Space that this frees."""
        return self.folders.bytes + sum(work.bytes for work in self.work.values())


def survey(spec: Spec, *, now: pd.Timestamp) -> Maintenance:
    """Find what there is to do in the warehouse of a spec; nothing is changed.

    Args:
        spec: Says how much is kept.
        now: The real instant.

    Raises:
        RefusedError: If there is no warehouse yet.
        SpecError: If the spec names no place for one.
    """
    warehouse = warehouse_of(spec)
    trouble: list[str] = []
    tables, folders = _examined(spec, warehouse, now, trouble), Folders()
    with stage("find what nothing needs"), _told(trouble), storage_trouble("read", warehouse.place):
        folders = _folders(warehouse, _unneeded(spec, warehouse, now))
    if not tables and not trouble:
        raise RefusedError(
            f"There is no warehouse in {warehouse.place} yet; `nightcast run` makes one."
        )
    work = {table.table: table.work for table in tables}
    return Maintenance(tables, work, folders, tuple(trouble))


def maintain(spec: Spec, *, now: pd.Timestamp) -> Maintenance:
    """Do what there is to do in the warehouse of a spec; what was done.

    Runs that read or write meanwhile are not disturbed. What is broken off is finished the next
    time.

    Args:
        spec: Says how much is kept.
        now: The real instant.

    Raises:
        RefusedError: If there is no warehouse yet.
        SpecError: If the spec names no place for one, or it cannot be written.
    """
    due = survey(spec, now=now).work
    warehouse = open_warehouse(spec)
    days = spec.retention.history_days
    trouble: list[str] = []
    work, folders = dict.fromkeys(due, Work()), Folders()
    for table in tables_of(warehouse):
        if due.get(table.name):
            with stage(f"look after {table.name}"), _told(trouble):
                work[table.name] = look_after(table, history_days=days, now=now)
    if "forecasts" in due:  # the vacuum takes the guard away once it is old
        with _told(trouble), storage_trouble("write", warehouse.place):
            put_reader_aids(warehouse)
    writing = storage_trouble("write", warehouse.place)
    with stage("remove what nothing needs"), _told(trouble), writing:
        found = _unneeded(spec, warehouse, now)
        going = _folders(warehouse, found)
        remove(warehouse, found, now=now)
        folders = going
    tables = _examined(spec, warehouse, now, trouble)
    return Maintenance(tables, work, folders, tuple(dict.fromkeys(trouble)))


def _examined(
    spec: Spec, warehouse: Warehouse, now: pd.Timestamp, trouble: list[str]
) -> tuple[Condition, ...]:
    """The state of each table that is there and can be read."""
    found, days = [], spec.retention.history_days
    tables = tables_of(warehouse)
    with stage("examine the tables") as step:
        for number, table in enumerate(tables):
            step(number, len(tables), table.name)
            with _told(trouble):
                found.append(examine(table, history_days=days, now=now))
    return tuple(condition for condition in found if condition is not None)


def _unneeded(spec: Spec, warehouse: Warehouse, now: pd.Timestamp) -> Unneeded:
    return unneeded(warehouse, spec.retention, now=now, named=spec.training.start_from)


def _folders(warehouse: Warehouse, found: Unneeded) -> Folders:
    """What was found, by name and with the space that it takes."""
    places = [
        *found.leftovers,
        *(warehouse.models / name for name in found.models),
        *(warehouse.snapshots / name for name in found.snapshots),
        *(warehouse.runs / name for name in found.runs),
    ]
    registered = (version.model_version for version in found.versions)
    return Folders(
        models=tuple(dict.fromkeys([*registered, *found.models])),
        snapshots=found.snapshots,
        runs=found.runs,
        leftovers=tuple(str(path.relative_to(warehouse.root)) for path in found.leftovers),
        bytes=sum(_size(warehouse, path) for path in places),
    )


def _size(warehouse: Warehouse, path: Path) -> int:
    """Bytes of a file, or of all files in a folder; none where another run has removed it."""
    if warehouse.store is not None and path.name[0] != ".":
        entries = warehouse.store.entries(f"{path.parent.name}/{path.name}")
        return sum(entry.size for entry in entries.values())
    if path.is_dir():
        return sum(size for _, size in sizes(path))
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _told(trouble: list[str]) -> Iterator[None]:
    """Keep what goes wrong in one part, and go on with the next."""
    try:
        yield
    except NightcastError as error:
        trouble.append(str(error))
