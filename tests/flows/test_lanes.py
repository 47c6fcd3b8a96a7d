import os
import signal
import time
from uuid import uuid4

import pytest

from flows.lanes import OwnLane, ProcessLanes, open_lanes

PATIENCE = 120  # seconds, on a busy machine


@pytest.mark.parametrize(("count", "kind"), [(1, OwnLane), (2, ProcessLanes)], ids=str)
def test_a_single_lane_is_this_process(count, kind):
    assert isinstance(open_lanes(count), kind)


def test_the_death_of_a_process_ends_its_run_and_frees_its_lane():
    run = uuid4()
    with ProcessLanes(1) as lanes:
        lanes.begin(run)
        assert lanes.are_full
        os.kill(lanes._busy[run].process.pid, signal.SIGKILL)

        (ended,) = lanes.ended(seconds=PATIENCE)

        assert (ended.run, ended.state, ended.died) == (run, "failed", True)
        assert "exit code -9" in ended.reason
        assert not lanes.are_full


def test_no_process_outlives_the_context_or_a_run_that_is_stopped():
    stopped, other = uuid4(), uuid4()
    with ProcessLanes(2) as lanes:
        for run in (stopped, other):
            lanes.begin(run)
        processes = [lanes._busy[run].process for run in (stopped, other)]
        lanes.stop(stopped)
        assert not processes[0].is_alive()
        assert not lanes.are_full

    deadline = time.monotonic() + PATIENCE
    while processes[1].is_alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes[1].is_alive()
