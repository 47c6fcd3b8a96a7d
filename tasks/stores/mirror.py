"""Hand model versions to the program that shows them in an MLflow."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from data_contracts.errors import StorageError
from data_contracts.plain_text import without_secrets
from tasks.stores import mlflow_mirror
from tasks.stores.registry import ModelVersion, champion, versions
from tasks.stores.warehouse import Warehouse

SECONDS = 120.0  # after which the program is stopped; a new SQLite file alone takes ten


def mirror_registry(
    warehouse: Warehouse,
    uri: str,
    scores: Mapping[str, Mapping[str, float]],
    *,
    seconds: float = SECONDS,
) -> list[str]:
    """Show all kept versions, tonight's scores and the champion in an MLflow.

    Args:
        warehouse: Whose; the experiment and the registered model are called like its folder.
        uri: Of the MLflow.
        scores: Numbers of the night by version, with `at` in milliseconds.
        seconds: How long it may take; what is missing then follows the next time.

    Returns:
        Versions that were not there before.

    Raises:
        StorageError: If the MLflow cannot be written, or is not installed.
    """
    present = champion(warehouse)
    wanted = {
        "uri": uri,
        "name": warehouse.root.name,
        "champion": present.version if present else None,
        "versions": [
            _described(warehouse, version, scores.get(version.model_version, {}))
            for version in versions(warehouse)
            if version.removed_at is None and (warehouse.models / version.model_version).exists()
        ],
    }
    try:
        done = subprocess.run(
            # -P: the modules beside the program must not hide those of the standard library.
            [sys.executable, "-P", mlflow_mirror.__file__],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, **mlflow_mirror.ENVIRONMENT},
        )
    except subprocess.TimeoutExpired:
        raise StorageError(
            f"MLflow took longer than {seconds:g} seconds and was left alone; what is missing "
            "follows the next night."
        ) from None
    if done.returncode:
        raise StorageError(f"MLflow could not be written: {_reason(done.stderr)}")
    added: list[str] = json.loads(done.stdout.splitlines()[-1])["added"]
    return added


def _described(
    warehouse: Warehouse, version: ModelVersion, metrics: Mapping[str, float]
) -> dict[str, Any]:
    params = {name: _text(value) for name, value in version.lineage.items()}
    return {
        "name": version.model_version,
        "folder": str((warehouse.models / version.model_version).resolve()),
        "params": params | {"train_minutes": f"{version.train_minutes:g}"},
        "tags": {"nightcast.manifest": version.manifest},
        "metrics": dict(metrics),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _reason(output: str) -> str:
    """The last line, without what a URI keeps secret."""
    lines = output.strip().splitlines() or ["it ended without a word"]
    if "No module named 'mlflow" in lines[-1]:
        return "mlflow is not installed; install nightcast[mlflow], or remove registry.mlflow."
    return without_secrets(lines[-1])
