"""Deploying against Prefect's test server: what is there afterwards, and after the second time."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from data_contracts.errors import NightcastError, SpecError
from flows.service.automations import crash_the_silent, telling_name
from flows.service.deploy import deploy
from flows.service.description import described

pytestmark = pytest.mark.flow
SHARED = {"training/train", "backfill/backfill", "backfill-date/backfill-date", "tuning/tune"}


@pytest.fixture
def client(prefect_backend):
    """The server without anything of ours, before and after."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
        for automation in client.read_automations():
            client.delete_automation(automation.id)


def names(client):
    return sorted(one.name for one in client.read_deployments())


def night(client, name):
    return client.read_deployment_by_name(f"nightly/{name}")


def test_a_spec_has_its_nights_and_scoring_beside_what_all_share(client, write):
    done = deploy([write("sales")])

    assert {one.name for one in done.deployments} == {"nightly/sales", "scoring/sales", *SHARED}
    found = night(client, "sales")
    assert found.entrypoint == "flows.nightly.nightly"
    assert found.work_queue_name == "default"
    assert found.parameters == {"spec": "sales.yaml"}
    assert found.global_concurrency_limit.limit == 1
    assert found.concurrency_options.collision_strategy == "ENQUEUE"
    assert found.job_variables["env"]["CUDA_VISIBLE_DEVICES"] == "-1"
    (step,) = found.pull_steps
    assert [*step.values()] == [{"directory": str(Path.cwd())}]
    assert {pool.name: pool.type for pool in client.read_work_pools()}.items() >= {
        ("cpu", "process"),
        ("gpu", "process"),
    }


def test_it_is_said_when_the_next_night_runs(client, write):
    done = deploy([write("sales", "{cron: 30 3 * * *}")])

    (found,) = [one for one in done.deployments if one.name == "nightly/sales"]
    assert found.active
    local = found.next_run.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.hour, local.minute) == (3, 30)


def test_deploying_again_makes_nothing_twice(client, write):
    path = write("sales")
    deploy([path])
    before = {one.name: one.id for one in client.read_deployments()}
    automations = [one.id for one in client.read_automations()]

    deploy([path])

    assert {one.name: one.id for one in client.read_deployments()} == before
    assert [one.id for one in client.read_automations()] == automations


def test_a_schedule_that_was_paused_in_the_ui_stays_paused_until_the_spec_changes_it(client, write):
    deploy([write("sales")])
    found = night(client, "sales")
    client.update_deployment_schedule(found.id, found.schedules[0].id, active=False)

    again = deploy([write("sales")])
    assert not night(client, "sales").schedules[0].active
    assert not next(one for one in again.deployments if one.name == "nightly/sales").active

    deploy([write("sales", "{active: false}")])
    deploy([write("sales")])
    assert night(client, "sales").schedules[0].active


def test_an_automation_that_was_switched_off_stays_off(client, write):
    deploy([write("sales")])
    automation = client.find_automation(crash_the_silent().name)
    client.pause_automation(automation.id)

    deploy([write("sales")])

    assert not client.find_automation(crash_the_silent().name).enabled


def test_specs_that_are_not_named_are_left_and_told_of(client, write):
    deploy([write("sales"), write("weather")])

    done = deploy([write("sales")])

    assert done.left == ["nightly/weather", "scoring/weather"]
    assert night(client, "weather").schedules[0].active
    choices = client.read_deployment_by_name("backfill/backfill").parameter_openapi_schema
    assert choices["properties"]["spec"]["enum"] == ["sales.yaml", "weather.yaml"]


def test_without_a_spec_those_are_deployed_that_the_server_knows(client, write):
    deploy([write("sales"), write("weather")])
    write("sales", "{cron: 0 5 * * *}")
    Path("weather.yaml").unlink()

    done = deploy([])

    assert night(client, "sales").schedules[0].schedule.cron == "0 5 * * *"
    assert done.left == ["nightly/weather", "scoring/weather"]
    (warning,) = done.warnings
    assert warning.startswith("nightly/weather stays as it is: weather.yaml: no such spec file")


def test_a_deployment_from_another_folder_is_left_there(client, write, tmp_path, monkeypatch):
    deploy([write("sales")])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    done = deploy([])

    assert done.deployments == []
    assert done.warnings == [
        f"nightly/sales stays as it is: it was deployed in {tmp_path}, not here."
    ]


def test_nothing_is_deployed_if_one_spec_is_wrong(client, write):
    wrong = write("weather", "{cron: never}")

    with pytest.raises(SpecError, match=r"weather\.yaml: schedule\.cron: expected"):
        deploy([write("sales"), wrong])

    assert names(client) == []


def test_who_is_told_of_failed_nights_is_a_block_of_the_server(client, write):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    path = write("sales", more="notify: custom-webhook/deployers")
    done = deploy([path])
    (warning,) = done.warnings
    assert "there is no block custom-webhook/deployers on this server" in warning
    assert "nightly/sales" in {one.name for one in done.deployments}
    assert client.find_automation(telling_name("sales")) is None

    block = CustomWebhookNotificationBlock(name="deployers", url="http://127.0.0.1:9/secret")
    block.save("deployers", overwrite=True)
    assert deploy([path]).warnings == []
    told = client.find_automation(telling_name("sales"))
    assert "secret" not in told.model_dump_json()

    deploy([write("sales")])
    assert client.find_automation(telling_name("sales")) is None


def test_a_block_that_notifies_nobody_is_named(client, write):
    from prefect.blocks.system import Secret

    Secret(value="x").save("ops", overwrite=True)

    (warning,) = deploy([write("sales", more="notify: secret/ops")]).warnings

    assert "the block secret/ops is none that notifies" in warning


def test_a_pool_of_kubernetes_has_the_template_that_is_given(client, write):
    folder = Path(__file__).parents[3] / "deployments" / "kubernetes" / "pools"
    for pool in client.read_work_pools():
        client.delete_work_pool(pool.name)

    deploy([write("sales")], folder)

    found = client.read_work_pool("gpu")
    assert found.type == "kubernetes"
    assert "nvidia.com/gpu" in str(found.base_job_template)
    for pool in client.read_work_pools():
        client.delete_work_pool(pool.name)


def test_a_template_that_is_missing_is_named_and_nothing_is_deployed(client, write, tmp_path):
    with pytest.raises(SpecError, match=r"--pools: expected the template of a work pool in .*cpu"):
        deploy([write("sales")], tmp_path)

    assert names(client) == []


def test_a_server_that_does_not_answer_is_named(client, write):
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(NightcastError, match=r"No Prefect server answers at http://127.0.0.1:9/api"),
    ):
        deploy([write("sales")])


def test_without_a_server_it_is_said_how_to_name_one(client, write):
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(SpecError, match="No Prefect server is named: set PREFECT_API_URL"),
    ):
        deploy([write("sales")])


def test_every_deployment_of_the_file_is_deployed(client, write):
    done = deploy([write("sales")])

    assert len(done.deployments) == len(described())
