import os
import signal
import sys
import time

import pytest

from flows.service.processes import Program, Supervised, last_words

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
FAIL = "raise RuntimeError('no such database')"


@pytest.fixture
def supervise(tmp_path):
    started = []

    def supervise(script):
        program = Program(
            name="server",
            command=[sys.executable, "-c", script],
            environment=dict(os.environ),
            log=tmp_path / "logs" / "server.log",
            mark="token:server",
        )
        one = Supervised(program)
        one.start()
        started.append(one)
        return one

    yield supervise
    for one in started:
        one.end(patience=60)


def wait_until(holds):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if result := holds():
            return result
        time.sleep(0.05)
    raise AssertionError("it did not come about within a minute")


def test_a_death_is_told_once_and_the_process_starts_again(supervise):
    one = supervise(SLEEP)
    assert one.has_died() is None
    first = one.process.pid

    one.process.kill()

    assert wait_until(one.has_died) == -signal.SIGKILL
    assert one.has_died() is None
    wait_until(one.restart_if_due)
    assert one.is_alive
    assert one.process.pid != first


def test_what_dies_again_and_again_waits_longer_each_time(supervise):
    one = supervise(FAIL)
    waits = []
    for _ in range(2):
        assert wait_until(one.has_died) == 1
        waits.append(one.wait)
        wait_until(one.restart_if_due)

    assert waits[0] < waits[1]
    wait_until(one.has_died)
    assert last_words(one.program.log) == "RuntimeError: no such database"


def test_what_does_not_end_when_asked_is_killed(supervise):
    one = supervise(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}")
    wait_until(lambda: one.program.log.read_text())
    process = one.process

    one.end(patience=0.2)

    assert process.returncode == -signal.SIGKILL


def test_a_log_that_has_grown_large_makes_way(supervise, monkeypatch):
    monkeypatch.setattr("flows.service.processes.LARGE_LOG", 1)
    one = supervise(FAIL)
    wait_until(one.has_died)

    wait_until(one.restart_if_due)

    assert one.program.log.with_suffix(".log.1").exists()
