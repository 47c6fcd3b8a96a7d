"""Canaries for the pins of fastapi and sqlalchemy: what newer versions break in Prefect 3.8.8.

Newer versions install without a word, and all that Prefect's own metadata says is that they fit.
"""

import pytest

pytestmark = pytest.mark.flow


@pytest.fixture
def client(prefect_backend):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def test_a_cron_schedule_creates_runs(client):
    """With sqlalchemy 2.1 the scheduler creates none, and only the server's log says so."""
    from prefect import flow
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    @flow
    def canary():
        """Never runs; its schedule is what is looked at."""

    every_minute = DeploymentScheduleCreate(schedule=CronSchedule(cron="* * * * *"), active=True)
    deployment = client.create_deployment(
        client.create_flow(canary), "canary", schedules=[every_minute]
    )

    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json={})

    only_this = {"deployments": {"id": {"any_": [str(deployment)]}}}
    assert client.request("POST", "/flow_runs/count", json=only_this).json() > 0


def test_a_work_pool_lists_its_workers(client):
    """With fastapi 0.151 the answer is 422, and `prefect deploy` fails on it."""
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="canary", type="process"))

    assert client.read_workers_for_work_pool("canary") == []
