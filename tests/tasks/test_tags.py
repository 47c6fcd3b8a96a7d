import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from tasks.tags import tag_run


@pytest.mark.flow
def test_a_run_keeps_the_tags_that_it_has():
    @flow(name="tagged")
    def body():
        tag_run("waves", "promoted")

    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(body), "tagged", tags=["nightly"])
        run = client.create_flow_run_from_deployment(deployment)
        run_flow(body, flow_run=run)

        assert set(client.read_flow_run(run.id).tags) == {"nightly", "waves", "promoted"}


def test_outside_of_a_run_nothing_is_tagged():
    tag_run("waves")
