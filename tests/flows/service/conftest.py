from pathlib import Path

import pytest

SPEC = """\
name: {name}
source: {{uri: in.parquet}}
calendar: {{frequency: h, timezone: Europe/Berlin}}
horizon: 24
schedule: {schedule}
{more}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a spec into the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)

    def write(name, schedule="{}", path=None, more=""):
        path = Path(path or f"{name}.yaml")
        path.write_text(SPEC.format(name=name, schedule=schedule, more=more))
        return path

    return write
