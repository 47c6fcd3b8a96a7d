"""What brings the files of a warehouse into its object store, and from there to this machine.

A warehouse that is a folder needs none of it: there, nothing happens. A folder that never changes
is put file by file, its manifest last, so that whoever finds the manifest finds everything.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from tasks.stores.files import sync
from tasks.stores.objects import Entry
from tasks.stores.warehouse import Warehouse

MANIFEST = "manifest.json"


def share_file(warehouse: Warehouse, path: Path) -> None:
    """Put a file of the warehouse into its store, in the place of what is there.

    Raises:
        StorageError: If the store cannot be written.
    """
    if warehouse.store is None:
        return
    name = _name(warehouse, path)
    warehouse.store.put(name, path)
    _remember(path, warehouse.store.entry(name))


def drop_file(warehouse: Warehouse, path: Path) -> None:
    """Remove a file of the warehouse, here and from its store, if it is there.

    Raises:
        StorageError: If the store cannot be written.
    """
    path.unlink(missing_ok=True)
    if warehouse.store is not None:
        warehouse.store.remove([_name(warehouse, path)])


def share_folder(warehouse: Warehouse, folder: Path, *, anew: bool = False) -> None:
    """Put a folder that never changes into the store, if its files are not there already.

    The manifest is put in any case: retention leaves alone what is in use.

    Args:
        warehouse: Whose.
        folder: On this machine, whole.
        anew: Whether what is there is damaged, so that all files are put.

    Raises:
        StorageError: If the store cannot be written.
    """
    if warehouse.store is None:
        return
    if anew:  # killed half-way, this must not leave the old manifest beside new files
        warehouse.store.remove([_name(warehouse, folder / MANIFEST)])
    there = {} if anew else warehouse.store.entries(_name(warehouse, folder))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path == folder / MANIFEST):
        name = _name(warehouse, path)
        if path == folder / MANIFEST or not _has_size(there.get(name), path):
            warehouse.store.put(name, path)


def fetch_file(warehouse: Warehouse, path: Path) -> Path:
    """Bring a file as it is in the store to this machine; one that is not there is removed here.

    Returns:
        The path, for convenience; whether there is a file is left to whoever opens it.

    Raises:
        StorageError: If the store cannot be read.
    """
    if warehouse.store is None:
        return path
    name = _name(warehouse, path)
    there = warehouse.store.entry(name)
    if there is None:
        path.unlink(missing_ok=True)
    elif not _is_same(path, there):
        warehouse.store.get(name, path)
        _remember(path, there)
    return path


def fetch_folder(warehouse: Warehouse, folder: Path) -> bool:
    """Bring a folder that never changes to this machine, in the place of a damaged one.

    Returns:
        Whether it was brought; not if there is no store, or nothing whole in it.

    Raises:
        StorageError: If the store cannot be read.
    """
    if warehouse.store is None:
        return False
    name = _name(warehouse, folder)
    there = warehouse.store.entries(name)
    if f"{name}/{MANIFEST}" not in there:
        return False
    draft = folder.with_name(f".tmp-{uuid4().hex}")
    try:
        for each in there:
            warehouse.store.get(each, draft / each.removeprefix(f"{name}/"))
        put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def remove_folder(warehouse: Warehouse, folder: Path) -> bool:
    """Remove a folder that never changes, here and from the store; whether it was there.

    Raises:
        StorageError: If the store cannot be written.
    """
    if warehouse.store is not None:
        name = _name(warehouse, folder)
        there = warehouse.store.entries(name)
        warehouse.store.remove(sorted(there, key=lambda each: each != f"{name}/{MANIFEST}"))
    return _remove_files(folder) or warehouse.store is not None


def on_this_machine(warehouse: Warehouse, folder: Path) -> Path:
    """A folder that never changes, such as a snapshot; fetched if it is not here yet.

    Raises:
        StorageError: If the store cannot be read.
    """
    if not (folder / MANIFEST).exists():
        fetch_folder(warehouse, folder)
    return folder


def _remove_files(folder: Path) -> bool:
    """Give a folder a name that nobody looks for, then delete it; whether it was there."""
    aside = folder.with_name(f".tmp-{uuid4().hex}")
    try:
        folder.rename(aside)
    except FileNotFoundError:  # another run has removed it
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _name(warehouse: Warehouse, path: Path) -> str:
    return path.relative_to(warehouse.root).as_posix()


def _has_size(entry: Entry | None, path: Path) -> bool:
    return entry is not None and entry.size == path.stat().st_size


def _is_same(path: Path, entry: Entry) -> bool:
    """Whether a file is the object that was brought or put; then it has its size and its time."""
    try:
        here = path.stat()
    except FileNotFoundError:
        return False
    return (here.st_size, here.st_mtime_ns) == (entry.size, entry.put_at.value)


def _remember(path: Path, entry: Entry | None) -> None:
    if entry is not None:
        os.utime(path, ns=(entry.put_at.value, entry.put_at.value))


def put_in_place(draft: Path, folder: Path) -> None:
    """Give a folder its name at once, in the place of what has it."""
    if folder.exists():
        folder.rename(draft.with_name(f"{draft.name}-damaged"))
        shutil.rmtree(draft.with_name(f"{draft.name}-damaged"), ignore_errors=True)
    try:
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # else another process has brought it
            raise
    sync(folder.parent)
