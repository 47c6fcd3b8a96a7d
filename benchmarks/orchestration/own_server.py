"""A Prefect server of its own for a measurement, and flows of other processes that report to it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from flows.backend import free_port, is_healthy

PATIENCE = 900  # seconds for a server or a worker to start, on a busy machine
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "NO_PROXY": "127.0.0.1,localhost",
}


@contextlib.contextmanager
def own_server(folder: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Run a server on SQLite in a folder; its environment is for the processes that report to it.

    Args:
        folder: Where it keeps its files.
        settings: Variables beside `SETTINGS`.

    Raises:
        TimeoutError: If it does not start; its log is in the folder.
    """
    port = free_port()
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = mine | SETTINGS | settings
    environment |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    start = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _process(start, environment, folder / "server.log") as server:
        _wait_until_healthy(server, environment["PREFECT_API_URL"])
        yield environment


@contextlib.contextmanager
def own_worker(
    pool: str, environment: dict[str, str], folder: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a process worker of a work pool, which it creates, with a folder to work in."""
    start = ["-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with _process(start, environment, folder / f"worker-{pool}.log", folder) as worker:
        yield worker


@contextlib.contextmanager
def _process(
    arguments: list[str], environment: dict[str, str], log: Path, cwd: Path | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_healthy(server: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        if is_healthy(url):
            return
        time.sleep(0.1)
    raise TimeoutError(f"The Prefect server at {url} did not start within {PATIENCE} s.")
