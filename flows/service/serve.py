"""A service on one machine: a server, a worker for each work pool, and what keeps them running."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from types import FrameType

from data_contracts.errors import NightcastError, SpecError
from flows.backend import is_healthy, signals_to
from flows.service.automations import forget_beats
from flows.service.deploy import Deployments
from flows.service.guard import end_all, marked, send
from flows.service.place import Place
from flows.service.processes import Program, Supervised, last_words
from flows.service.runs import hand_back, is_silent, name_of, pause, resume, set_crashed
from flows.service.server import connection
from tasks.reporting.formats import count

Say = Callable[[str], None]
STARTUP_SECONDS = 300.0  # until the server answers, on a machine that has much else to do
TICK = 0.5  # seconds between looks at the processes
LOOK = 60.0  # seconds between looks for workers that hang
SILENCE = 180.0  # seconds of six signs of life that a worker owes
GRACE = 20.0  # seconds for a run that was asked to end
ORPHANS = "cut-off-runs"


@dataclass(frozen=True)
class Pool:
    """A work pool and how many of its runs the worker of this machine has in flight at once."""

    name: str
    at_once: int


class StoppedError(Exception):
    """Somebody wants the service to stop while it starts."""


@dataclass
class Wish:
    """Whether somebody wants the service to stop, and how often that was said."""

    times: int = 0

    def check(self) -> None:
        """Raise `StoppedError` if so."""
        if self.times:
            raise StoppedError

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C, SIGTERM and the end of the terminal, unless under nohup, as that wish."""

        def hear(number: int, frame: FrameType | None) -> None:
            self.times += 1

        signals = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signals.append(signal.SIGHUP)
        with signals_to(hear, *signals):
            yield


