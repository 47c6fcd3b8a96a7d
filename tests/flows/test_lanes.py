import os
import signal
import time
from contextlib import closing
from uuid import uuid4

import pytest
from prefect.states import Completed, Failed

from data_contracts.errors import ConflictError, ContractError, OvertakenError, StorageError
from flows.endings import SKIPPED, sentence_of
from flows.lanes import OwnLane, ProcessLanes, ended_as, open_lanes

PATIENCE = 120  # seconds, on a busy machine


@pytest.mark.parametrize(("count", "kind"), [(1, OwnLane), (2, ProcessLanes)], ids=str)
def test_a_single_lane_is_this_process(count, kind):
    assert isinstance(open_lanes(count), kind)


def test_the_death_of_a_process_ends_its_run_and_frees_its_lane():
    run = uuid4()
    with closing(ProcessLanes(1)) as lanes:
        lanes.begin(run)
        assert lanes.are_full
        os.kill(lanes._busy[run].process.pid, signal.SIGKILL)

        (ended,) = lanes.ended(seconds=PATIENCE)

        assert (ended.run, ended.state, ended.died) == (run, "failed", True)
        assert "exit code -9" in ended.reason
        assert not lanes.are_full


def test_no_process_outlives_the_lanes_or_a_run_that_is_stopped():
    stopped, other = uuid4(), uuid4()
    with closing(ProcessLanes(2)) as lanes:
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


def failed(error):
    return Failed(message=sentence_of(error), data=error)


@pytest.mark.parametrize(
    ("state", "became"),
    [
        pytest.param(Completed(data="a night"), "published", id="published"),
        pytest.param(
            Completed(name=SKIPPED, data="nothing"), "skipped", id="skipped in a deployment"
        ),
        pytest.param(failed(OvertakenError("It is there.")), "skipped", id="skipped by hand"),
        pytest.param(failed(ConflictError("12 attempts failed.")), "failed", id="in conflict"),
        pytest.param(failed(ContractError("observations", ["Too old."])), "refused", id="refused"),
        pytest.param(failed(KeyError("x")), "failed", id="a bug"),
    ],
)
def test_a_date_is_skipped_only_where_it_has_a_batch(state, became):
    assert ended_as(uuid4(), state).state == became


def test_the_reason_is_the_sentence_of_the_run_without_secrets():
    secret = Failed(message="No s3://key:secret@bucket.", data=StorageError("No."))

    assert ended_as(uuid4(), secret).reason == "No s3://***@bucket."
    assert "KeyError: 'x'" in ended_as(uuid4(), failed(KeyError("x"))).reason
