"""Snapshots: a panel as a folder of arrays that never changes and is named after its content."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from data_contracts.errors import NightcastError, VersionError
from data_contracts.frequency import Grid
from data_contracts.versions import IN_JSON, refuse_newer
from models.panel import Panel
from tasks.stores.files import sha256, sync

ARRAYS = ("indptr", "y", "observed", "past", "known")
NAMES = "panel.json"
MANIFEST = "manifest.json"
DIGEST_LENGTH = 16
# Of the folder; it stands in the manifest, because the digest shall change with the content alone.
VERSION = 1


def save_panel(panel: Panel, folder: Path) -> Path:
    """Write a panel to `folder/<digest>/`, or find it there.

    The folder appears complete or not at all. Equal panels have equal digests, whatever files they
    were read from. A snapshot that was altered since is put aside and written anew: its name says
    what it has to hold.

    Args:
        panel: What to write; may be memory-mapped.
        folder: Where the snapshots of one spec are.
    """
    draft = folder / f".tmp-{uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        digest = _write(panel, draft)
        snapshot = folder / digest
        if snapshot.exists() and not _is_whole(snapshot):
            snapshot.rename(folder / f".damaged-{uuid4().hex}")
        if not snapshot.exists():
            _rename(draft, snapshot)
        os.utime(snapshot)  # retention leaves alone what is in use
        return snapshot
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_panel(path: Path) -> Panel:
    """Map a snapshot into memory; its arrays are read when they are used, and cannot be written.

    Raises:
        NightcastError: If the snapshot is missing, or a file of it is missing or was altered.
        VersionError: If a newer Nightcast wrote it.
    """
    _check(path)
    names = json.loads((path / NAMES).read_text(encoding="utf-8"))
    arrays = {name: _map(path / f"{name}.npy") for name in ARRAYS}
    num_series, static_names = len(names["unique_ids"]), tuple(names["static_names"])
    static = np.array(names["static"], np.str_).reshape(num_series, len(static_names))
    return Panel(
        **arrays,
        unique_ids=tuple(names["unique_ids"]),
        static=static,
        past_names=tuple(names["past_names"]),
        known_names=tuple(names["known_names"]),
        static_names=static_names,
        grid=Grid(names["frequency"], names["timezone"], names.get("offset", 0)),
        cutoff_slot=names["cutoff_slot"],
        horizon=names["horizon"],
    )


def _write(panel: Panel, folder: Path) -> str:
    """Write all files durably, the manifest last, and return the digest of the content."""
    for name in ARRAYS:
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, getattr(panel, name), allow_pickle=False)
    (folder / NAMES).write_text(json.dumps(_names(panel), sort_keys=True), encoding="utf-8")
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    content = json.dumps(files, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:DIGEST_LENGTH]
    manifest = {IN_JSON: VERSION, "digest": digest, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for path in (*folder.iterdir(), folder):
        sync(path)
    return digest


def _names(panel: Panel) -> dict[str, Any]:
    """Everything that is not a large array; an offset where there is one, as it came later."""
    return {
        **({"offset": panel.grid.offset} if panel.grid.offset else {}),
        "unique_ids": list(panel.unique_ids),
        "static": panel.static.tolist(),
        "past_names": list(panel.past_names),
        "known_names": list(panel.known_names),
        "static_names": list(panel.static_names),
        "frequency": panel.grid.frequency,
        "timezone": panel.grid.timezone,
        "cutoff_slot": int(panel.cutoff_slot),
        "horizon": int(panel.horizon),
    }


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _rename(draft: Path, snapshot: Path) -> None:
    try:
        draft.rename(snapshot)
    except OSError:
        # Another process may have written the same content first.
        if not snapshot.exists():
            raise
        _check(snapshot)
    sync(snapshot.parent)


def _check(snapshot: Path) -> None:
    """Compare every file with the manifest."""
    try:
        manifest = json.loads((snapshot / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except FileNotFoundError:
        raise NightcastError(
            f"snapshot: expected {MANIFEST} in {snapshot}, got none; write the snapshot again by "
            "running the night that made it."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(snapshot, MANIFEST, "cannot be read") from None
    refuse_newer(snapshot, manifest.get(IN_JSON), VERSION)
    for name, entry in files.items():
        path = snapshot / name
        if not path.is_file():
            raise _damaged(snapshot, name, "is missing")
        if _entry(path) != entry:
            raise _damaged(snapshot, name, "was altered")


def _is_whole(snapshot: Path) -> bool:
    try:
        _check(snapshot)
    except VersionError:
        raise  # what cannot be judged must not be thrown away
    except NightcastError:
        return False
    return True


def _damaged(snapshot: Path, name: str, what: str) -> NightcastError:
    return NightcastError(
        f"snapshot: expected {snapshot} as it was written, but {name} {what}; delete the folder "
        "and run the night that made it again."
    )


def _map(path: Path) -> np.ndarray:
    """An array that is read on use; empty ones cannot be mapped and cost nothing to read."""
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
