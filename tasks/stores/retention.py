"""Remove what nothing needs any more, so that a crash at any moment leaves nothing half-removed.

The row of a version says first that its files are gone; then its folder is renamed, at once, to a
name that nobody looks for; only then its files are deleted. What a crash leaves behind is finished
by the next night.

In an object store nothing can be renamed: there the manifest goes first, without which nobody takes
the other files for whole. The folders of this machine, its cache, follow what is in the store.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pandas as pd

from data_contracts.spec import Retention
from tasks.stores.forecasts import published_versions
from tasks.stores.objects import ObjectStore
from tasks.stores.records import settled
from tasks.stores.registry import ModelVersion, champion_history, mark_removed, versions
from tasks.stores.sharing import MANIFEST
from tasks.stores.warehouse import Warehouse

UNTOUCHED = pd.Timedelta(days=1)  # whatever is younger may be in use
OWED = pd.Timedelta(days=28)  # that a version may wait for its verdict
LEFTOVERS = (".tmp-*", ".damaged-*")


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


def clear_out(
    warehouse: Warehouse, keep: Retention, *, now: pd.Timestamp, named: str = ""
) -> Removed:
    """Remove versions, snapshots and nights beyond those that are kept, and leftovers of crashes.

    Args:
        warehouse: Where.
        keep: How many of those that nothing needs.
        now: The real instant.
        named: A version that the spec starts its trainings from.

    Raises:
        StorageError: If a table cannot be read or written; what was not removed yet stays.
    """
    _sweep(warehouse, now)
    known = versions(warehouse)
    gone = _unneeded(warehouse, known, keep.versions, now=now, named=named)
    for version in gone:
        mark_removed(warehouse, version, now)
    marked = [each for each in known if each.removed_at is not None]
    ages = _ages(warehouse, warehouse.models, now)
    for version in (*gone, *marked):
        _remove(warehouse, warehouse.models / version.model_version, ages)
    names = {version.model_version for version in (*gone, *marked)}
    needed = {each.snapshot for each in known if each.model_version not in names}
    return Removed(
        versions=tuple(version.model_version for version in gone),
        snapshots=_remove_oldest(warehouse, warehouse.snapshots, keep.snapshots, needed, now=now),
        runs=_remove_oldest(warehouse, warehouse.runs, keep.runs, set(), now=now),
    )


def _unneeded(
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


def _remove_oldest(
    warehouse: Warehouse, folder: Path, keep: int, needed: set[str], *, now: pd.Timestamp
) -> tuple[str, ...]:
    """Remove folders beyond the newest ones; names of those that are gone."""
    ages = _ages(warehouse, folder, now)
    there = sorted((age, name) for name, age in ages.items() if name not in needed)
    return tuple(name for _, name in there[keep:] if _remove(warehouse, folder / name, ages))


def _ages(warehouse: Warehouse, folder: Path, now: pd.Timestamp) -> dict[str, pd.Timedelta]:
    """How long ago each of the folders in a folder was last written to, by its name."""
    if warehouse.store is None:
        return {path.name: _age(path, now) for path in _entries(folder)}
    ages: dict[str, pd.Timedelta] = {}
    for name, entry in warehouse.store.entries(folder.name).items():
        inside = name.split("/")[1]
        ages[inside] = min(ages.get(inside, now - entry.put_at), now - entry.put_at)
    return ages


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


def _age(path: Path, now: pd.Timestamp) -> pd.Timedelta:
    try:
        return now - pd.Timestamp(path.stat().st_mtime, unit="s", tz="UTC")
    except FileNotFoundError:  # another run has removed it
        return pd.Timedelta(0)


def _remove(warehouse: Warehouse, path: Path, ages: Mapping[str, pd.Timedelta]) -> bool:
    """Remove a folder that is old enough; whether it was there."""
    if ages.get(path.name, pd.Timedelta(0)) < UNTOUCHED:
        return False
    if warehouse.store is not None:
        _remove_objects(warehouse.store, f"{path.parent.name}/{path.name}")
    return _remove_files(path) or warehouse.store is not None


def _remove_objects(store: ObjectStore, folder: str) -> None:
    names = store.entries(folder)
    store.remove(sorted(names, key=lambda name: name != f"{folder}/{MANIFEST}"))


def _remove_files(path: Path) -> bool:
    """Give a folder a name that nobody looks for, then delete it; whether it was there."""
    aside = path.with_name(f".tmp-{uuid4().hex}")
    try:
        path.rename(aside)
    except FileNotFoundError:  # another run has removed it
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _sweep(warehouse: Warehouse, now: pd.Timestamp) -> None:
    """Delete what runs that were killed have left, and copies of what is gone from the store."""
    for folder in (warehouse.models, warehouse.snapshots, warehouse.runs):
        left = [path for pattern in LEFTOVERS for path in folder.glob(pattern)]
        if warehouse.store is not None:
            there = _ages(warehouse, folder, now)
            left += [path for path in _entries(folder) if path.name not in there]
        for path in left:
            if _age(path, now) >= UNTOUCHED:
                with suppress(FileNotFoundError):
                    shutil.rmtree(path)


def _named(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    *others, last = names
    return f"{what}s {', '.join(others)} and {last}" if others else f"{what} {last}"
