"""Show model versions in an MLflow: a program of its own, fed with JSON on standard input.

It runs beside the night and is stopped when it takes too long, so that no slow server and no lock
of a database can hold the night up. It imports nothing of Nightcast. What is there already is not
written again; what a stopped run left unfinished is finished by the next one.

    echo '{"uri": "sqlite:///mlflow.db", "name": "nyc", "champion": null, "versions": []}' |
        python tasks/stores/mlflow_mirror.py
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

ALIAS = "champion"
AT = "at"
TAG = "nightcast.version"
DONE = "nightcast.complete"
SQLITE = "sqlite:///"
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
VALUE_LENGTH = 500  # of a parameter, accepted by every version of the store


def mirror(wanted: dict[str, Any]) -> dict[str, Any]:
    """Write what is missing, and point the alias at the champion.

    Args:
        wanted: `uri`; `name` of the experiment and of the registered model; `champion`, the version
            in service or null; `versions`, each with `name`, `folder`, `params` (texts), `tags` and
            `metrics` (numbers of one night, whose `at` is in milliseconds; empty for none).

    Returns:
        `added`: names of the versions that were not there before.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=wanted["uri"], registry_uri=wanted["uri"])
    experiment = _experiment(client, wanted["uri"], wanted["name"])
    _ensure_model(client, wanted["name"])
    shown = _shown(client, wanted["name"])
    added = [each["name"] for each in wanted["versions"] if each["name"] not in shown]
    for version in wanted["versions"]:
        if version["name"] in shown and not version["metrics"]:
            continue
        run = _run(client, experiment, version)
        if version["name"] not in shown:
            shown[version["name"]] = _register(client, wanted["name"], run, version)
        _log_metrics(client, run.info.run_id, version["metrics"])
    _point(client, wanted["name"], shown.get(wanted["champion"]))
    return {"added": added}


def _experiment(client: Any, uri: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if uri.startswith(SQLITE):  # else the files would land in the folder of the night
        place = Path(uri.removeprefix(SQLITE)).resolve().with_suffix("").as_uri() + f"/{name}"
    return str(client.create_experiment(name, artifact_location=place))


def _ensure_model(client: Any, name: str) -> None:
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name, description="Mirrored by Nightcast.")


def _shown(client: Any, name: str) -> dict[str, str]:
    """Number of each version that is there, by its name in the warehouse."""
    found: dict[str, str] = {}
    token = None
    while token != "":
        page = client.search_model_versions(f"name = '{name}'", max_results=200, page_token=token)
        found |= {each.tags[TAG]: each.version for each in page if TAG in each.tags}
        token = page.token or ""
    return found


def _run(client: Any, experiment: str, version: dict[str, Any]) -> Any:
    """The run of a version; its files are written once, the first time that it is complete."""
    found = client.search_runs([experiment], f"tags.`{TAG}` = '{version['name']}'", max_results=1)
    run = found[0] if found else _new_run(client, experiment, version)
    if run.data.tags.get(DONE) != "true":
        for name, value in version["params"].items():
            client.log_param(run.info.run_id, name, value[:VALUE_LENGTH])
        client.log_artifacts(run.info.run_id, version["folder"])
        client.set_tag(run.info.run_id, DONE, "true")
        client.set_terminated(run.info.run_id)
    return run


def _new_run(client: Any, experiment: str, version: dict[str, Any]) -> Any:
    tags = {TAG: version["name"], **version["tags"]}
    return client.create_run(experiment, run_name=version["name"], tags=tags)


def _register(client: Any, name: str, run: Any, version: dict[str, Any]) -> str:
    made = client.create_model_version(
        name, run.info.artifact_uri, run_id=run.info.run_id, tags={TAG: version["name"]}
    )
    return str(made.version)


def _log_metrics(client: Any, run_id: str, metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        if name != AT:
            client.log_metric(run_id, name, value, timestamp=int(metrics[AT]))


def _point(client: Any, name: str, number: str | None) -> None:
    model = client.get_registered_model(name)
    present = model.aliases.get(ALIAS)
    if number is not None and str(present) != number:
        client.set_registered_model_alias(name, ALIAS, number)
    if number is None and present is not None:
        client.delete_registered_model_alias(name, ALIAS)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(mirror(json.load(sys.stdin))) + "\n")
