"""What a forecaster is made of, as JSON beside its other files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = "config.json"


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config.json` into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """Read what `write_config` wrote; JSON knows lists alone, forecasters are made of tuples."""
    config: dict[str, Any] = _tuples(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    return config


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
