"""One service per folder: a lock that the kernel lets go of when its holder ends, however."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from data_contracts.errors import SpecError

LOCK = "serve.lock"


@dataclass(frozen=True)
class Holder:
    """Who serves from a folder.

    Attributes:
        pid: Of `nightcast serve`.
        ui: Address of its pages.
        token: Marks its processes.
    """

    pid: int
    ui: str
    token: str


@contextmanager
def only_one(folder: Path, ui: str) -> Iterator[tuple[Holder, Holder | None]]:
    """Hold the folder while the context lasts.

    Yields:
        This service, and the one that held the folder before and was killed, if any.

    Raises:
        SpecError: If another one holds it, with the address where it runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(folder / LOCK)
            where = f" at {holder.ui} (process {holder.pid})" if holder else ""
            raise SpecError(
                f"{folder} is already served{where}; stop that one first, or name another folder "
                "and port by --folder and --port."
            ) from None
        killed = _read(folder / LOCK)
        own = Holder(os.getpid(), ui, uuid4().hex)
        _write(file.fileno(), json.dumps(asdict(own)))
        try:
            yield own, killed
        finally:
            _write(file.fileno(), "")


def _read(path: Path) -> Holder | None:
    text = path.read_text(encoding="utf-8")
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):  # empty after a clean end, or cut off
        return None


def _write(file: int, text: str) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)
