"""Processes that publish and that read, so that they can be killed and can get in each other's way.

    python -m benchmarks.table.processes ROOT URI

publishes on command. Each line of the standard input forks a publisher, so that the libraries are
imported once; it holds how many batches to publish and, to be killed, 0 for no end. What happens is
said in lines of the standard output: `begun PID`, `done PID TOKEN` after a batch was acknowledged,
`refused PID TOKEN` where a later attempt was there first, `tired PID TOKEN` where too many others
were, `ended PID STATUS`. With `read` in the place of a command it reads until its input ends.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.table.batches import START, batch
from data_contracts.errors import ConflictError, NightcastError
from data_contracts.spec import DECILES
from data_contracts.vocabulary import DS, RUN_ID, UNIQUE_ID
from tasks.lineage import code_version
from tasks.stores.forecasts import publish_batch, read_batch
from tasks.stores.objects import ObjectStore
from tasks.stores.warehouse import Warehouse

NUM_SERIES, HORIZON = 200, 24
READ = "read"


@dataclass(frozen=True)
class Seen:
    """What a reader has seen.

    Attributes:
        reads: How many batches it has read.
        bad: Of them incomplete, doubled, of several runs, or not to be read at all.
        backwards: Of them older than one that it had read before.
    """

    reads: int
    bad: int
    backwards: int


@dataclass(frozen=True)
class Publishers:
    """Publishers that have been or can be started.

    Attributes:
        process: What forks them.
    """

    process: "subprocess.Popen[str]"

    def start(self, batches: int) -> None:
        """Start one, which says `begun`."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{batches}\n")
        self.process.stdin.flush()

    def told(self) -> tuple[str, int, int]:
        """The next line: a word, which publisher, and its token or status."""
        assert self.process.stdout is not None
        word, pid, number = self.process.stdout.readline().split()
        return word, int(pid), int(number)


@contextmanager
def publishers(warehouse: Warehouse) -> Iterator[Publishers]:
    """What starts publishers in a warehouse."""
    with subprocess.Popen(
        _command(warehouse), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Publishers(process)
        process.communicate()


@contextmanager
def reader(warehouse: Warehouse) -> Iterator[list[Seen]]:
    """A reader in a loop; the list has what it has seen when the context is over."""
    seen: list[Seen] = []
    with subprocess.Popen(
        [*_command(warehouse), READ], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield seen
        told, _ = process.communicate()
        seen.append(Seen(**json.loads(told)))


def token_of(rows: pa.Table) -> int:
    """The token that a batch was published under; it is in the name of the run."""
    return int(rows[RUN_ID][0].as_py())


def is_whole(rows: pa.Table) -> bool:
    """Whether a batch is complete, of one run, and without a key that comes twice."""
    keys = rows.group_by([UNIQUE_ID, DS]).aggregate([]).num_rows
    runs = len(rows[RUN_ID].unique())
    return bool(keys == rows.num_rows == NUM_SERIES * HORIZON and runs == 1)


def publish(warehouse: Warehouse, rows: pa.Table, token: int) -> None:
    """Publish a batch under a token, and name the run after it."""
    publish_batch(warehouse, rows, cutoff=START, levels=DECILES, run_id=str(token), token=token)


def _command(warehouse: Warehouse) -> list[str]:
    uri = "" if warehouse.store is None else warehouse.store.uri
    return [sys.executable, "-m", "benchmarks.table.processes", str(warehouse.root), uri]


def _say(word: str, pid: int, number: int = 0) -> None:
    os.write(1, f"{word} {pid} {number}\n".encode())  # at once, also beside other processes


def _publish_on_command(warehouse: Warehouse) -> None:
    import deltalake  # noqa: F401  # before the forks, which then need not import it

    code_version()
    rows = batch(START, NUM_SERIES, HORIZON)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _publish(warehouse, rows, int(line))
            os._exit(0)
        if int(line) == 0:  # to be killed; several others may run beside each other
            _say("ended", pid, os.waitpid(pid, 0)[1])
    while True:
        try:
            _say("ended", *os.wait())
        except ChildProcessError:
            return


def _publish(warehouse: Warehouse, rows: pa.Table, batches: int) -> None:
    pid = os.getpid()
    read_batch(warehouse)  # what a process does but once is not what is measured
    _say("begun", pid)
    published = 0
    while not batches or published < batches:
        token = time.time_ns()
        try:
            publish(warehouse, rows, token)
        except ConflictError as conflict:
            _say("refused" if "newer attempt" in str(conflict) else "tired", pid, token)
        else:
            _say("done", pid, token)
        published += 1


def _read(warehouse: Warehouse) -> Seen:
    reads = bad = backwards = newest = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        reads += 1
        try:
            rows = read_batch(warehouse)
        except NightcastError:
            bad += 1
            continue
        bad += not is_whole(rows)
        backwards += token_of(rows) < newest
        newest = max(newest, token_of(rows))
    return Seen(reads, bad, backwards)


def main() -> None:
    """Publish on command, or read until the input ends."""
    root, uri, *rest = sys.argv[1:]
    warehouse = Warehouse(Path(root), ObjectStore(uri) if uri else None)
    if rest == [READ]:
        print(json.dumps(_read(warehouse).__dict__))
    else:
        _publish_on_command(warehouse)


if __name__ == "__main__":
    main()
