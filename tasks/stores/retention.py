"""Remove what nothing needs any more, so that a crash at any moment leaves nothing half-removed.

The row of a version says first that its files are gone; then its folder is renamed, at once, to a
name that nobody looks for; only then its files are deleted. What a crash leaves behind is finished
by the next night.

In an object store nothing can be renamed: there the manifest goes first, without which nobody takes
the other files for whole. The folders of this machine, its cache, follow what is in the store.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from data_contracts.spec import Retention
from tasks.stores.forecasts import published_versions
from tasks.stores.leftovers import UNTOUCHED, age_of, delete, leftovers
from tasks.stores.records import settled
from tasks.stores.registry import ModelVersion, champion_history, mark_removed, versions
from tasks.stores.sharing import remove_folder
from tasks.stores.warehouse import Warehouse

OWED = pd.Timedelta(days=28)  # that a version may wait for its verdict, or for its row


class Removed(NamedTuple):
    """What was removed: names of versions, of snapshots and of the folders of nights."""

    versions: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One sentence, empty where nothing was removed.

        >>> str(Removed(versions=("a", "b"), runs=("c",)))
        'Removed, as retention says: model versions a and b; the files of the night c.'
        """
        parts = [
            _named("model version", self.versions),
            _named("snapshot", self.snapshots),
            _named("the files of the night", self.runs),
        ]
        told = "; ".join(filter(None, parts))
        return f"Removed, as retention says: {told}." if told else ""


class Unneeded(NamedTuple):
    """What nothing needs.

    Attributes:
        versions: Those whose row is to say that their files are gone.
        models: Names of their folders, of those of versions whose row says so already, and of
            those that have never got a row.
        snapshots: Names of folders of panels.
        runs: Names of folders of nights.
        leftovers: What killed runs left behind, and copies of what is gone from the store.
    """

    versions: tuple[ModelVersion, ...] = ()
    models: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    leftovers: tuple[Path, ...] = ()


def clear_out(
    warehouse: Warehouse, keep: Retention, *, now: pd.Timestamp, named: str = ""
) -> Removed:
    """Remove what `unneeded` finds.

    Args:
        warehouse: Where.
        keep: How many of those that nothing needs.
        now: The real instant.
        named: A version that the spec starts its trainings from.

    Raises:
        StorageError: If a table cannot be read or written; what was not removed yet stays.
    """
    return remove(warehouse, unneeded(warehouse, keep, now=now, named=named), now=now)


def unneeded(
    warehouse: Warehouse, keep: Retention, *, now: pd.Timestamp, named: str = ""
) -> Unneeded:
    """Find versions, snapshots and nights beyond those that are kept, and leftovers of crashes.

    Nothing is changed.

    Args:
        warehouse: Where.
        keep: How many of those that nothing needs.
        now: The real instant.
        named: A version that the spec starts its trainings from.

    Raises:
        StorageError: If a table cannot be read.
    """
    known = versions(warehouse)
    gone = _idle(warehouse, known, keep.versions, now=now, named=named)
    marked = [each for each in known if each.removed_at is not None]
    names = {version.model_version for version in (*gone, *marked)}
    needed = {each.snapshot for each in known if each.model_version not in names}
    folders = _ages(warehouse, warehouse.models, now)
    idle = {name: age for name, age in folders.items() if name in names}
    return Unneeded(
        versions=tuple(gone),
        models=(*_oldest(idle, 0), *_unregistered(warehouse, known, folders)),
        snapshots=_oldest(_ages(warehouse, warehouse.snapshots, now), keep.snapshots, needed),
        runs=_earliest(_ages(warehouse, warehouse.runs, now), keep.runs),
        leftovers=(*leftovers(warehouse, now), *_copies(warehouse, now)),
    )


