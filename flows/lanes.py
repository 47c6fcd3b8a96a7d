"""Where the runs of a backfill's dates are executed: side by side, in processes that stay.

A process imports TensorFlow and the others once, some ten seconds, and then does one date after the
other. A run in a worker's hands would be a new process each time, which takes longer than the date;
and a backfill that waits for runs in its own work pool can fill that up and wait for ever.
"""

import multiprocessing
import os
import signal
import sys
from contextlib import ExitStack, suppress
from contextvars import copy_context
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from data_contracts.backfilled import State
from data_contracts.errors import OvertakenError, RefusedError
from data_contracts.plain_text import visible, without_secrets
from flows.backend import die_with_parent, import_quietly, quieten, without_heartbeat
from tasks.progress import LEDGER, REPORTER

PATIENCE = 10.0  # seconds that a process has to end


class Ended(NamedTuple):
    """What became of the run of a date.

    Attributes:
        run: Its id.
        state: Of the date.
        reason: Why, one sentence.
        died: Whether its process ended before the run did.
    """

    run: UUID
    state: State
    reason: str = ""
    died: bool = False


class Lanes(Protocol):
    """A number of lanes, each of which does one date at a time."""

    @property
    def are_full(self) -> bool:
        """Whether every lane is busy."""
        ...

    def begin(self, run: UUID) -> None:
        """Execute a run, as soon as may be."""
        ...

    def ended(self, *, seconds: float) -> list[Ended]:
        """The runs that are over; waits for the first of them so long at most."""
        ...

    def stop(self, run: UUID) -> None:
        """End the execution of a run at once."""
        ...

    def close(self) -> None:
        """End all that is being executed; nothing of it goes on afterwards."""
        ...


def open_lanes(count: int) -> Lanes:
    """Lanes in processes of their own; a single one is this process."""
    return OwnLane() if count == 1 else ProcessLanes(count)


class OwnLane:
    """This process does every date itself, at once."""

    def __init__(self) -> None:
        self._ended: list[Ended] = []

    @property
    def are_full(self) -> bool:
        """Whether the last run has not been asked for."""
        return bool(self._ended)

    def begin(self, run: UUID) -> None:
        """Execute a run; it is over afterwards."""
        self._ended.append(copy_context().run(_execute, run))

    def ended(self, *, seconds: float) -> list[Ended]:
        """The last run."""
        ended, self._ended = self._ended, []
        return ended

    def stop(self, run: UUID) -> None:
        """Nothing: whoever can call this is executing nothing."""

    def close(self) -> None:
        """Nothing, for the same reason."""


class ProcessLanes:
    """Processes that live until they are closed, and never longer than this process."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: list[_Lane] = []
        self._busy: dict[UUID, _Lane] = {}

    @property
    def are_full(self) -> bool:
        """Whether every lane is busy."""
        return len(self._busy) >= self._count

    def begin(self, run: UUID) -> None:
        """Execute a run in a lane that is free."""
        lane = self._idle.pop() if self._idle else _Lane()
        lane.pipe.send(run)
        self._busy[run] = lane

    def ended(self, *, seconds: float) -> list[Ended]:
        """The runs that are over; waits for the first of them so long at most."""
        heard = set(wait([lane.pipe for lane in self._busy.values()], seconds))
        over = [run for run, lane in self._busy.items() if lane.pipe in heard]
        return [self._hear(run) for run in over]

    def stop(self, run: UUID) -> None:
        """End the process of a run."""
        if lane := self._busy.pop(run, None):
            lane.ask_to_end()
            lane.end()

    def close(self) -> None:
        """End every process, and see that it is gone."""
        for lane in (*self._idle, *self._busy.values()):
            lane.ask_to_end()
        for lane in (*self._idle, *self._busy.values()):
            lane.end()

    def _hear(self, run: UUID) -> Ended:
        lane = self._busy.pop(run)
        try:
            ended: Ended = lane.pipe.recv()
        except (EOFError, OSError):
            lane.end()
            code = lane.process.exitcode
            return Ended(run, "failed", f"Its process died with exit code {code}.", died=True)
        self._idle.append(lane)
        return ended


class _Lane:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        # Not forked: TensorFlow and Prefect have threads, which a fork would lose.
        spawning = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawning.Pipe()
        self.process = spawning.Process(target=_serve, args=(theirs, os.getpid(), *_settings()))
        self.process.start()
        theirs.close()  # so that its death can be heard

    def ask_to_end(self) -> None:
        """Whatever it does: a batch is committed whole or not at all."""
        self.process.terminate()

    def end(self) -> None:
        """See that it is gone."""
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


def _settings() -> tuple[str | None, bool]:
    """The server that runs report to, and whether they give it signs of life."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY

    return PREFECT_API_URL.value(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is not None


def _serve(pipe: Connection, parent: int, server: str | None, heartbeat: bool) -> None:
    """The life of a lane: one run after the other until it is ended."""
    die_with_parent()
    if os.getppid() != parent:  # it died before it could be watched
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends this process
    quieten()
    import_quietly()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with ExitStack() as stack:
        stack.enter_context(temporary_settings({PREFECT_API_URL: server}))
        if not heartbeat:
            stack.enter_context(without_heartbeat())
        with suppress(EOFError):
            while True:
                pipe.send(_execute(pipe.recv()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # TensorFlow's threads now and then abort an interpreter that is shutting down


def _execute(run: UUID) -> Ended:
    """Execute a run of `backfill-date` that is pending."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    from flows.backfill_date import backfill_date

    LEDGER.set(None)
    REPORTER.set(None)  # the steps of a date are for the log of its run
    with get_client(sync_client=True) as client:
        known = client.read_flow_run(run)
    return ended_as(run, run_flow(backfill_date, flow_run=known, return_type="state"))


def ended_as(run: UUID, state: Any) -> Ended:
    """What became of a date, by the state in which Prefect left its run."""
    from flows.endings import SKIPPED

    found = state.result(raise_on_failure=False)
    told = visible(without_secrets(state.message or str(found)))
    if state.name == SKIPPED or isinstance(found, OvertakenError):  # somebody has published it
        return Ended(run, "skipped", told)
    if state.is_completed():
        return Ended(run, "published")
    return Ended(run, "refused" if isinstance(found, RefusedError) else "failed", told)
