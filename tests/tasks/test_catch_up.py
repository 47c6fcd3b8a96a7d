from uuid import uuid4

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.schedules import CronSchedule
from prefect.flow_engine import run_flow

from data_contracts.errors import OvertakenError
from data_contracts.night import Decision, Night
from tasks.catch_up import comes_late, refuse_repetition
from tasks.stores.runs import write_night

pytestmark = pytest.mark.flow


def scheduled(body):
    """Run a function as a run that the schedule of a deployment has made; its result."""

    @flow(name="scheduled")
    def run():
        return body()

    daily = DeploymentScheduleCreate(schedule=CronSchedule(cron="30 2 * * *"), active=True)
    # Over long ago: the server lets no run begin before its time.
    span = {"start_time": "2024-03-01T00:00:00Z", "end_time": "2024-03-02T00:00:00Z"}
    with get_client(sync_client=True) as client:
        name = f"daily-{uuid4()}"  # runs of other tests are not among its own
        deployment = client.create_deployment(client.create_flow(run), name, schedules=[daily])
        path = {"id": deployment}
        client.request("POST", "/deployments/{id}/schedule", path_params=path, json=span)
        only = {"deployments": {"id": {"any_": [str(deployment)]}}}
        found = client.request("POST", "/flow_runs/filter", json=only).json()
        (missed,) = [each for each in found if each["expected_start_time"] < "2025"]
        client.update_deployment(deployment, DeploymentUpdate(paused=True))
        return run_flow(run, flow_run=client.read_flow_run(missed["id"]))


def night_of(tonight, **changes):
    decision = Decision(outcome="kept", reason="", champion=None, previous=None, origins=0)
    return Night(
        **{
            "name": tonight.spec.name,
            "spec_digest": tonight.spec.digest,
            "code_version": "0.1.0",
            "run_id": "another",
            "as_of": tonight.as_of,
            "cutoff": tonight.cutoff,
            "issued_at": tonight.issued_at,
            "snapshot": "",
            "num_series": 2,
            "horizon": 6,
            "published": True,
            "model": "lstm",
            "model_version": "v1",
            "qualities": {},
            "decision": decision,
            **changes,
        }
    )


def test_the_schedule_does_not_repeat_a_night_that_came_to_its_end(nights):
    tonight = nights().tonight()
    write_night(tonight.warehouse, night_of(tonight))

    with pytest.raises(OvertakenError, match="of 2024-03-09 23:00 UTC is published already, by"):
        scheduled(lambda: refuse_repetition(tonight))


def test_by_hand_a_night_is_always_repeated(nights):
    tonight = nights().tonight()
    write_night(tonight.warehouse, night_of(tonight))

    flow(refuse_repetition, name="by-hand")(tonight)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"published": False}, id="refused"),
        pytest.param({"spec_digest": "another"}, id="of another spec"),
        pytest.param({"as_of": pd.Timestamp("2024-03-09T23:50Z")}, id="that knew less"),
        pytest.param({"backfill": "then"}, id="of a backfill"),
        pytest.param(None, id="that died"),
    ],
)
def test_the_schedule_runs_a_night(nights, changes):
    tonight = nights().tonight()
    if changes is not None:
        write_night(tonight.warehouse, night_of(tonight, **changes))

    scheduled(lambda: refuse_repetition(tonight))


def test_a_missed_night_comes_late_where_a_later_one_has_been_published(nights):
    source = nights()
    early, late = source.tonight(8), source.tonight(9)
    source.publish(8.5)

    assert scheduled(lambda: (comes_late(early), comes_late(late))) == (True, False)
    assert not comes_late(early), "by hand"
