"""The objects of a warehouse in an object store: each is put at once, and read whole or not at all.

Tables are not written here, but by `tasks.stores.delta` at their URI.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyarrow import fs

from tasks.stores.connection import connect
from tasks.stores.files import whole
from tasks.stores.trouble import storage_trouble


class Entry(NamedTuple):
    """What a store says about an object: its size in bytes, and when it was put."""

    size: int
    put_at: pd.Timestamp


@dataclass(frozen=True)
class ObjectStore:
    """Objects below one URI, by names relative to it such as `runs/20131016T0300/night.json`.

    Attributes:
        uri: Such as `s3://bucket/prefix/nyc`, without a slash at its end.
    """

    uri: str

    def uri_of(self, name: str) -> str:
        """Where an object or a table is."""
        return f"{self.uri}/{name}"

    def entries(self, folder: str) -> dict[str, Entry]:
        """All objects below a folder, at any depth, by their names.

        Raises:
            StorageError: If the store cannot be asked.
        """
        filesystem, root = self._reached
        below = fs.FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
        with storage_trouble("read", self.uri_of(folder)):
            found = [info for info in filesystem.get_file_info(below) if info.is_file]
        return {info.path.removeprefix(f"{root}/"): _entry(info) for info in found}

    def entry(self, name: str) -> Entry | None:
        """What is known of one object, None if it is not there.

        Raises:
            StorageError: If the store cannot be asked.
        """
        filesystem, root = self._reached
        with storage_trouble("read", self.uri_of(name)):
            info = filesystem.get_file_info(f"{root}/{name}")
        return _entry(info) if info.is_file else None

    def put(self, name: str, file: Path) -> None:
        """Make a file the content of an object; whoever reads sees the old content or the new one.

        Raises:
            StorageError: If the store cannot be written.
        """
        filesystem, root = self._reached
        with storage_trouble("write", self.uri_of(name)):
            content = pa.py_buffer(file.read_bytes())
            with filesystem.open_output_stream(f"{root}/{name}") as stream:
                stream.write(content)

    def get(self, name: str, file: Path) -> None:
        """Write the content of an object to a file, whole at every moment.

        Raises:
            StorageError: If there is no such object, or it cannot be read.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        with storage_trouble("read", self.uri_of(name)), whole(file) as draft:
            draft.write_bytes(self.read(name))

    def read(self, name: str) -> bytes:
        """The content of an object.

        Raises:
            StorageError: If there is no such object, or it cannot be read.
        """
        filesystem, root = self._reached
        with (
            storage_trouble("read", self.uri_of(name)),
            filesystem.open_input_stream(f"{root}/{name}") as stream,
        ):
            return stream.read()

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects one after the other; those that are gone already do not matter.

        Raises:
            StorageError: If the store cannot be written.
        """
        filesystem, root = self._reached
        for name in names:
            with storage_trouble("remove", self.uri_of(name)):
                if filesystem.get_file_info(f"{root}/{name}").is_file:
                    filesystem.delete_file(f"{root}/{name}")

    @cached_property
    def _reached(self) -> tuple[fs.FileSystem, str]:
        with storage_trouble("reach", self.uri):
            return connect(self.uri)


def _entry(info: fs.FileInfo) -> Entry:
    return Entry(info.size, pd.Timestamp(info.mtime_ns, unit="ns", tz="UTC"))
