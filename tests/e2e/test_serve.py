"""`nightcast serve`, with a real server and real workers: started, started twice, killed, ended."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from deltalake import DeltaTable

from flows.backend import free_port, is_healthy
from flows.service.guard import marked

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds for one thing, on a busy machine
pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_waves):
    """A folder with a spec that trains nothing."""
    place = tmp_path_factory.mktemp("serve")
    write_waves(place)
    return place


class Serve:
    """A running `nightcast serve`."""

    def __init__(self, place, *arguments):
        self.place, self.log = place, place / "serve.txt"
        clean = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        with self.log.open("ab") as log:
            begun = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "serve", *arguments],
                cwd=place,
                env={**clean, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        self.begun = begun

    def said(self):
        return self.log.read_bytes()[self.begun :].decode()

    def wait_for(self, line):
        until(lambda: line in self.said() or self.process.poll() is not None)
        assert line in self.said(), self.said()
        return self

    @property
    def holder(self):
        return json.loads((self.place / ".nightcast" / "serve.lock").read_text())

    def child(self, name):
        (found,) = [
            process
            for process in marked(f"{self.holder['token']}:{name}")
            if Path(f"/proc/{process}/stat").read_text().split()[3] == str(self.process.pid)
        ]
        return found

    def api(self, path, body):
        request = urllib.request.Request(
            f"{self.holder['ui']}/api{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        answers = []

        def ask():
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answers.append(json.load(answer))
            except urllib.error.HTTPError as error:
                if error.code != 503:  # which is SQLite at work for somebody else
                    raise
            return answers

        until(ask)
        return answers[0]

    def start_night(self, as_of):
        (night,) = [
            one
            for one in self.api("/deployments/filter", {})
            if one["entrypoint"] == "flows.nightly.nightly"
        ]
        return self.api(
            f"/deployments/{night['id']}/create_flow_run", {"parameters": {"as_of": as_of}}
        )["id"]

    def state(self, run):
        (found,) = self.api("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return found["state"]

    def wait_for_state(self, run, *names):
        until(lambda: self.state(run)["name"] in names)
        return self.state(run)


def until(holds):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.5)
    raise AssertionError(f"it did not come about within {PATIENCE} s")


@pytest.fixture(scope="module")
def port():
    return str(free_port())


@pytest.fixture
def serve(place, port):
    """Start `nightcast serve`; whatever is left of it is ended after the test."""
    started = []

    def start(*arguments):
        one = Serve(place, "--port", port, *arguments)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            one.process.send_signal(signal.SIGTERM)
        one.process.wait(PATIENCE)


def test_one_command_is_a_service_that_ends_without_a_trace(serve, place):
    service = serve("waves.yaml").wait_for("Ctrl-C stops it.")
    ui, token = service.holder["ui"], service.holder["token"]
    with urllib.request.urlopen(ui, timeout=60) as page:
        assert b"<title>Prefect" in page.read()
    assert re.search(r"nightly/waves +cpu +\w{3} \d{4}-\d\d-\d\d 03:30 UTC", service.said())

    second = serve("waves.yaml")
    assert second.process.wait(PATIENCE) == 2
    assert f"is already served at {ui} (process {service.process.pid})" in second.said()
    assert is_healthy(f"{ui}/api")

    run = service.start_night("2024-02-28T00:00:00Z")
    assert service.wait_for_state(run, "Completed", "Failed", "Crashed")["name"] == "Completed"
    rows = DeltaTable(place / "warehouse" / "waves" / "forecasts.delta").to_pandas()
    assert len(rows) == 2 * 6

    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(PATIENCE) == 0
    assert marked(token) == {}
    assert not is_healthy(f"{ui}/api")


def test_what_is_killed_comes_back_and_no_run_is_left_hanging(serve):
    service = serve().wait_for("Ctrl-C stops it.")  # what was deployed before
    api, token = f"{service.holder['ui']}/api", service.holder["token"]

    cut_off = service.start_night("2024-02-27T00:00:00Z")
    service.wait_for_state(cut_off, "Running")
    os.kill(service.child("cpu"), signal.SIGKILL)
    assert service.wait_for_state(cut_off, "Crashed")["message"].startswith("The worker has died")
    service.wait_for("the worker of pool cpu runs again")

    os.kill(service.child("server"), signal.SIGKILL)
    service.wait_for("the server runs again")
    until(lambda: is_healthy(api))

    cut_off = service.start_night("2024-02-26T00:00:00Z")
    service.wait_for_state(cut_off, "Running")
    service.process.kill()
    until(lambda: marked(token) == {})

    again = serve().wait_for("Ctrl-C stops it.")
    assert again.wait_for_state(cut_off, "Crashed")["message"].startswith("nightcast serve was k")
