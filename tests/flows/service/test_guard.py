"""What a service has started goes when the service goes, even by kill -9."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.service.guard import MARK, RUN, end_all, marked

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.fixture
def sleeper():
    """Start processes in sessions of their own, where no signal to a group reaches them."""
    started = []

    def start(mark, run=""):
        process = subprocess.Popen(
            [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"],
            env={**os.environ, MARK: mark, RUN: run},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        process.stdout.readline()  # until then it may still be a copy of this one
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_processes_are_found_by_the_mark_of_their_service(sleeper):
    ours, other = sleeper("a1:cpu", "run"), sleeper("a11:cpu")

    assert marked("a1") == {ours.pid: "run"}
    assert marked("a1:cpu") == {ours.pid: "run"}
    assert marked("a1:gpu") == {}
    assert set(marked("a11")) == {other.pid}
    assert marked("") == {}, "nobody has no mark, and everybody else has none"


def test_the_end_of_a_worker_leaves_the_runs_of_the_other_alone(sleeper):
    cpu, gpu = sleeper("a2:cpu", "night"), sleeper("a2:gpu", "training")

    assert end_all("a2:cpu") == {"night"}

    assert cpu.wait(60) < 0
    assert gpu.poll() is None


def test_the_guard_ends_what_is_left_and_notes_the_runs_that_were_cut_off(sleeper, tmp_path):
    run, server = sleeper("a3:cpu", "night"), sleeper("a3:server")
    note = tmp_path / "cut-off"
    guard = subprocess.Popen(
        [sys.executable, "-m", "flows.service.guard", "a3", str(note)],
        env={**os.environ, MARK: "a3:guard", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )
    time.sleep(0.5)
    assert run.poll() is None, "it waits for the end of whoever started it"

    guard.stdin.close()

    assert guard.wait(60) == 0
    assert run.wait(60) < 0
    assert server.wait(60) < 0
    assert note.read_text() == "night\n"
