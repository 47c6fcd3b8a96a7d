"""A backfill that a real worker runs for a real server: cancelled half-way, and retried."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from deltalake import DeltaTable

from benchmarks.orchestration.own_server import own_server, own_worker

PATIENCE = 500  # seconds for a run, on a busy machine
DATES = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_waves):
    """A folder with a spec that trains nothing, and names files by where they are."""
    place = tmp_path_factory.mktemp("backfill")
    source, warehouse = {"uri": str(place / "waves.parquet")}, str(place / "warehouse")
    write_waves(place, source=source, warehouse=warehouse, schedule={"active": False})
    return place


@pytest.fixture(scope="module")
def client(place):
    """Talks to a server that has a worker of the pool `cpu`."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with own_server(place) as environment, own_worker("cpu", environment, place):
        url = environment["PREFECT_API_URL"]
        with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
            wait_until(client.read_work_pools)
            yield client


@pytest.fixture(scope="module")
def deployment(client, place):
    """Of the backfill; that of its dates is there, too."""
    from flows.backfill import backfill
    from flows.backfill_date import backfill_date

    made = [
        client.create_deployment(
            client.create_flow(flow),
            flow.name,
            parameters={"spec": str(place / "waves.yaml")} if flow is backfill else {},
            entrypoint=f"{flow.fn.__module__}.{flow.fn.__name__}",
            work_pool_name="cpu",
            enforce_parameter_schema=False,
        )
        for flow in (backfill_date, backfill)
    ]
    return made[-1]


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"It is not so after {PATIENCE} s."
        time.sleep(0.1)


def end_of(client, run_id):
    """The state in which a run ends."""
    wait_until(lambda: client.read_flow_run(run_id).state.is_final())
    return client.read_flow_run(run_id).state


def dates_of(client, run_id):
    """The runs of the dates of a backfill."""
    ours = {"flow_runs": {"parent_flow_run_id": {"any_": [str(run_id)]}}}
    return client.request("POST", "/flow_runs/filter", json=ours).json()


def commits(place):
    """How often each cutoff was published."""
    table = place / "warehouse/waves/forecasts.delta"
    if not (table / "_delta_log").exists():
        return Counter()
    history = DeltaTable(table).history()
    return Counter(
        entry["operationParameters"]["predicate"] for entry in history if "run_id" in entry
    )


def test_a_backfill_that_is_cancelled_half_way_and_retried_does_every_date_once(
    client, deployment, place
):
    from prefect.states import AwaitingRetry, Cancelling

    asked = {"start": "2024-02-01", "end": f"2024-02-{DATES:02d}", "existing": "replace"}
    run = client.create_flow_run_from_deployment(deployment, parameters=asked)
    wait_until(lambda: len(commits(place)) > 1)
    client.set_flow_run_state(run.id, Cancelling())
    stopped = end_of(client, run.id)
    wait_until(lambda: all(_is_over(each) for each in dates_of(client, run.id)))
    before = commits(place)

    assert stopped.name == "Cancelled"
    assert 0 < len(before) < DATES
    assert {each["state_name"] for each in dates_of(client, run.id)} <= {"Completed", "Cancelled"}

    client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
    done = end_of(client, run.id)

    assert (done.name, done.message) == ("Completed", f"{DATES} published, 0 skipped.")
    assert list(commits(place).values()) == [1] * DATES
    rows = DeltaTable(place / "warehouse/waves/forecasts.delta").to_pandas()
    assert rows.groupby("cutoff").size().tolist() == [12] * DATES
    assert set(rows["run_id"]) == {f"backfill-then-{run.id}"}
    runs = dates_of(client, run.id)
    assert len(runs) == DATES, "a date keeps its run"
    assert {each["name"] for each in runs} >= {"waves backfill of 2024-02-01 00:00 UTC"}
    assert all(each["deployment_id"] for each in runs), "so that a worker can retry it"


def test_a_command_that_is_killed_half_way_goes_on_where_it_was(tmp_path, write_waves):
    """Without a server: each time the command has one of its own."""
    write_waves(tmp_path, schedule={"active": False})
    command = [sys.executable, "-m", "flows.cli", "backfill", "waves.yaml", "--resume", "mine"]
    command += ["--start", "2024-02-01", "--end", "2024-02-05", "--existing", "replace", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as killed:
        try:
            wait_until(lambda: commits(tmp_path) or killed.poll() is not None)
        finally:
            killed.send_signal(signal.SIGKILL)
    before = commits(tmp_path)
    assert 0 < len(before) < 5

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["headline"] == "5 published, 0 skipped."
    assert list(commits(tmp_path).values()) == [1] * 5


def _is_over(run):
    return run["state_type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
