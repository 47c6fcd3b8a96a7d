"""A real `nightcast serve` in a folder of its own, and what a benchmark asks of its server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from flows.backend import free_port

PATIENCE = 600.0  # seconds after which something hangs, however busy the machine is
READY = "Ctrl-C stops it."  # the last line before `serve` begins to look after things
RUN_OF_A_PROCESS = "PREFECT__FLOW_RUN_ID"
A_PERSON = 15.0  # seconds from the end of a run to the button that retries it, at the least
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

T = TypeVar("T")


@dataclass
class Served:
    """A running service.

    Attributes:
        place: Its working directory, where the specs lie.
        api: Address of its server.
    """

    place: Path
    port: int
    process: "subprocess.Popen[str]"
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # No proxy stands between two processes of one machine.
        self.client = httpx.Client(base_url=self.api, timeout=60, trust_env=False)

    @property
    def api(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(
        self, deployment: str, parameters: Mapping[str, Any], *, at: datetime | None = None
    ) -> str:
        """Ask for a run of a deployment, such as `nightly/sample`, and return its id.

        Args:
            deployment: Flow and name.
            parameters: Of the run, besides those of the deployment.
            at: When it is to begin; now by default.
        """
        found = self._ask("GET", f"/deployments/name/{deployment}")
        wanted: dict[str, Any] = {"parameters": found["parameters"] | dict(parameters)}
        if at is not None:
            details = {"scheduled_time": at.astimezone(UTC).isoformat()}
            wanted["state"] = {"type": "SCHEDULED", "state_details": details}
        run = self._ask("POST", f"/deployments/{found['id']}/create_flow_run", json=wanted)
        return str(run["id"])

    def retry(self, run: str) -> None:
        """What the button of the UI does: let a worker run it again.

        Not at once: within a second of a crash, Prefect's worker still counts the run as its own,
        and one that comes back then brings it down.
        """
        time.sleep(A_PERSON)
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        self._ask("POST", f"/flow_runs/{run}/set_state", json={"state": state, "force": False})

    def state(self, run: str) -> tuple[str, str]:
        """Type and message of its state."""
        state = self._ask("GET", f"/flow_runs/{run}")["state"]
        return str(state["type"]), str(state["message"] or "")

    def children(self, run: str) -> list[str]:
        """Runs that a run has started."""
        filters = {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}, "limit": 200}
        found = self._ask("POST", "/flow_runs/filter", json=filters)
        return [str(each["id"]) for each in found]

    def wait(self, run: str, types: tuple[str, ...] = ENDED) -> tuple[str, str]:
        """Wait until a run is in one of some states.

        Raises:
            TimeoutError: If it is not after ten minutes.
        """
        return until(lambda: self._in(run, types), f"run {run} to be {' or '.join(types)}")

    def _in(self, run: str, types: tuple[str, ...]) -> tuple[str, str] | None:
        found = self.state(run)
        return found if found[0] in types else None

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        """Ask the server; while it starts again, ask until it answers."""

        def answer() -> httpx.Response | None:
            try:
                response = self.client.request(method, path, **content)
            except httpx.TransportError:
                return None
            return None if response.status_code in (502, 503, 504) else response

        response = until(answer, f"{method} {path} to be answered")
        response.raise_for_status()
        return response.json()


@contextmanager
def served(place: Path, *specs: str, at_once: int = 6) -> Iterator[Served]:
    """Serve some specs for as long as the context lasts.

    Args:
        place: An existing folder; the specs lie there.
        specs: Names of their files.
        at_once: Runs of the cpu pool that go on at once.

    Raises:
        RuntimeError: If the service does not start.
    """
    port = free_port()
    options = ["--folder", ".nightcast", "--port", str(port), "--at-once", str(at_once)]
    with (place / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve", *specs, *options, "--drain", "5"],
            cwd=place,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        if not any(READY in line for line in process.stdout):
            raise RuntimeError((place / "serve.log").read_text())
        yield Served(place, port, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()


def environment() -> dict[str, str]:
    """Of this process, without what would point to a server of its user, one thread a process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    return {**kept, **threads, "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def processes_of(run: str) -> list[int]:
    """Processes that work for a flow run, by what stands in their environment."""
    wanted = f"{RUN_OF_A_PROCESS}={run}".encode()
    return [pid for pid, variables in _environments() if wanted in variables]


def process_named(place: Path, *words: str) -> list[int]:
    """Processes of the service in a folder whose command line has some words."""
    home = f"PREFECT_HOME={(place / '.nightcast').resolve()}".encode()
    found = [pid for pid, variables in _environments() if home in variables]
    return [pid for pid in found if set(words) <= set(_command(pid))]


def kill(processes: list[int]) -> None:
    """Kill -9."""
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended by itself


def until(ask: "Callable[[], T | None]", what: str, *, pause: float = 0.1) -> T:
    """Ask until there is an answer.

    Raises:
        TimeoutError: If there is none after ten minutes.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(pause)
    raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")


def _environments() -> Iterator[tuple[int, set[bytes]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), set((folder / "environ").read_bytes().split(b"\0"))
        except OSError:
            continue  # it has ended meanwhile, or belongs to somebody else


def _command(pid: int) -> list[str]:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")
    except OSError:
        return []
