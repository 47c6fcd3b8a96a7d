"""The throw-away server is there for the run, and gone after it, however the run ends."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.backend import signals_held, signals_to

ROOT = Path(__file__).parents[2]
# A shell that starts the tests in the background has them ignore Ctrl-C, and so their children.
RUN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from flows.backend import reporting
with reporting(verbose=False):
    print(os.environ["PREFECT_API_URL"], flush=True)
    time.sleep(float(sys.argv[1]))
"""


def run(place, seconds):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(place)}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(seconds)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def answers(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def is_gone(url):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not answers(url):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    "signum", [pytest.param(signal.SIGKILL, id="killed"), pytest.param(signal.SIGINT, id="Ctrl-C")]
)
def test_no_server_outlives_the_run(tmp_path, signum):
    process = run(tmp_path, seconds=600)
    url = process.stdout.readline().strip()
    assert answers(url)

    process.send_signal(signum)
    process.wait()

    assert is_gone(url)
    process.stdout.close()


def test_a_configured_server_is_used_and_left_alone(monkeypatch):
    from flows.backend import reporting

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    with reporting(verbose=True):
        assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:9/api"

    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:9/api"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_what_has_begun_is_finished_before_a_signal_takes_its_course(number):
    done = []
    with signals_to(lambda *_: done.append("ended"), number):
        with signals_held():
            signal.raise_signal(number)
            signal.raise_signal(number)
            done.append("finished")

        assert done == ["finished", "ended"]
        signal.raise_signal(number)
    assert done == ["finished", "ended", "ended"]


def test_in_a_thread_that_hears_no_signals_nothing_is_held():
    def handler_within():
        with signals_held():
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler_within).result() == signal.getsignal(signal.SIGTERM)
