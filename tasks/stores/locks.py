"""Locks between processes that no crash leaves behind: the system lets go of them."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from data_contracts.errors import StorageError

SECONDS_BETWEEN_TRIES = 0.02


class FileLock:
    """A lock that one process at a time holds, on a file that stays.

    Args:
        path: The file; it and the folders above it are made where they are missing.
        seconds: How long to wait for another process.
    """

    def __init__(self, path: Path, *, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock, and take it.

        Raises:
            StorageError: If another process does not let go of it in time.
        """
        deadline = time.monotonic() + self._seconds
        while not self.take():
            if time.monotonic() > deadline:
                raise StorageError(
                    f"{self._path} is locked by another process, expected to be free within "
                    f"{self._seconds:g} s; end that process, or wait for it and run this again."
                )
            time.sleep(SECONDS_BETWEEN_TRIES)
        return True

    def take(self) -> bool:
        """Take the lock, if nobody holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
