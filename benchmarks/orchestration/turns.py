"""What a turn to publish costs, and how long the place of a run that was killed stays taken.

    python -m benchmarks.orchestration.turns [--quick] [--json]

Runs are processes of their own that report to a server on SQLite. One takes turns with nobody, one
gets a kill -9 while it has its turn, and one waits for the place of that one.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.command import alone
from benchmarks.orchestration.own_server import own_server
from benchmarks.report import Figure
from data_contracts.spec import parse_spec
from tasks.stores.warehouse import warehouse_of
from tasks.tonight import Tonight
from tasks.turn import LEASE, PATIENCE

CUTOFF = pd.Timestamp("2013-10-16T03:00Z")


def measure(*, quick: bool) -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        with own_server(place) as environment:
            quiet = _Run(environment, 5 if quick else 50, hold=0)
            seconds = [float(quiet.told()) for _ in range(quiet.turns)]
            dead = _Run(environment, 1, hold=PATIENCE)
            dead.told()
            dead.process.kill()
            begun = time.monotonic()
            waiting = _Run(environment, 1, hold=0)
            waiting.told()
            freed = time.monotonic() - begun
            for run in (quiet, dead, waiting):
                run.process.communicate()  # before the server goes
    return [
        Figure("a turn to publish", statistics.median(seconds), "s", 1),
        Figure("the longest", max(seconds), "s"),
        Figure(f"place of a killed run is free after (lease {LEASE} s)", freed, "s", 2 * LEASE),
    ]


class _Run:
    """A run that takes turns, and says after each how long it took to get it and to let it go."""

    def __init__(self, environment: dict[str, str], turns: int, *, hold: float) -> None:
        self.turns = turns
        command = [sys.executable, "-m", __spec__.name, "run", str(turns), str(hold)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def told(self) -> str:
        """The next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def _take_turns(turns: int, hold: float) -> None:
    from prefect import flow

    from tasks.turn import turn

    spec = parse_spec(
        {"name": "turns", "source": {"uri": "none"}, "calendar": {"frequency": "h"}, "horizon": 1}
    )
    tonight = Tonight(spec, warehouse_of(spec), CUTOFF, CUTOFF, CUTOFF, run_id="run", token=1)

    @flow(name="turns")
    def publishing() -> None:
        for _ in range(turns):
            begun = time.perf_counter()
            with turn(tonight):
                if hold:
                    print("has its turn", flush=True)
                    time.sleep(hold)
            print(time.perf_counter() - begun, flush=True)

    publishing()


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        _take_turns(int(sys.argv[2]), float(sys.argv[3]))
    else:
        sys.exit(alone("Turns to publish", measure))
