import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.service.place import RUNS, SERVER

COMPOSE = Path(__file__).parents[2] / "deployments/compose"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]


def test_the_file_keeps_the_schema_of_compose():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run(
        [*check, COMPOSE / "compose.yaml"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_there_is_a_worker_for_each_pool_and_a_gpu_for_the_second(services: dict[str, Any]):
    for pool in ("cpu", "gpu"):
        command = services[f"{pool}-worker"]["command"]
        assert command[command.index("--pool") + 1] == pool
    (device,) = services["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert "gpu" in device["capabilities"]


def test_workers_start_once_the_deployments_are_there(services: dict[str, Any]):
    assert services["setup"]["command"][-1].startswith("nightcast deploy")
    for worker in ("cpu-worker", "gpu-worker"):
        needed = services[worker]["depends_on"]["setup"]["condition"]
        assert needed == "service_completed_successfully"


def test_all_that_must_see_a_spec_sees_it_at_the_same_place(services: dict[str, Any]):
    places = {
        volume.split(":")[-2]
        for name in ("setup", "cpu-worker", "gpu-worker")
        for volume in services[name]["volumes"]
        if "SPECS" in volume
    }
    assert places == {"/srv/nightcast/specs"}


def test_no_password_stands_in_the_file_or_its_example():
    for line in (COMPOSE / "compose.yaml").read_text().splitlines():
        if re.search(r"(PASSWORD|AUTH)\w*:", line):
            assert re.search(r": \$\{\w+:[?-][^}]*\}$", line), line
    example = (COMPOSE / "example.env").read_text()
    assert re.search(r"^NIGHTCAST_DATABASE_PASSWORD=$", example, re.M)
    assert re.search(r"^NIGHTCAST_AUTH=$", example, re.M)


def test_every_variable_that_the_file_asks_for_is_explained():
    asked = set(re.findall(r"\$\{(\w+)", (COMPOSE / "compose.yaml").read_text()))
    explained = set(re.findall(r"^(\w+)=", (COMPOSE / "example.env").read_text(), re.M))
    assert asked - {"NIGHTCAST_IMAGE", "NIGHTCAST_GPU_IMAGE"} == explained


def test_server_and_runs_have_the_settings_of_one_machine(services: dict[str, Any]):
    assert SERVER.items() <= services["server"]["environment"].items()
    for worker in ("cpu-worker", "gpu-worker"):
        assert RUNS.items() <= services[worker]["environment"].items()


def test_ports_are_open_to_this_host_alone(services: dict[str, Any]):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