def remove(warehouse: Warehouse, what: Unneeded, *, now: pd.Timestamp) -> Removed:
    """Remove what was found; what another run removes meanwhile is not counted.

    Raises:
        StorageError: If the registry cannot be written; what was not removed yet stays.
    """
    for path in what.leftovers:
        delete(path)
    for version in what.versions:
        mark_removed(warehouse, version, now)
    for name in what.models:
        remove_folder(warehouse, warehouse.models / name)
    return Removed(
        versions=tuple(version.model_version for version in what.versions),
        snapshots=_removed(warehouse, warehouse.snapshots, what.snapshots),
        runs=_removed(warehouse, warehouse.runs, what.runs),
    )


def _idle(
    warehouse: Warehouse, known: list[ModelVersion], keep: int, *, now: pd.Timestamp, named: str
) -> list[ModelVersion]:
    """Versions that may go: judged, never in service or published, no start of any that stays."""
    served = {move.model_version for move in champion_history(warehouse)}
    idle = [each for each in known if each.removed_at is None and each.model_version not in served]
    idle.sort(key=lambda each: each.created_at, reverse=True)
    judged = settled(warehouse, before=now)
    old = {
        each.model_version
        for each in idle[keep:]
        if each.created_at < now - UNTOUCHED
        and (
            each.model_version in judged.versions
            or each.cutoff in judged.cutoffs
            or each.created_at < now - OWED
        )
    }
    old -= published_versions(warehouse, old)
    old -= _starts({each.model_version: each for each in known}, old) | {named}
    return [each for each in idle if each.model_version in old]


def _starts(known: dict[str, ModelVersion], old: set[str]) -> set[str]:
    """Everything that the versions which stay started from, and what that started from."""
    starts: set[str] = set()
    for version in known.keys() - old:
        start = known[version].start
        while start in known and start not in starts:
            starts.add(start)
            start = known[start].start
    return starts


def _unregistered(
    warehouse: Warehouse, known: list[ModelVersion], folders: Mapping[str, pd.Timedelta]
) -> list[str]:
    """Folders of versions whose run died before it wrote their row.

    The same night run again takes such a folder for its own. Where no version is known at all the
    registry itself is missing, and nothing can be told.
    """
    if not known:
        return []
    names = {version.model_version for version in known}
    old = {name for name, age in folders.items() if name not in names and age >= OWED}
    return sorted(old - published_versions(warehouse, old))


def _oldest(
    folders: Mapping[str, pd.Timedelta], keep: int, needed: Collection[str] = ()
) -> tuple[str, ...]:
    """Folders beyond the newest ones, without those that are needed or may be in use."""
    newest_first = sorted((age, name) for name, age in folders.items() if name not in needed)
    return tuple(name for age, name in newest_first[keep:] if age >= UNTOUCHED)


def _earliest(nights: Mapping[str, pd.Timedelta], keep: int) -> tuple[str, ...]:
    """Nights before the last ones, which a backfill of earlier dates does not displace."""
    last_first = sorted(nights, reverse=True)
    return tuple(name for name in last_first[keep:] if nights[name] >= UNTOUCHED)


def _ages(warehouse: Warehouse, folder: Path, now: pd.Timestamp) -> dict[str, pd.Timedelta]:
    """How long ago each of the folders in a folder was last written to, by its name."""
    if warehouse.store is None:
        return {path.name: age_of(path, now) for path in _entries(folder)}
    ages: dict[str, pd.Timedelta] = {}
    for name, entry in warehouse.store.entries(folder.name).items():
        inside = name.split("/")[1]
        ages[inside] = min(ages.get(inside, now - entry.put_at), now - entry.put_at)
    return ages


def _copies(warehouse: Warehouse, now: pd.Timestamp) -> list[Path]:
    """Folders of this machine that are gone from the store."""
    if warehouse.store is None:
        return []
    return [
        path
        for folder in (warehouse.models, warehouse.snapshots, warehouse.runs)
        for there in [_ages(warehouse, folder, now)]
        for path in _entries(folder)
        if path.name not in there and age_of(path, now) >= UNTOUCHED
    ]


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


def _removed(warehouse: Warehouse, folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if remove_folder(warehouse, folder / name))


def _named(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    *others, last = names
    return f"{what}s {', '.join(others)} and {last}" if others else f"{what} {last}"
