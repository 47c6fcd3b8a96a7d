"""Files that a writer began and never finished, because it was killed.

Such a file has a name that no reader takes for a file with rows, and that no vacuum removes. An
object store knows none: there a file appears when it is whole.
"""

import re
from pathlib import Path

import pandas as pd

from tasks.stores.delta import storage_trouble
from tasks.stores.files import sizes
from tasks.stores.leftovers import UNTOUCHED, age_of
from tasks.stores.table import Table

STAGED = re.compile(r".+#\d+|_commit_.+\.tmp")


def staged_files(table: Table, now: pd.Timestamp) -> dict[Path, int]:
    """Size in bytes of what was begun more than a day ago.

    Raises:
        StorageError: If the folder cannot be read.
    """
    if table.folder is None:
        return {}
    with storage_trouble("read", table.folder):
        return {
            path: size
            for path, size in sizes(table.folder)
            if STAGED.fullmatch(path.name) and age_of(path, now) >= UNTOUCHED
        }


def remove_staged(table: Table, now: pd.Timestamp) -> dict[Path, int]:
    """Delete what was begun more than a day ago; what was deleted.

    Raises:
        StorageError: If a file cannot be deleted.
    """
    found = staged_files(table, now)
    with storage_trouble("write", table.path):
        for path in found:
            path.unlink(missing_ok=True)
    return found
