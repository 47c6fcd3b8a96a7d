"""How far a long step is, for whoever looks: a bar on the terminal, or lines in the run's log.

A task opens a `stage`, which times it and hands it a `Step` to report to. Who shows that is decided
by whoever starts the flow: the command line installs a reporter, a worker keeps the log lines.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data_contracts.errors import StorageError
from data_contracts.night import Stage
from tasks.progress_artifact import ProgressArtifact
from tasks.stores.files import write_text

SECONDS_BETWEEN_LINES = 15.0
STAGES = "stages.json"


class Step(Protocol):
    """One running step."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Say that `done` of `total` is over; `note` is a word on the state, such as a loss."""
        ...


class Reporter(Protocol):
    """Shows steps to somebody."""

    def begin(self, title: str) -> Step:
        """A step begins."""
        ...

    def end(self, title: str, seconds: float) -> None:
        """The same step is over."""
        ...


class LogReporter:
    """Writes a line now and then into the log of the Prefect run, with the time left.

    The UI shows the same as a progress artifact.
    """

    def __init__(self) -> None:
        self._artifact: ProgressArtifact | None = None

    def begin(self, title: str) -> Step:
        """Start a step whose lines are at least `SECONDS_BETWEEN_LINES` apart."""
        begun = last = time.monotonic()
        artifact = self._artifact = ProgressArtifact(title)

        def report(done: float, total: float, note: str = "") -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < SECONDS_BETWEEN_LINES or done <= 0 or total <= 0:
                return
            last = now
            left = (now - begun) * (total - done) / done
            percent = 100 * done / total
            log().info("%s: %.0f %% %s, %.0f s left", title, percent, note, left)
            artifact.show(percent, f"{note}, {left:.0f} s left")

        return report

    def end(self, title: str, seconds: float) -> None:
        """Say how long the step took."""
        log().info("%s took %.1f s", title, seconds)
        if self._artifact is not None:
            self._artifact.end(f"took {seconds:.1f} s")


@dataclass
class Ledger:
    """The stages of one run so far, kept on disk after each of them.

    Attributes:
        folder: Where `stages.json` goes; None keeps it in memory.
        share: What is to happen with the file after each writing.
        underway: The stage that has begun and not succeeded, empty between stages.
        resumed: What was taken over from an earlier run, one sentence each.
    """

    folder: Path | None = None
    share: Callable[[Path], None] | None = None
    stages: list[Stage] = field(default_factory=list)
    underway: str = ""
    resumed: list[str] = field(default_factory=list)

    def add(self, stage: Stage) -> None:
        """Append one stage and rewrite the file."""
        self.stages.append(stage)
        self.underway = ""
        if self.folder is not None:
            text = json.dumps([stage.model_dump() for stage in self.stages], indent=1)
            write_text(self.folder / STAGES, text)
            if self.share is not None:
                with suppress(StorageError):  # the next stage puts it again; no night fails for it
                    self.share(self.folder / STAGES)


REPORTER: ContextVar[Reporter | None] = ContextVar("reporter", default=None)
LEDGER: ContextVar[Ledger | None] = ContextVar("ledger", default=None)


@contextmanager
def stage(name: str) -> Iterator[Step]:
    """Time one stage of the night, show it, and enter it into the ledger when it succeeds."""
    reporter, begun = REPORTER.get() or LogReporter(), time.monotonic()
    ledger = LEDGER.get()
    if ledger is not None:
        ledger.underway = name
    yield reporter.begin(name)
    seconds = time.monotonic() - begun
    reporter.end(name, seconds)
    if ledger is not None:
        ledger.add(Stage(name=name, seconds=round(seconds, 3)))


def taken_over(sentence: str) -> None:
    """Say in the log and in the record what a run before has done, and this one need not."""
    log().info(sentence)
    ledger = LEDGER.get()
    if ledger is not None:
        ledger.resumed.append(sentence)


def step_underway() -> str:
    """The stage that has begun and not succeeded, empty between stages."""
    ledger = LEDGER.get()
    return ledger.underway if ledger else ""


def log() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    """The log of the run, or that of Nightcast where there is none."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("nightcast")
