"""`nightcast deploy`, to people and to programs."""

import json

import pytest
from typer.testing import CliRunner

from flows.cli import app

pytestmark = pytest.mark.flow
SPEC = """\
name: {name}
source: {{uri: in.parquet}}
calendar: {{frequency: h, timezone: Europe/Berlin}}
horizon: 24
"""


@pytest.fixture
def deploy(prefect_backend, tmp_path, monkeypatch):
    from prefect.client.orchestration import get_client

    monkeypatch.chdir(tmp_path)
    for name in ("sales", "weather"):
        (tmp_path / f"{name}.yaml").write_text(SPEC.format(name=name))
    yield lambda *arguments: CliRunner().invoke(app, ["deploy", *arguments])
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
        for automation in client.read_automations():
            client.delete_automation(automation.id)


def test_people_see_what_runs_when_and_what_was_left(deploy):
    deploy("sales.yaml", "weather.yaml")

    said = deploy("sales.yaml")

    assert said.exit_code == 0
    assert "03:30 Europe/Berlin" in said.stdout
    assert "backfill/backfill" in said.stdout
    assert "left nightly/weather: its spec was not named; it goes on as it was" in said.stderr


def test_programs_get_the_same(deploy):
    answer = json.loads(deploy("sales.yaml", "--json").stdout)

    night = answer["deployments"][0]
    assert (night["name"], night["pool"], night["spec"]) == ("nightly/sales", "cpu", "sales.yaml")
    assert (night["cron"], night["timezone"]) == ("30 3 * * *", "Europe/Berlin")
    assert night["next_run"]
    assert answer["left"] == answer["warnings"] == []


def test_a_server_that_knows_nothing_asks_for_a_spec(deploy):
    assert "Nothing is deployed yet; name a spec." in deploy().stdout
