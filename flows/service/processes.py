"""Processes that are to run: started, looked after, started again when they die, ended."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.backend import die_with_parent
from flows.service.guard import MARK

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before a process that died starts again
STEADY = 300.0  # seconds of running after which a death is the first one again
LARGE_LOG = 10_000_000  # bytes; one that is larger makes way when its process starts


@dataclass(frozen=True)
class Program:
    """What a process runs.

    Attributes:
        name: In messages, and of its log.
        mark: Put into its environment, by which it and what it starts are found.
        pipe: Whether its standard input is held open for as long as this process lives.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    mark: str
    pipe: bool = False


@dataclass
class Supervised:
    """A program, the process that runs it, and when it may start again."""

    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    wait: float = FIRST_WAIT
    due: float = field(default=0.0)

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def start(self) -> None:
        """Start it; what it prints is appended to its log."""
        program = self.program
        _make_way(program.log)
        with program.log.open("ab") as log:
            self.process = subprocess.Popen(
                program.command,
                env={**program.environment, MARK: program.mark},
                stdin=subprocess.PIPE if program.pipe else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever looks after it
                preexec_fn=_on_its_own if program.pipe else _with_us,
            )
        self.started = time.monotonic()

    def has_died(self) -> int | None:
        """Its exit status if it has ended since it was started; told once, and a restart is due."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.process = None
        now = time.monotonic()
        self.wait = FIRST_WAIT if now - self.started > STEADY else min(2 * self.wait, LONGEST_WAIT)
        self.due = now + self.wait
        return status

    def restart_if_due(self) -> bool:
        """Start it again once it has waited long enough, and say whether it was."""
        if self.process is not None or time.monotonic() < self.due:
            return False
        self.start()
        return True

    def kill(self) -> None:
        """Kill it, which is a death like any other."""
        if self.process is not None:
            self.process.kill()

    def end(self, patience: float) -> None:
        """Ask it to end, and kill it where that takes longer than `patience` seconds."""
        if self.process is None:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        else:
            self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def _on_its_own() -> None:
    """Signals as a new process has them: a shell that starts us in the background ignores some."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _with_us() -> None:
    _on_its_own()
    die_with_parent()


def _make_way(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGE_LOG:
        shutil.move(log, log.with_suffix(".log.1"))


def last_words(log: Path) -> str:
    """The last line of a log that says something; of an exception that is what it was."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
