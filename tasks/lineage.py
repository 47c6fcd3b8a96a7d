"""Which code and which libraries made something."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("flows", "tasks", "models", "data_contracts")
LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "pyarrow", "deltalake", "prefect")


@cache
def code_version() -> str:
    """The version of Nightcast and a digest of its source, such as `0.1.0+3f9c2a7b51de`."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return f"{version('nightcast')}+{digest.hexdigest()[:12]}"


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that a model depends on."""
    return {name: version(name) for name in LIBRARIES}
