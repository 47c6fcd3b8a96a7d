"""Runs in flight when a part of a service dies, on Prefect's test server."""

import pytest
from prefect import flow
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Pending, Running

from flows.service.runs import (
    DATES,
    PAUSED,
    hand_back,
    is_silent,
    pause,
    resume,
    set_crashed,
)

pytestmark = pytest.mark.flow
POOL = "pool-of-runs"


@flow
def slow():
    """Never really runs."""


@pytest.fixture
def client(prefect_backend):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        yield client
        client.delete_work_pool(POOL)


@pytest.fixture
def run(client):
    """A run of a deployment that has one place."""
    deployment = client.create_deployment(
        client.create_flow(slow), "slow", work_pool_name=POOL, concurrency_limit=1
    )

    def start(state):
        run = client.create_flow_run_from_deployment(deployment)
        for step in (Pending(), state):
            client.set_flow_run_state(run.id, step)
        return str(run.id)

    yield start
    client.delete_deployment(deployment)


def state(client, run):
    return client.read_flow_run(run).state


def test_a_run_that_was_cut_off_is_crashed_and_its_place_is_free(client, run):
    one = run(Running())

    set_crashed(client, one, "It is gone.")

    assert (state(client, one).name, state(client, one).message) == ("Crashed", "It is gone.")
    assert state(client, run(Running())).is_running(), "the next one has the place"


def test_what_a_run_has_come_to_by_itself_holds(client, run):
    one = run(Completed(message="Published."))

    set_crashed(client, one, "It is gone.")

    assert state(client, one).message == "Published."


def test_a_run_that_was_deleted_in_the_ui_is_no_trouble(client, run):
    one = run(Running())
    client.delete_flow_run(one)

    set_crashed(client, one, "It is gone.")

    with pytest.raises(ObjectNotFound):
        client.read_flow_run(one)


def test_what_a_dead_worker_had_taken_and_not_begun_is_scheduled_again(client, run):
    taken, begun = run(Pending()), None
    hand_back(client, POOL, "cpu on here")

    assert state(client, taken).is_scheduled()
    client.delete_flow_run(taken)
    begun = run(Running())
    hand_back(client, POOL, "cpu on here")
    assert state(client, begun).is_running()


def test_the_run_of_a_date_is_never_scheduled(client):
    date = flow(slow.fn, name=DATES)
    deployment = client.create_deployment(client.create_flow(date), "date", work_pool_name=POOL)
    pending = client.create_flow_run_from_deployment(deployment, state=Pending()).id

    hand_back(client, POOL, "cpu on here")

    assert state(client, pending).is_pending()
    client.delete_deployment(deployment)


def test_what_another_worker_may_have_taken_is_left_to_it(client, run):
    client.send_worker_heartbeat(POOL, "cpu on a machine elsewhere")
    taken = run(Pending())

    hand_back(client, POOL, "cpu on here")

    assert state(client, taken).is_pending()


def test_only_pools_that_were_paused_for_the_stop_are_resumed(client, tmp_path):
    pause(client, [POOL], tmp_path)
    assert client.read_work_pool(POOL).is_paused
    pause(client, [POOL], tmp_path)  # a second stop finds it paused
    resume(client, tmp_path)
    assert not client.read_work_pool(POOL).is_paused
    assert not (tmp_path / PAUSED).exists()

    resume(client, tmp_path)
    assert not client.read_work_pool(POOL).is_paused


def test_a_worker_is_silent_once_its_last_sign_of_life_is_old(client):
    client.send_worker_heartbeat(POOL, "here", heartbeat_interval_seconds=30)

    assert not is_silent(client, POOL, "here", seconds=600)
    assert is_silent(client, POOL, "here", seconds=0)
    assert not is_silent(client, POOL, "never heard of", seconds=0)
