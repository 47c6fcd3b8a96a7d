"""What runs that were killed leave in a warehouse, beside its tables.

Whatever is written is written beside its place first, under a name that nobody looks for.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from tasks.stores.warehouse import Warehouse

UNTOUCHED = pd.Timedelta(days=1)  # whatever is younger may be in use
FOLDERS = re.compile(r"\.(tmp|damaged)-.+")
DRAFTS = re.compile(r"\..+-[0-9a-f]{32}")  # of one file, as tasks.stores.files names them
PROBES = re.compile(r"\.probe-[0-9a-f]{32}")


def leftovers(warehouse: Warehouse, now: pd.Timestamp) -> list[Path]:
    """Folders and files that were begun more than a day ago and never got their name."""
    places = [
        (warehouse.root, PROBES),
        (warehouse.exports, DRAFTS),
        *((folder, FOLDERS) for folder in (warehouse.models, warehouse.snapshots, warehouse.runs)),
        *((folder, DRAFTS) for folder in _listed(warehouse.runs)),
    ]
    found = (path for folder, name in places for path in _named(folder, name))
    return [path for path in found if age_of(path, now) >= UNTOUCHED]


def delete(path: Path) -> None:
    """Remove a file or a folder with all that is in it; another run may have done it first."""
    with suppress(FileNotFoundError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def age_of(path: Path, now: pd.Timestamp) -> pd.Timedelta:
    """How long ago a file or folder was last changed; nothing where it is gone."""
    try:
        return now - pd.Timestamp(path.stat().st_mtime, unit="s", tz="UTC")
    except FileNotFoundError:  # another run has removed it
        return pd.Timedelta(0)


def _named(folder: Path, name: re.Pattern[str]) -> Iterator[Path]:
    return (path for path in _listed(folder) if name.fullmatch(path.name))


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
