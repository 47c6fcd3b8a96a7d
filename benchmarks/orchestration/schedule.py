"""From the scheduled moment to the published batch, of a night that reuses the champion.

    python -m benchmarks.orchestration.schedule [--quick] [--json]

The sample under `nightcast serve`. A first night trains a small model, which is put into service by
hand; the nights after it are scheduled, and measured by the clock of the table's commits.
"""

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml
from deltalake import DeltaTable

from benchmarks.command import alone, tell
from benchmarks.orchestration.served import Served, environment, served
from benchmarks.report import Figure

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data_contracts/samples/nyc_departures"
SPEC, NAME = "sample.yaml", "nyc-departures"
NIGHTLY = f"nightly/{NAME}"
TABLE = f"warehouse/{NAME}/forecasts.delta"
FIRST = datetime(2013, 10, 16, 4, tzinfo=UTC)
AHEAD = timedelta(seconds=20)  # a worker fetches runs ten seconds before their time


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this module."""
    nights = 1 if quick else 5
    with tempfile.TemporaryDirectory(prefix="nightcast-schedule-") as name:
        place = Path(name)
        write_sample(place)
        with served(place, SPEC) as service:
            put_into_service(service)
            measured = [_night(service, number) for number in range(1, nights + 1)]
    published, ended = np.array(measured).T
    return [
        Figure("scheduled to published, median", float(np.median(published)), "s", 60),
        Figure("… the slowest", float(published.max()), "s"),
        Figure("scheduled to the end of the run, median", float(np.median(ended)), "s"),
    ]


def write_sample(place: Path) -> None:
    """The spec of the sample, with one small model that is trained in seconds."""
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SAMPLE / "observations", place / "observations")
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = "observations"
    fields["candidates"] = ["attention_lstm"]
    fields["training"] = {"members": 1, "max_epochs": 2}
    fields["schedule"] = {"active": False}
    fields["warehouse"] = "./warehouse"
    (place / SPEC).write_text(yaml.safe_dump(fields))


def put_into_service(service: Served) -> None:
    """Train a model on the first night and make it the champion, whatever the gate thinks of it."""
    run = service.start(NIGHTLY, {"as_of": FIRST.isoformat(), "train": "always"})
    state, message = service.wait(run)
    if state != "COMPLETED":
        raise RuntimeError(f"The first night ended {state}: {message}")
    (version,) = (path.name for path in (service.place / f"warehouse/{NAME}/models").iterdir())
    champion = ("champion", SPEC, "--set", version, "--reason", "measured here")
    command = [sys.executable, "-m", "flows.cli", *champion]
    done = subprocess.run(
        command,
        cwd=service.place,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def _night(service: Served, number: int) -> tuple[float, float]:
    """Seconds from the scheduled moment until the batch was there, and until the run had ended."""
    scheduled = datetime.now(UTC) + AHEAD
    as_of = (FIRST + timedelta(days=number)).isoformat()
    run = service.start(NIGHTLY, {"as_of": as_of, "train": "never"}, at=scheduled)
    state, message = service.wait(run)
    ended = datetime.now(UTC)
    if state != "COMPLETED":
        raise RuntimeError(f"Night {number} ended {state}: {message}")
    (commit,) = DeltaTable(service.place / TABLE).history(1)
    published = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
    seconds = (published - scheduled).total_seconds(), (ended - scheduled).total_seconds()
    tell(f"night {number}: published after {seconds[0]:.1f} s, ended after {seconds[1]:.1f} s")
    return seconds


if __name__ == "__main__":
    sys.exit(alone("from schedule to published batch", measure))
