"""A disk that fills up while batches are published, again and again.

    python -m benchmarks.table.full_disk [--quick] [--json]

The disk is a small one in memory, which only root may mount; elsewhere nothing is measured, and
that is said. While a batch is published, something else takes all that is left, at a random moment:
before rows are written, while they are, while the log is, or afterwards.
"""

import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.command import alone, tell
from benchmarks.report import Figure
from benchmarks.table.batches import START, batch
from benchmarks.table.processes import HORIZON, NUM_SERIES, is_whole, publish, token_of
from data_contracts.errors import StorageError
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table, read_batch
from tasks.stores.warehouse import Warehouse

SIZE = "16m"
BLOCK = 4096


def measure(*, quick: bool) -> list[Figure]:
    """Fill the disk, and count what that broke."""
    with _small_disk() as disk:
        if disk is None:
            tell("full disk: not measured, because this user may not mount a small one")
            return []
        return _fill(disk, attempts=10 if quick else 60)


def _fill(disk: Path, attempts: int) -> list[Figure]:
    warehouse, rows = Warehouse(disk / "nyc"), batch(START, NUM_SERIES, HORIZON)
    ballast = disk / "ballast"
    newest, failures, bad, unclear = 1, 0, 0, 0
    publish(warehouse, rows, token=1)
    begun = time.monotonic()
    publish(warehouse, rows, token=1)
    moments, usual = random.Random(7), time.monotonic() - begun
    for token in range(2, attempts + 2):
        _clear(warehouse, ballast)
        thief = threading.Timer(moments.uniform(0, usual), _take_all, [ballast])
        thief.start()
        try:
            publish(warehouse, rows, token=token)
            newest = token
        except StorageError as trouble:
            failures += 1
            unclear += not re.fullmatch(r"Cannot (read|write) [^\n]+", str(trouble))
        thief.join()
        found = read_batch(warehouse)
        bad += not is_whole(found) or token_of(found) < newest
    _clear(warehouse, ballast)
    publish(warehouse, rows, token=attempts + 2)
    healed = token_of(read_batch(warehouse)) == attempts + 2
    assert open_table(forecasts_table(warehouse)) is not None
    return [
        Figure(f"attempts that the full disk stopped, of {attempts}", failures),
        Figure("bad reads or lost batches after them", bad, "", 0),
        Figure("of them not told in one sentence", unclear, "", 0),
        Figure("not healed by making room and publishing again", int(not healed), "", 0),
    ]


def _take_all(ballast: Path) -> None:
    """Fill the disk to its last block."""
    try:
        with ballast.open("ab", buffering=0) as file:
            while file.write(bytes(BLOCK)):
                pass
    except OSError:
        return


def _clear(warehouse: Warehouse, ballast: Path) -> None:
    """Make room again, from what killed and failed attempts have left too."""
    ballast.unlink(missing_ok=True)
    table = forecasts_table(warehouse)
    opened = open_table(table)
    assert opened is not None
    assert table.folder is not None
    needed = {Path(uri) for uri in opened.file_uris()}
    for file in table.folder.glob("*/*"):
        if file not in needed and not file.parent.name.startswith("_"):
            file.unlink()


@contextmanager
def _small_disk() -> Iterator[Path | None]:
    with tempfile.TemporaryDirectory(prefix="nightcast-disk-") as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", name]
        try:
            mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        except OSError:
            mounted = False
        if not mounted:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


if __name__ == "__main__":
    sys.exit(alone("a disk that fills up", measure))
