"""Where a run started by hand reports to: the server that is configured, or a throw-away one.

The throw-away server starts as a process of its own while this one imports the heavy libraries,
keeps its records in a temporary folder, and goes when this process goes, however that ends.
"""

import contextlib
import ctypes
import http.client
import importlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from data_contracts.errors import NightcastError

STARTUP_SECONDS = 120
LEFTOVER = "nightcast-run-"  # begins the name of a temporary folder; the process id follows
QUIET = {
    # Nothing phones home, and the server's own chatter stays out of the terminal.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
}
THROW_AWAY = {
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    # Batches keep the task-run recorder from fighting over the SQLite file.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
}
HEAVY = ("pandas", "great_expectations.expectations", "keras", "deltalake")


def quieten() -> None:
    """Keep libraries that are imported from now on from chattering and from phoning home."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def reporting(*, verbose: bool) -> Iterator[None]:
    """Let flows of this process report to a Prefect server for as long as the context lasts.

    Call it before Prefect is imported for the first time: it reads its settings then.

    Args:
        verbose: Show Prefect's log lines on the terminal.

    Raises:
        NightcastError: If no server is configured and a throw-away one does not start.
    """
    quieten()
    if not verbose:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    if is_configured():
        import_quietly()
        yield
        return
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")  # nobody will read them there
    _sweep()
    with tempfile.TemporaryDirectory(prefix=f"{LEFTOVER}{os.getpid()}-") as folder:
        port = free_port()
        with _server(port, Path(folder)) as server:
            import_quietly()
            _wait_until_healthy(server, port)
            os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
            try:
                with without_heartbeat():
                    yield
            finally:
                del os.environ["PREFECT_API_URL"]


def _sweep() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{LEFTOVER}*-*"):
        owner = folder.name.removeprefix(LEFTOVER).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def is_configured() -> bool:
    """Whether a server is named by the environment or by the active Prefect profile."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    home = Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect"))
    if "prefect" not in sys.modules and not (home / "profiles.toml").exists():
        return False  # spares the import where there is nothing to read
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def free_port() -> int:
    """A port of this machine that nothing holds just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _server(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    database = f"sqlite+aiosqlite:///{folder}/prefect.db"
    command = ["uvicorn", "--factory", "prefect.server.api.server:create_app"]
    address = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "critical"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, *address],
            env={**os.environ, **THROW_AWAY, "PREFECT_SERVER_DATABASE_CONNECTION_URL": database},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; the server is still needed to record it
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, even by kill -9."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM until what has begun is finished; then they take their course."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears them
        yield
        return
    heard: list[int] = []
    try:
        with signals_to(lambda number, _: heard.append(number), signal.SIGINT, signal.SIGTERM):
            yield
    finally:
        for each in dict.fromkeys(heard):
            signal.raise_signal(each)


@contextlib.contextmanager
def signals_to(
    handler: Callable[[int, FrameType | None], object], *numbers: signal.Signals
) -> Iterator[None]:
    """Hand some signals to a handler of our own, and afterwards to whoever had them before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual or signal.SIG_DFL)  # None: not set from Python


def import_quietly() -> None:
    """Import what the night needs anyway; a throw-away server starts meanwhile on another core."""
    with _native_stderr_hidden():
        for name in HEAVY:
            importlib.import_module(name)
    # It warns of functions compiled anew, which is what different networks are.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def _native_stderr_hidden() -> Iterator[None]:
    """Hide what TensorFlow's native code prints while it loads, before its log level counts."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if is_healthy(f"http://127.0.0.1:{port}/api"):
            return
        time.sleep(0.1)
    raise NightcastError(
        f"The throw-away Prefect server did not start within {STARTUP_SECONDS} s; set "
        "PREFECT_API_URL to a running server, or see `prefect server start` for the reason."
    )


def is_healthy(api: str) -> bool:
    """Whether a Prefect server answers at the address of its API; this asks no proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{api}/health", timeout=10):
            return True
    except (OSError, http.client.HTTPException, ValueError):
        return False


@contextlib.contextmanager
def without_heartbeat() -> Iterator[None]:
    """Each flow waits a second for its heartbeat thread; a throw-away server has no use for it."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
