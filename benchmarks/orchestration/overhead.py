"""What Prefect adds to a night: the flow minus its bare steps, on a running server with SQLite.

    python -m benchmarks.orchestration.overhead [--quick] [--json]

Each night is a process of its own, as under a worker. It runs once and is timed from inside: the
flow from its call to its return, and within it the bodies of its tasks and its own lines. What is
left is what Prefect adds, together with what is done for its sake alone: artifacts, tags, and
waiting for a turn to publish. So both are of the same night, and no noise of the steps is in it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any

import yaml

from benchmarks.command import alone
from benchmarks.orchestration.own_server import own_server
from benchmarks.report import Figure

SAMPLE = Path(__file__).parents[2] / "data_contracts/samples/nyc_departures"
AS_OF = datetime(2013, 10, 16, 4, tzinfo=UTC)
TARGET = 5.0  # seconds
Clock = defaultdict[str, float]


def measure(*, quick: bool) -> list[Figure]:
    """Median over some nights of what Prefect adds, and where it goes."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _write_spec(place)
        with own_server(place) as environment:
            nights = [_night(place, environment) for _ in range(2 if quick else 6)]
    measured = nights[1:]  # the first one creates tables, the flow and the limit

    def median(part: str) -> float:
        return statistics.median(night[part] for night in measured)

    parts = ("flow run", "task runs", "artifacts and tags", "turn to publish", "last log lines")
    return [
        Figure("Prefect adds to a night", median("added"), "s", TARGET),
        *(Figure(f"of it {part}", median(part), "s") for part in parts),
        Figure("the night itself", median("bare"), "s"),
    ]


def _write_spec(place: Path) -> None:
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = str(SAMPLE / "observations")
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))


def _night(place: Path, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "night"]
    done = subprocess.run(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _timed_night() -> None:
    """Run a night in this process, with a clock around every body, and print the seconds."""
    from flows.backend import reporting

    with reporting(verbose=False):
        from prefect import Task
        from prefect.logging.handlers import APILogWorker

        import tasks.publish
        import tasks.report
        from flows.nightly import nightly

        clock = Clock(float)
        _replace(Task, "__call__", partial(_timed_task, clock))
        _replace(tasks.report, "_show", partial(_timed, clock, "artifacts and tags"))
        _replace(tasks.publish, "turn", partial(_entered, clock))
        _replace(nightly, "fn", partial(_timed, clock, "flow"))
        begun = time.perf_counter()
        nightly("spec.yaml", as_of=AS_OF, train="never")
        called = time.perf_counter()
        APILogWorker.instance().drain()
        flushed = time.perf_counter()
    parts = {
        "flow run": called - begun - clock["flow"],
        "task runs": clock["tasks"] - clock["bodies"],
        "artifacts and tags": clock["artifacts and tags"],
        "turn to publish": clock["turn"],
        "last log lines": flushed - called,
    }
    added = sum(parts.values())
    print(json.dumps({**parts, "added": added, "bare": flushed - begun - added}))


def _replace(owner: Any, name: str, by: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, by(getattr(owner, name)))


def _timed_task(clock: Clock, call: Callable[..., Any]) -> Callable[..., Any]:
    """Time the call of every task, and its body apart."""

    def timed(task: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(task.fn, "timed"):
            task.fn = _timed(clock, "bodies", task.fn)
        return _timed(clock, "tasks", call)(task, *args, **kwargs)

    return timed


def _timed(clock: Clock, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            clock[part] += time.perf_counter() - begun

    timed.timed = True  # type: ignore[attr-defined]  # a mark
    return timed


def _entered(clock: Clock, context: Callable[..., Any]) -> Callable[..., Any]:
    """The same context, with the time of entering and of leaving it counted."""

    @contextmanager
    def timed(*args: Any) -> Iterator[None]:
        held = context(*args)
        _timed(clock, "turn", held.__enter__)()
        yield
        _timed(clock, "turn", held.__exit__)(None, None, None)

    return timed


if __name__ == "__main__":
    if sys.argv[1:] == ["night"]:
        _timed_night()
    else:
        sys.exit(alone("What Prefect adds to a night", measure))
