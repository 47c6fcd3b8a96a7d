"""Nights that a real worker runs for a real server: retried, repeated, missed."""

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from benchmarks.orchestration.own_server import own_server, own_worker
from flows.endings import SKIPPED

PATIENCE = 900  # seconds for a run, on a busy machine
pytestmark = pytest.mark.timeout(4 * PATIENCE)


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_waves):
    """A folder with a spec that trains nothing."""
    place = tmp_path_factory.mktemp("nights")
    source, warehouse = {"uri": str(place / "waves.parquet")}, str(place / "warehouse")
    write_waves(place, source=source, warehouse=warehouse)
    return place


@pytest.fixture(scope="module")
def environment(place):
    """Of a server of its own."""
    with own_server(place) as environment:
        yield environment


@pytest.fixture(scope="module")
def worker(environment, place):
    """The process of a worker that works in the folder."""
    with own_worker("cpu", environment, place) as worker:
        yield worker


@pytest.fixture(scope="module")
def client(environment):
    """Talks to the server."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    url = environment["PREFECT_API_URL"]
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="module")
def deployment(client, worker, place):
    """A deployment of the night with a schedule that never comes by itself."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    from flows.nightly import nightly

    wait_until(client.read_work_pools)
    leap_day = CronSchedule(cron="30 2 29 2 *", timezone="UTC")
    return client.create_deployment(
        client.create_flow(nightly),
        "waves",
        schedules=[DeploymentScheduleCreate(schedule=leap_day, active=True)],
        parameters={"spec": str(place / "waves.yaml")},
        entrypoint="flows.nightly.nightly",
        work_pool_name="cpu",
    )


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"It is not so after {PATIENCE} s."
        time.sleep(0.05)


def end_of(client, run_id):
    """The state in which a run ends."""
    wait_until(lambda: client.read_flow_run(run_id).state.is_final())
    return client.read_flow_run(run_id).state


def is_retried(client, run_id):
    """Press *Retry* until a run has begun once more; a late report of its death takes one back."""
    from prefect.states import AwaitingRetry

    run = client.read_flow_run(run_id)
    if run.state.is_final() and run.run_count == 1:
        client.set_flow_run_state(run_id, AwaitingRetry(), force=True)
    return run.run_count > 1


def missed(client, deployment):
    """Let the server schedule the nights of two days that are long over; the runs of them."""
    span = {"start_time": "2024-02-28T00:00:00Z", "end_time": "2024-03-01T00:00:00Z"}
    path = {"id": deployment}
    client.request("POST", "/deployments/{id}/schedule", path_params=path, json=span)
    ours = {"deployments": {"id": {"any_": [str(deployment)]}}}
    runs = client.request("POST", "/flow_runs/filter", json=ours).json()
    return [run["id"] for run in runs if run["auto_scheduled"] and is_old(run)]


def is_old(run):
    return pd.Timestamp(run["expected_start_time"]) < pd.Timestamp("2025", tz="UTC")


def descendants(pid):
    """Processes that a process has started, and those that these have."""
    lines = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    children = [int(child) for line in lines for child in line.split()]
    return [*children, *(each for child in children for each in descendants(child))]


def text_of(path):
    return path.read_text() if path.exists() else ""


def published(place):
    """Rows by cutoff."""
    table = DeltaTable(place / "warehouse/waves/forecasts.delta").to_pandas()
    return table.groupby("cutoff").size().to_dict()


def test_a_night_that_is_killed_is_retried_from_the_ui_and_resumes(
    client, deployment, worker, place
):
    as_of = {"as_of": "2024-02-10T00:00:00Z"}
    run = client.create_flow_run_from_deployment(deployment, parameters=as_of)
    night = place / "warehouse/waves/runs/20240209T2300"
    wait_until(lambda: '"evaluate"' in text_of(night / "stages.json"))
    for pid in descendants(worker.pid):
        os.kill(pid, signal.SIGKILL)

    assert end_of(client, run.id).name == "Crashed"
    wait_until(lambda: is_retried(client, run.id))
    done = end_of(client, run.id)

    assert (done.name, done.message[:9]) == ("Completed", "Published")
    assert published(place) == {pd.Timestamp("2024-02-09T23:00Z"): 12}
    found = client.read_flow_run(run.id)
    assert found.name == "waves as of 2024-02-10 00:00 UTC"
    assert {"waves", "baseline"} <= set(found.tags)
    assert "extract, validate input and snapshot were taken over" in text_of(night / "night.json")


def test_a_missed_night_runs_once_for_the_date_that_it_was_scheduled_for(client, deployment, place):
    done = [end_of(client, run) for run in missed(client, deployment)]

    cutoff = pd.Timestamp("2024-02-29T01:00Z")
    assert [state.name for state in done] == ["Completed"]
    assert published(place)[cutoff] == 12

    client.delete_flow_run(done[0].state_details.flow_run_id)  # so that it is missed once more
    (again,) = [end_of(client, run) for run in missed(client, deployment)]

    assert again.name == SKIPPED
    assert "The night of 2024-02-29 01:00 UTC is published already" in again.message