@dataclass
class Service:
    """The processes of a service.

    Attributes:
        place: Where it lives.
        pools: Which workers it has.
        token: Marks its processes.
        say: Tells a person one line.
        wish: Whether it is to stop.
        cut_off: Runs that were cut off and are not marked yet, and why.
        bereft: Pools whose worker has died, and may have taken runs that it did not start.
        silent: Pools whose worker gave no sign of life when it was last looked for.
        look_at: When it is looked for again, on the monotonic clock.
    """

    place: Place
    pools: Sequence[Pool]
    token: str
    say: Say
    wish: Wish
    workers: list[Supervised] = field(default_factory=list)
    cut_off: dict[str, str] = field(default_factory=dict)
    bereft: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    look_at: float = 0.0

    def __post_init__(self) -> None:
        python = [sys.executable, "-m"]
        guard = [*python, "flows.service.guard", self.token, str(self.place.folder / ORPHANS)]
        server = [*python, "prefect", "server", "start"]
        self.guard = Supervised(self._program("guard", guard, pipe=True))
        self.server = Supervised(self._program("server", server))

    def _program(self, name: str, command: Sequence[str], *, pipe: bool = False) -> Program:
        place = self.place
        return Program(
            name=name,
            command=command,
            environment=place.of_server() if name == "server" else place.of_runs(),
            log=place.log(name),
            mark=f"{self.token}:{name}",
            pipe=pipe,
        )

    @property
    def processes(self) -> list[Supervised]:
        """All of them."""
        return [self.guard, self.server, *self.workers]

    def remember(self, runs: Iterable[str]) -> None:
        """Take up runs that were cut off with an earlier service, and those its guard noted."""
        note = self.place.folder / ORPHANS
        noted = note.read_text(encoding="utf-8").split() if note.exists() else []
        why = "nightcast serve was killed, and the run with it. Retry the run to go on."
        self.cut_off.update(dict.fromkeys([*runs, *noted], why))
        note.unlink(missing_ok=True)

    def take_up(self) -> None:
        """Put right on the server what an earlier service left behind; no worker runs yet."""
        with connection() as client:
            if self.cut_off:
                forget_beats(client)
            for pool in self.pools:
                hand_back(client, pool.name, _worker(pool.name))
            resume(client, self.place.folder)
        self.mark()

    def start_server(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            NightcastError: If it does not, with the last line of its log.
        """
        self.guard.start()
        self.server.start()
        deadline = time.monotonic() + STARTUP_SECONDS
        while not is_healthy(self.place.api):
            self.wish.check()
            if not self.server.is_alive or time.monotonic() > deadline:
                log = self.place.log("server")
                raise NightcastError(
                    f"The Prefect server did not start; the last line of {log} is: "
                    f"{last_words(log)}"
                )
            time.sleep(TICK)

    def deploy(self, specs: Sequence[Path]) -> Deployments:
        """Deploy in a process of its own: it needs half a gigabyte, which goes with it.

        Raises:
            NightcastError: If a spec or the server refuses.
        """
        command = [sys.executable, "-m", "flows.cli", "deploy", "--json", *map(str, specs)]
        with subprocess.Popen(
            command,
            env=self.place.of_runs(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            while True:
                try:
                    answer, complaint = process.communicate(timeout=TICK)
                    break
                except subprocess.TimeoutExpired:
                    if self.wish.times:
                        process.kill()
                        raise StoppedError from None
        if process.returncode:
            kind = SpecError if process.returncode == SpecError.exit_status else NightcastError
            lines = complaint.strip().split("\n")
            raise kind(lines[-1].removeprefix("nightcast: "))
        return Deployments.model_validate_json(answer)

    def start_workers(self) -> None:
        """Start a worker for every pool."""
        for pool in self.pools:
            command = [sys.executable, "-m", "prefect", "worker", "start", "--type", "process"]
            command += ["--pool", pool.name, "--limit", str(pool.at_once)]
            command += ["--name", _worker(pool.name), "--install-policy", "never"]
            worker = Supervised(self._program(pool.name, command))
            worker.start()
            self.workers.append(worker)

    def look_after(self) -> None:
        """Start again what died, and mark the runs that died with it, until somebody says stop."""
        while not self.wish.times:
            for one in self.processes:
                if (status := one.has_died()) is not None:
                    self._tell_of(one, status)
                if one.restart_if_due():
                    self.say(f"{_title(one)} runs again")
            self.mark()
            if time.monotonic() >= self.look_at:
                self.look_at = time.monotonic() + LOOK
                self._end_what_hangs()
            time.sleep(TICK)

    def _end_what_hangs(self) -> None:
        """Kill a worker that lives and takes no runs any more, so that it starts again.

        It is found silent twice, for after an outage of the server all of them have been silent;
        and runs that it has in flight come to their end first.
        """
        before, self.silent = self.silent, set()
        old = [one for one in self.workers if one.is_alive and one.age > SILENCE]
        if not old or not is_healthy(self.place.api):
            return
        try:
            with connection() as client:
                for one in old:
                    pool = one.program.name
                    if is_silent(client, pool, _worker(pool), seconds=SILENCE):
                        self.silent.add(pool)
        except NightcastError:
            return  # it has just gone; the next look asks again
        for one in old:
            hangs = one.program.name in before & self.silent
            if hangs and not any(marked(one.program.mark).values()):
                self.say(f"{_title(one)} hangs and is ended; its log is {one.program.log}")
                one.kill()

    def _tell_of(self, one: Supervised, status: int) -> None:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        self.say(
            f"{_title(one)} has died ({how}) and starts again in {one.wait:.0f} s; its log is "
            f"{one.program.log}"
        )
        if one in self.workers:  # nobody watches its runs any more
            why = "The worker has died, and the run with it. Retry the run to go on."
            self.cut_off.update(dict.fromkeys(end_all(one.program.mark), why))
            self.bereft.add(one.program.name)

    def mark(self) -> None:
        """Mark runs that were cut off, as soon as the server answers."""
        if not (self.cut_off or self.bereft) or not is_healthy(self.place.api):
            return
        number = len(self.cut_off)
        try:
            with connection() as client:
                for run, why in list(self.cut_off.items()):
                    set_crashed(client, run, why)
                    del self.cut_off[run]
                for pool in list(self.bereft):
                    hand_back(client, pool, _worker(pool))
                    self.bereft.remove(pool)
        except NightcastError:
            return  # it has just gone; the next look tries again
        if number:
            self.say(f"{count(number, 'run')} cut off: set to Crashed, to be retried in the UI")

    def stop(self, drain: float) -> None:
        """End everything: runs in flight have `drain` seconds to end, unless told again."""
        if self.server.is_alive and is_healthy(self.place.api):
            try:
                self._drain(drain)
            except NightcastError as error:
                self.say(f"the runs in flight are not marked: {error}")
        for one in reversed(self.processes[1:]):
            one.end(GRACE)
        left = end_all(self.token)
        if left:  # nobody could be told of them; the next start marks them
            with (self.place.folder / ORPHANS).open("a", encoding="utf-8") as note:
                note.writelines(f"{run}\n" for run in sorted(left))
        self.guard.end(GRACE)

    def _drain(self, seconds: float) -> None:
        with connection() as client:
            pause(client, [pool.name for pool in self.pools], self.place.folder)
            told, deadline = self.wish.times, time.monotonic() + seconds
            runs = self._runs()
            if runs:
                names = ", ".join(name_of(client, run) for run in sorted(set(runs.values())))
                self.say(
                    f"stopping; in flight: {names}; {seconds:.0f} s to end, Ctrl-C ends them now"
                )
            while self._runs() and time.monotonic() < deadline and self.wish.times == told:
                time.sleep(TICK)
            runs = self._runs()
            send(signal.SIGTERM, runs)
            deadline = time.monotonic() + GRACE
            while self._runs() and time.monotonic() < deadline:
                time.sleep(TICK)
            send(signal.SIGKILL, self._runs())
            why = "nightcast serve was stopped. Retry the run to go on, once it is back."
            for run in set(runs.values()):
                set_crashed(client, run, why)

    def _runs(self) -> dict[int, str]:
        """Processes that work for a flow run."""
        return {process: run for process, run in marked(self.token).items() if run}


def _worker(pool: str) -> str:
    """What the worker of a pool is called; the same after every start."""
    return f"{pool} on {gethostname()}"


def _title(one: Supervised) -> str:
    name = one.program.name
    return f"the {name}" if name in ("server", "guard") else f"the worker of pool {name}"
