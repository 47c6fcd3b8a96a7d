"""`nightcast serve`: server, workers and deployments on one machine, until somebody says stop."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.commands.deploy import print_deployments
from flows.console import ERR, OUT, shown
from flows.service.guard import end_all
from flows.service.lock import only_one
from flows.service.place import DATABASE, Place, database_of
from flows.service.plan import read_specs
from flows.service.serve import Pool, Service, StoppedError, Wish


@dataclass(frozen=True)
class Where:
    """What the command was told about its place.

    Attributes:
        folder: Of the records and logs.
        host, port: Where the server listens.
        database: Address of a database in the place of a file in the folder.
    """

    folder: Path
    host: str
    port: int
    database: str | None

    def place(self) -> Place:
        """The same, checked; the environment may name the database, too."""
        url = self.database or os.environ.get(DATABASE)
        return Place(self.folder.resolve(), self.host, self.port, database_of(url))


def run_serve(specs: Sequence[Path], where: Where, *, at_once: int, drain: float) -> None:
    """Start everything, say where it is, and look after it.

    Raises:
        SpecError: If a spec is wrong, the folder is served already, or the port is taken.
        NightcastError: If the server does not start.
    """
    read_specs(specs)
    place, wish = where.place(), Wish()
    pools = (Pool("cpu", at_once), Pool("gpu", 1))
    with wish.listening(), only_one(place.folder, place.ui) as (own, killed):
        place.check_port()
        os.environ.update(place.of_runs())  # for what this process asks the server
        service = Service(place, pools, own.token, _say, wish)
        service.remember(end_all(killed.token) if killed else ())
        try:
            _start(service, specs)
            service.look_after()
        except StoppedError:
            pass
        finally:
            service.stop(drain)
            _say("stopped")


def _start(service: Service, specs: Sequence[Path]) -> None:
    place = service.place
    _say(f"starting; records in {place.records}, logs in {place.folder / 'logs'}")
    service.start_server()
    deployed = service.deploy(specs)
    service.take_up()
    service.start_workers()
    print_deployments(deployed)
    OUT.print(f"[bold]Prefect[/]  {place.ui}", soft_wrap=True)
    OUT.print("Ctrl-C stops it.")


def _say(line: str) -> None:
    ERR.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {shown(line)}", soft_wrap=True)
