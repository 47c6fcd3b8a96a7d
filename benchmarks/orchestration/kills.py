"""A night is killed in each of its steps, the worker of the GPU pool, and the server.

    python -m benchmarks.orchestration.kills [--quick] [--json]

The service is `nightcast serve` with a small panel. A flow's process gets a kill -9 in the midst of
one step; then the run is retried as the button of the UI does. The worker and the server are
started again by `serve` itself. Afterwards the table must hold the batch of the night once, whole.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.command import alone, tell
from benchmarks.orchestration.panels import (
    HORIZON,
    NUM_SERIES,
    SPEC,
    TABLE,
    batches,
    cutoff_of,
    night,
    rows_there_twice,
    run_folder,
    write_place,
)
from benchmarks.orchestration.served import (
    Served,
    kill,
    process_named,
    processes_of,
    served,
    until,
)
from benchmarks.report import Figure

NIGHTLY = "nightly/waves"
# Steps that are killed, with the stage whose end is the beginning of the step.
STEPS = {
    "extract": "",
    "validate": "extract",
    "snapshot": "validate input",
    "train": "evaluate",
    "evaluate": "train attention_lstm",
    "promote": "evaluate challengers",
    "forecast": "promote",
    "publish": "forecast of the baseline",
    "report": "tidy up",
}


@dataclass
class Count:
    """What was counted over all kills of one kind."""

    killed: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


def measure(*, quick: bool) -> list[Figure]:
    """The figures of all three."""
    times = 1 if quick else 5
    with tempfile.TemporaryDirectory(prefix="nightcast-kills-") as name:
        place = Path(name)
        write_place(place / "cpu")
        with served(place / "cpu", SPEC) as service:
            figures = _flows(service, times) + _server(service, 1 if quick else 3)
        write_place(place / "gpu", on="gpu")
        with served(place / "gpu", SPEC) as service:
            figures += _worker(service, times)
    return figures


def _flows(service: Served, times: int) -> list[Figure]:
    usual = _stages_of_a_night(service, 0)
    moments, number, total, seconds = random.Random(7), 0, Count(), []
    for step, before in STEPS.items():
        count = Count()
        # A night that is faster than the usual one may be over before its kill: that one is none.
        while count.killed < times:
            number += 1
            share = moments.random() * 0.9
            _kill_a_step(service, number, before, share * usual.get(step, 0.5), count)
        tell(f"kill -9 in {step}: {count}")
        total.killed += count.killed
        total.wrong += count.wrong
        total.seconds += count.seconds
        seconds.append(Figure(f"… recovered after a kill in {step}", _median(count), "s"))
    return _figures("the flow's process, over nine steps", total, len(STEPS) * times) + seconds


def _server(service: Served, times: int) -> list[Figure]:
    count = Count()
    for number in range(90, 90 + times):
        run = service.start(NIGHTLY, {"as_of": night(number), "train": "always"})
        _await_stage(service, number, run, "evaluate")
        kill(process_named(service.place, "prefect", "server"))
        _recover(service, run, number, count)
    return _figures("the server", count, times)


def _worker(service: Served, times: int) -> list[Figure]:
    _stages_of_a_night(service, 0)
    count = Count()
    for number in range(1, 1 + times):
        run = service.start(NIGHTLY, {"as_of": night(number), "train": "always"})
        _await_stage(service, number, run, "evaluate")
        time.sleep(8 * random.Random(number).random())  # the training starts, and goes on
        kill(process_named(service.place, "worker", "gpu"))
        _recover(service, run, number, count)
    return _figures("the worker of the GPU pool", count, times)


def _stages_of_a_night(service: Served, number: int) -> dict[str, float]:
    """Seconds of each step of a night that nobody kills."""
    run = service.start(NIGHTLY, {"as_of": night(number), "train": "always"})
    state, message = service.wait(run)
    if state != "COMPLETED":
        raise RuntimeError(f"The first night ended {state}: {message}")
    stages = _stages(service, number)
    return {step: stages.get(_stage_of(step, stages), 0.0) for step in STEPS}


def _stage_of(step: str, stages: dict[str, float]) -> str:
    return next((name for name in stages if name.startswith(step)), step)


def _kill_a_step(service: Served, number: int, before: str, wait: float, count: Count) -> None:
    run = service.start(NIGHTLY, {"as_of": night(number), "train": "always"})
    _await_stage(service, number, run, before)
    time.sleep(wait)
    if service.state(run)[0] == "RUNNING":
        kill(processes_of(run))
        _recover(service, run, number, count)


def _await_stage(service: Served, number: int, run: str, stage: str) -> None:
    """Wait until a stage of a run has ended; the empty one is when the run has begun."""
    begun: Callable[[], bool] = lambda: service.state(run)[0] == "RUNNING"  # noqa: E731
    ended: Callable[[], bool] = lambda: stage in _stages(service, number)  # noqa: E731
    reached = ended if stage else begun
    until(lambda: reached() or None, f"{stage or 'the beginning'} of night {number}", pause=0.02)


def _stages(service: Served, number: int) -> dict[str, float]:
    try:
        text = (run_folder(service.place, cutoff_of(number)) / "stages.json").read_text()
        return {stage["name"]: stage["seconds"] for stage in json.loads(text)}
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _recover(service: Served, run: str, number: int, count: Count) -> None:
    """See a run end after something was killed, retried where that cut it off, and look."""
    begun = time.monotonic()
    state, _ = service.wait(run)
    if state in ("CRASHED", "FAILED"):
        count.killed += 1
        service.retry(run)
        service.wait(run, ("RUNNING",))
        state, message = service.wait(run)
        if state != "COMPLETED":
            tell(f"night {number} ended {state} after its retry: {message}")
            count.wrong += 1
            return
    count.seconds.append(time.monotonic() - begun)
    table = service.place / TABLE
    rows, twice = batches(table).get(cutoff_of(number), 0), rows_there_twice(table)
    if rows != NUM_SERIES * HORIZON or twice:
        tell(f"night {number} has {rows} rows, {twice} rows are there twice")
        count.wrong += 1


def _figures(what: str, count: Count, times: int) -> list[Figure]:
    return [
        Figure(f"kill -9 of {what}", times),
        Figure("… that cut the night off", count.killed),
        Figure("… after which the table was wrong", count.wrong, "", 0),
        Figure("… until the night was done, median", _median(count), "s"),
    ]


def _median(count: Count) -> float:
    return float(np.median(count.seconds)) if count.seconds else float("nan")


if __name__ == "__main__":
    sys.exit(alone("what survives a kill -9 under Prefect", measure))
