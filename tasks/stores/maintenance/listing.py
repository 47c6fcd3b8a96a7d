"""What lies in the folder of a table, whether a log names it or not."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow.fs

from data_contracts.errors import StorageError
from tasks.stores.connection import options_for
from tasks.stores.log import LOG
from tasks.stores.table import Table
from tasks.stores.trouble import storage_trouble

ENTRY = re.compile(LOG + r"/(\d{20})\.json")
CHECKPOINT = re.compile(LOG + r"/(\d{20})\.checkpoint\..*parquet")


@dataclass(frozen=True)
class Listing:
    """The files of a table at one moment, by their paths below its folder.

    Attributes:
        table: Whose.
        storage: To read them by.
        files: Size in bytes of each file beside the log.
        entries: When the entry of the log was written that makes a version.
        checkpoints: When the checkpoint was written that holds all up to a version.
    """

    table: Table
    storage: pyarrow.fs.FileSystem
    files: dict[str, int]
    entries: dict[int, pd.Timestamp]
    checkpoints: dict[int, pd.Timestamp]

    def bytes_of(self, paths: Iterable[str]) -> int:
        """How much space files take; those that are gone take none."""
        return sum(self.files.get(path, 0) for path in paths)

    def actions(self, version: int) -> list[dict[str, Any]]:
        """What the entry of a version says; nothing where another run has removed it meanwhile.

        Raises:
            StorageError: If it is damaged or cannot be read.
        """
        path = f"{LOG}/{version:020}.json"
        with storage_trouble("read", self.table.path):
            try:
                with self.storage.open_input_stream(path) as stream:
                    content = stream.read()
            except FileNotFoundError:
                return []
        try:
            return [json.loads(line) for line in content.splitlines()]
        except ValueError:
            raise StorageError(
                f"Cannot read {path} in {self.table.path}: it was cut short or altered; restore "
                "it from a backup."
            ) from None


def list_files(table: Table) -> Listing:
    """Look at all files of a table.

    Raises:
        StorageError: If they cannot be listed.
    """
    from deltalake.fs import DeltaStorageHandler

    with storage_trouble("read", table.path):
        storage = pyarrow.fs.PyFileSystem(DeltaStorageHandler(table.uri, options_for(table.path)))
        everything = pyarrow.fs.FileSelector("", recursive=True)
        found = [info for info in storage.get_file_info(everything) if info.is_file]
    return Listing(
        table=table,
        storage=storage,
        files={info.path: info.size for info in found if not info.path.startswith(f"{LOG}/")},
        entries=_by_version(found, ENTRY),
        checkpoints=_by_version(found, CHECKPOINT),
    )


def _by_version(found: list[Any], name: re.Pattern[str]) -> dict[int, pd.Timestamp]:
    matched = ((name.fullmatch(info.path), info.mtime) for info in found)
    return {int(match[1]): pd.Timestamp(at) for match, at in matched if match}
