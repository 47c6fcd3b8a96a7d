import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prefect.utilities.templating import apply_values

from flows.service.place import RUNS, SERVER

KUBERNETES = Path(__file__).parents[2] / "deployments/kubernetes"
VERSION = "1.31"
POOLS = ("cpu", "gpu")


def _manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / "nightcast.yaml").read_text()))


def _template(pool: str) -> dict[str, Any]:
    return json.loads((KUBERNETES / f"pools/{pool}.json").read_text())


def _job(pool: str) -> dict[str, Any]:
    """The job of a run as the worker fills it in, with the defaults of the pool."""
    template = _template(pool)
    values = {
        name: schema["default"]
        for name, schema in template["variables"]["properties"].items()
        if schema.get("default") is not None
    }
    values |= {"name": "a-run", "command": ["prefect", "flow-run", "execute"]}
    values |= {"env": [{"name": name, "value": value} for name, value in values["env"].items()]}
    return apply_values(template["job_configuration"]["job_manifest"], values)


def _names(kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in _manifests() if each["kind"] == kind}


@pytest.mark.parametrize("manifest", _manifests(), ids=lambda each: each["metadata"]["name"])
def test_kubernetes_takes_every_manifest(manifest: dict[str, Any]):
    kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("pool", POOLS)
def test_kubernetes_takes_the_job_of_a_run(pool: str):
    kubernetes_validate.validate(_job(pool), VERSION, strict=True)


def test_a_training_asks_for_a_gpu_and_a_night_does_not():
    def limits(pool: str) -> dict[str, str]:
        return _job(pool)["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]

    assert limits("gpu")["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in limits("cpu")


@pytest.mark.parametrize("pool", POOLS)
def test_a_run_may_ask_the_cluster_for_nothing(pool: str):
    name = _job(pool)["spec"]["template"]["spec"]["serviceAccountName"]
    (account,) = [
        each
        for each in _manifests()
        if each["kind"] == "ServiceAccount" and each["metadata"]["name"] == name
    ]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("pool", POOLS)
def test_a_run_sees_the_specs_where_they_were_deployed_from(pool: str):
    deploy = next(each for each in _manifests() if each["metadata"]["name"] == "nightcast-deploy")
    (container,) = deploy["spec"]["template"]["spec"]["containers"]
    (run,) = _job(pool)["spec"]["template"]["spec"]["containers"]

    def place(mounts: list[dict[str, Any]]) -> str:
        return next(each["mountPath"] for each in mounts if each["name"] == "specs")

    assert place(run["volumeMounts"]) == place(container["volumeMounts"])


@pytest.mark.parametrize("pool", POOLS)
def test_each_pool_has_a_worker_that_starts_jobs(pool: str):
    (worker,) = [
        each for each in _manifests() if each["metadata"]["name"] == f"nightcast-worker-{pool}"
    ]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [
        "prefect",
        "worker",
        "start",
        "--pool",
        pool,
        "--type",
        "kubernetes",
    ]


def test_whatever_a_manifest_refers_to_is_made_there_or_said_to_be_needed():
    text = (KUBERNETES / "nightcast.yaml").read_text()
    for name in ("nightcast-database", "nightcast-storage"):
        assert f"create secret generic {name} " in text
    for name in ("nightcast-specs", "nightcast-pools"):
        assert f"create configmap {name} " in text
    assert "nightcast-prefect" in _names("ConfigMap")


def test_no_secret_is_written_down():
    assert not _names("Secret")
    for manifest in _manifests():
        for container in _containers(manifest):
            for variable in container.get("env", []):
                secret = any(word in variable["name"] for word in ("PASSWORD", "AUTH", "SECRET"))
                assert not (secret and "value" in variable), variable["name"]


def test_server_and_runs_have_the_settings_of_one_machine():
    config = next(each for each in _manifests() if each["kind"] == "ConfigMap")
    assert RUNS.items() <= config["data"].items()
    server = next(
        each
        for each in _manifests()
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "nightcast-server"
    )
    (container,) = _containers(server)
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert SERVER.items() <= variables.items()


def _containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    template = manifest.get("spec", {}).get("template")
    return template["spec"]["containers"] if isinstance(template, dict) else []
