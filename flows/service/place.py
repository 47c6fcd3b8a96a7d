"""Where a service on one machine lives: its folder, its address, and the settings that follow."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import SpecError
from flows.backend import QUIET

DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
AUTH = "PREFECT_SERVER_API_AUTH_STRING"
EVERYWHERE = "0.0.0.0"
# What is set in the environment already holds; these are only defaults.
SERVER = {
    # The other pages load a library from a company's server into the browser; these load nothing.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Kept in memory, the slots of runs that died with the server would be taken for ever.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    "PREFECT_SERVER_LOG_RETRYABLE_ERRORS": "true",
    # Nights that were planned before an outage are made up for after it; so many are planned.
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "7",
}
SQLITE = {
    # Batches keep the task-run recorder from fighting over the file.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
RUNS = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "3",
    "PREFECT_CLIENT_MAX_RETRIES": "8",  # minutes of patience while the server starts again
}


@dataclass(frozen=True)
class Place:
    """A service on one machine.

    Attributes:
        folder: Absolute; records, logs and results lie there.
        host, port: Where the server listens.
        database: Its SQLAlchemy address; None keeps the records in the folder.
    """

    folder: Path
    host: str
    port: int
    database: str | None = None

    @property
    def ui(self) -> str:
        """Address of the pages, from this machine."""
        return f"http://{'127.0.0.1' if self.host == EVERYWHERE else self.host}:{self.port}"

    @property
    def api(self) -> str:
        """Address of the server for programs."""
        return f"{self.ui}/api"

    @property
    def records(self) -> str:
        """Where the records are, without what is secret about it."""
        if self.database is None:
            return str(self.folder / "prefect.db")
        scheme, _, rest = self.database.partition("://")
        where, _, query = rest.partition("?")
        kind = scheme.partition("+")[0]
        # An @ behind a question mark may belong to a password that holds one.
        return kind if "@" in query else f"{kind} at {where.rpartition('@')[2]}"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.folder / "logs" / f"{name}.log"

    def of_runs(self) -> dict[str, str]:
        """The environment of workers and of commands that speak to the server."""
        own = {
            "PREFECT_HOME": str(self.folder),
            "PREFECT_API_URL": self.api,
            "PREFECT_LOCAL_STORAGE_PATH": str(self.folder / "results"),
        }
        defaults = {**QUIET, **RUNS, "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1"}
        if AUTH in os.environ:
            defaults["PREFECT_API_AUTH_STRING"] = os.environ[AUTH]
        return {**defaults, **_without_secrets(), **own, "NO_PROXY": _no_proxy()}

    def of_server(self) -> dict[str, str]:
        """The environment of the server, which alone knows the password of the database."""
        url = self.database or f"sqlite+aiosqlite:///{self.folder}/prefect.db"
        own = {
            "PREFECT_SERVER_API_HOST": self.host,
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_SERVER_UI_API_URL": "/api",  # whatever the machine is called in the browser
            DATABASE: url,
        }
        if AUTH in os.environ:
            own[AUTH] = os.environ[AUTH]
        defaults = SERVER | (SQLITE if url.startswith("sqlite") else {})
        return {**defaults, **self.of_runs(), **own}

    def check_port(self) -> None:
        """Refuse a port that something else holds.

        Raises:
            SpecError: If so, or if the host is none of this machine.
        """
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self.host, self.port))
        except OSError as error:
            raise SpecError(
                f"Port {self.port} of {self.host} cannot be used ({error.strerror}): something "
                "else may hold it; name another one by --port."
            ) from None


def database_of(url: str | None) -> str | None:
    """The address of a database as Prefect wants it, with its driver; it is not repeated in errors.

    Raises:
        SpecError: If it is neither PostgreSQL's nor SQLite's.

    >>> database_of("postgresql://nightcast:secret@db/prefect")
    'postgresql+asyncpg://nightcast:secret@db/prefect'
    """
    if not url:
        return None
    scheme, _, rest = url.partition("://")
    drivers = {"postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    driver = drivers.get(scheme.partition("+")[0].replace("postgresql", "postgres"))
    if driver is None or not rest:
        raise SpecError(
            "--database: expected an address such as postgresql://user:password@host/name, got "
            "another one, which is not repeated here because it may hold a password."
        )
    return f"{driver}://{rest}"


def _without_secrets() -> dict[str, str]:
    """The environment of this process, without what only the server may know."""
    secrets = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_", AUTH)
    return {name: value for name, value in os.environ.items() if not name.startswith(secrets)}


def _no_proxy() -> str:
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    return ",".join(filter(None, [known, "127.0.0.1", "localhost"]))
