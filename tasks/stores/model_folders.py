"""Folders of model versions: written whole, never changed, checked against their manifest."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasks.stores.files import sha256, sync

MANIFEST = "manifest.json"


def write_folder(folder: Path, save: Callable[[Path], None], described: dict[str, Any]) -> None:
    """Write beside, then rename: the folder is there whole or not at all.

    Args:
        folder: Of the version. One that is damaged gives way, a whole one stays.
        save: Writes the files into the folder that it is given, which does not exist yet.
        described: What the manifest says beside the checksums of the files.
    """
    draft = folder.with_name(f".tmp-{uuid4().hex}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        save(draft)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        digests = {path.relative_to(draft).as_posix(): sha256(path) for path in files}
        manifest = {**described, "files": digests}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
        for path in (draft, *draft.rglob("*")):
            sync(path)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def damage(folder: Path, manifest_digest: str | None = None) -> str | None:
    """What is wrong with the folder of a version, None if nothing is.

    Args:
        folder: Of the version.
        manifest_digest: What the registry knows of its manifest; None takes it as it is.
    """
    try:
        return _damage(folder, manifest_digest)
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read ({error.strerror})"


def _put_in_place(draft: Path, folder: Path) -> None:
    if folder.exists() and damage(folder) is not None:
        damaged = folder.rename(draft.with_name(f"{draft.name}-damaged"))
        shutil.rmtree(damaged)
    try:
        draft.rename(folder)
    except OSError:
        if damage(folder) is not None:  # else another run stored the same version first
            raise
    sync(folder.parent)


def _damage(folder: Path, manifest_digest: str | None) -> str | None:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return f"{MANIFEST} is missing"
    if manifest_digest is not None and sha256(manifest) != manifest_digest:
        return f"{MANIFEST} is not the one that was registered"
    try:
        files = json.loads(manifest.read_bytes())["files"]
    except (ValueError, KeyError):
        return f"{MANIFEST} cannot be read"
    for name, digest in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if sha256(folder / name) != digest:
            return f"{name} has been altered"
    return None
