"""Ends what a service has started, when the service itself ends, even by kill -9.

    python -m flows.service.guard TOKEN FILE

It waits for the end of its standard input, which the service holds open. Workers start each run in
a session of its own, where no signal to a group and no death of a parent reaches it; so everything
that belongs to the service carries a mark in its environment, and the guard looks for that. It
needs /proc, that is Linux; elsewhere a service that is killed leaves its runs to themselves.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MARK = "NIGHTCAST_SERVICE"  # variable of the environment: token, colon, name of the process
RUN = "PREFECT__FLOW_RUN_ID"
PATIENCE = 10.0  # seconds until processes that were killed are gone


def marked(mark: str) -> dict[int, str]:
    """Processes that belong to a service, by id: the flow run that each works for, if any.

    Args:
        mark: The token of the service, or with colon and name that of one of its processes.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is over, or somebody else's
            lines = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            environment = dict(line.split("=", 1) for line in lines if "=" in line)
            if mark and f"{environment.get(MARK, '')}:".startswith(f"{mark}:"):
                found[int(folder.name)] = environment.get(RUN, "")
    found.pop(os.getpid(), None)
    return found


def send(number: signal.Signals, processes: Iterable[int]) -> None:
    """Send a signal to all of them that still exist."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def end_all(mark: str) -> set[str]:
    """Kill everything that belongs to a service, and what it starts meanwhile.

    Returns:
        The flow runs that were cut off.
    """
    runs: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while (processes := marked(mark)) and time.monotonic() < deadline:
        runs.update(filter(None, processes.values()))
        send(signal.SIGKILL, processes)
        time.sleep(0.1)
    return runs


def main(token: str, file: Path) -> None:
    """Wait, end everything, and leave a note of the runs for the next start."""
    sys.stdin.buffer.read()
    runs = end_all(token)
    if runs:
        with file.open("a", encoding="utf-8") as note:
            note.writelines(f"{run}\n" for run in sorted(runs))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
