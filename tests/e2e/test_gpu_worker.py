"""Training on the gpu pool: a real server, real workers as processes, nights by the command."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable

from benchmarks.orchestration.own_server import own_server, own_worker

SECONDS = 600  # for whatever has to happen; the machine may be busy
AS_OF = "2024-02-28"
NEXT = "2024-02-29"
FORECASTS = ["mean", *(f"q{level}" for level in range(10, 100, 10))]

pytestmark = pytest.mark.timeout(1800)


def until(happened, what):
    """Wait for something, and return it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError):  # a server that is busy does not answer at once
            if found := happened():
                return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {SECONDS} s")


def family(pid):
    """A process and all that it started."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def end(worker):
    """Kill a worker and whatever it runs."""
    for pid in family(worker.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def left_behind(place):
    """Processes that report to the server of a place, whoever started them."""
    mark = f"PREFECT_HOME={place / 'prefect'}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environ.read_bytes().split(b"\0"):
                yield int(environ.parent.name)


class Service:
    """A server with the deployment `training/train`, and workers that come and go."""

    def __init__(self, place, env):
        self.place, self.env = place, env

    def ask(self, path, question=None):
        """What the server's API answers."""
        body = None if question is None else json.dumps(question).encode()
        request = urllib.request.Request(
            f"{self.env['PREFECT_API_URL']}{path}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def deploy(self):
        script = (
            "from flows.training import training\n"
            "from prefect.client.orchestration import get_client\n"
            "with get_client(sync_client=True) as client:\n"
            "    client.create_deployment(\n"
            "        client.create_flow(training), 'train', entrypoint='flows.training.training',\n"
            "        work_pool_name='gpu', enforce_parameter_schema=False,\n"
            "        pull_steps=[{'prefect.deployments.steps.set_working_directory':\n"
            f"            {{'directory': {str(self.place)!r}}}}}],\n"
            "    )\n"
        )
        subprocess.run([sys.executable, "-c", script], env=self.env, cwd=self.place, check=True)

    @contextmanager
    def worker(self):
        """A worker of the gpu pool while the context lasts; the first makes the pool."""
        known = self.workers()
        with own_worker("gpu", self.env, self.place) as worker:
            try:
                until(lambda: self.workers() - known, "the start of a worker")
                yield worker
            finally:
                end(worker)

    def workers(self):
        """Names of the workers that have said that they are there."""
        with suppress(urllib.error.HTTPError):
            return {worker["name"] for worker in self.ask("/work_pools/gpu/workers/filter", {})}
        return set()

    def trainings(self, name):
        """Runs of the flow `training` for a spec, the oldest first."""
        which = {"flows": {"name": {"any_": ["training"]}}, "flow_runs": {"tags": {"all_": [name]}}}
        return self.ask("/flow_runs/filter", {**which, "sort": "EXPECTED_START_TIME_ASC"})

    def training(self, name, state):
        """The last of them, once it is in this state."""
        return until(
            lambda: [run for run in self.trainings(name)[-1:] if run["state_type"] == state],
            f"the training being {state}",
        )[0]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    place = tmp_path_factory.mktemp("service")
    with own_server(place) as env:
        try:
            service = Service(place, env)
            with service.worker():
                service.deploy()
            yield service
        finally:
            for pid in left_behind(place):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class Nights:
    """Nights over two noisy waves, with a network that is trained in seconds."""

    def __init__(self, service, place, name, **training):
        self.service, self.place, self.name = service, place, name
        place.mkdir(exist_ok=True)
        ds = pd.date_range("2024-01-01", periods=60 * 24, freq="h", tz="UTC", unit="us")
        rng = np.random.default_rng(0)
        wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
        frames = [
            pd.DataFrame({"unique_id": each, "ds": ds, "y": wave + rng.normal(0, 1, len(ds))})
            for each in ("a", "b")
        ]
        pd.concat(frames).to_parquet(place / "in.parquet", index=False)
        fields = {
            "name": name,
            "source": {"uri": "in.parquet"},
            "calendar": {"frequency": "h"},
            "horizon": 6,
            "candidates": ["attention_lstm"],
            "training": {"context_length": 48, "members": 1, "max_epochs": 1, "minutes": 1000}
            | training,
            "warehouse": str(place / name),
        }
        (place / f"{name}.yaml").write_text(yaml.safe_dump(fields))

    def begin(self, as_of, train="always"):
        command = ["flows.cli", "run", f"{self.name}.yaml", "--as-of", as_of, "--json"]
        with (self.place / f"{self.name}-{as_of}.json").open("wb") as answer:
            return subprocess.Popen(
                [sys.executable, "-m", *command, "--train", train],
                cwd=self.place,
                env=self.service.env,
                stdin=subprocess.DEVNULL,
                stdout=answer,
            )

    def end(self, as_of, process):
        """The record of a night."""
        assert process.wait(timeout=SECONDS) == 0
        return json.loads((self.place / f"{self.name}-{as_of}.json").read_text())

    def run(self, as_of, train="always"):
        return self.end(as_of, self.begin(as_of, train))

    def table(self, name):
        return DeltaTable(self.place / self.name / self.name / f"{name}.delta").to_pandas()


def challengers(night):
    return [score["version"] for score in night["scores"] if score["role"] == "challenger"]


def test_without_a_worker_the_night_is_published_and_says_what_to_do(service, tmp_path):
    nights = Nights(service, tmp_path, "lonely", on="gpu", queue_minutes=0.05)

    night = nights.run(AS_OF)

    assert night["published"]
    assert night["model"] == "seasonal_naive"
    assert "No worker of the work pool gpu took it." in night["training"]
    (warning,) = [each for each in night["warnings"] if "work pool gpu" in each]
    assert "did not begin within 0.05 minutes" in warning
    assert "`prefect worker start --pool gpu`" in warning
    (run,) = service.trainings("lonely")
    assert run["state_type"] == "CANCELLED"
    with service.worker():
        time.sleep(5)  # it would have taken the run by now
        assert [run["state_type"] for run in service.trainings("lonely")] == ["CANCELLED"]


def test_the_gpu_pool_makes_the_version_that_a_training_here_makes(service, tmp_path):
    here = Nights(service, tmp_path, "waves")
    with service.worker():
        there = Nights(service, tmp_path / "there", "waves", on="gpu")
        handed = there.run(AS_OF)
    kept = here.run(AS_OF)

    assert challengers(handed) == challengers(kept) != []
    assert "It was handed to the work pool gpu" in handed["training"]
    order = ["model_version", "unique_id", "origin", "lead"]
    judged, expected = (
        each.table("evaluations").sort_values(order, ignore_index=True).drop(columns="run_id")
        for each in (there, here)
    )
    pd.testing.assert_frame_equal(judged, expected, check_exact=True)
    published, expected = (
        each.table("forecasts").sort_values(["unique_id", "ds"]) for each in (there, here)
    )
    for column in FORECASTS:
        assert published[column].to_numpy().tobytes() == expected[column].to_numpy().tobytes()


def test_a_training_that_outlives_its_worker_and_its_night_is_judged_the_next_night(
    service, tmp_path
):
    nights = Nights(service, tmp_path, "late", on="gpu", timeout_minutes=0.02, max_epochs=20)
    with service.worker() as worker:
        process = nights.begin(AS_OF)
        run = {"flow_runs": {"id": {"any_": [service.training("late", "RUNNING")["id"]]}}}
        until(lambda: service.ask("/task_runs/filter", run), "the first step of the training")
        os.kill(worker.pid, signal.SIGKILL)
        night = nights.end(AS_OF, process)

        assert night["published"]
        assert challengers(night) == []
        assert "goes on" in night["training"]
        service.training("late", "COMPLETED")

    followed = nights.run(NEXT, train="never")

    (version,) = challengers(followed)
    assert version.startswith("20240227T2300-attention_lstm-")
    decisions = nights.table("decisions").set_index("cutoff").sort_index()
    assert [list(judged) for judged in decisions["judged"]] == [[], [version]]


def test_a_training_that_dies_with_its_worker_harms_no_night(service, tmp_path):
    nights = Nights(service, tmp_path, "doomed", on="gpu", timeout_minutes=0.1, max_epochs=100_000)
    with service.worker() as worker:
        process = nights.begin(AS_OF)
        service.training("doomed", "RUNNING")
        end(worker)
        night = nights.end(AS_OF, process)

    assert night["published"]
    assert night["model"] == "seasonal_naive"
    assert any("takes longer than 0.1 minutes" in each for each in night["warnings"])
    assert challengers(night) == []

    nights = Nights(service, tmp_path, "doomed", on="gpu")
    with service.worker():
        followed = nights.run(NEXT)
    (version,) = challengers(followed)
    assert version.startswith("20240228T2300-attention_lstm-")


def test_a_training_whose_process_is_killed_is_tried_again(service, tmp_path):
    nights = Nights(service, tmp_path, "killed", on="gpu")
    with service.worker() as worker:
        process = nights.begin(AS_OF)
        service.training("killed", "RUNNING")
        for pid in family(worker.pid)[1:]:
            os.kill(pid, signal.SIGKILL)
        night = nights.end(AS_OF, process)

    assert len(challengers(night)) == 1
    assert [run["state_type"] for run in service.trainings("killed")] == ["CRASHED", "COMPLETED"]
