"""What `nightcast serve` refuses before it starts anything; tests/e2e/ has it running."""

import socket

import pytest
from typer.testing import CliRunner

from flows.cli import app

SPEC = """\
source: {uri: in.parquet}
calendar: {frequency: h}
horizon: 24
"""


@pytest.fixture
def serve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.yaml").write_text(SPEC)
    return lambda *arguments: CliRunner().invoke(app, ["serve", *arguments])


def test_a_spec_that_is_wrong_starts_nothing(serve, tmp_path):
    (tmp_path / "wrong.yaml").write_text(SPEC.replace("24", "-1"))

    said = serve("sales.yaml", "wrong.yaml")

    assert said.exit_code == 2
    assert "wrong.yaml: horizon: expected a number of at least 1, got -1." in said.stderr
    assert not (tmp_path / ".nightcast").exists()


def test_a_port_that_is_taken_is_named(serve):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        said = serve("sales.yaml", "--port", port)

    assert said.exit_code == 2
    assert f"Port {port} of 127.0.0.1 cannot be used" in said.stderr


def test_a_password_is_not_repeated(serve):
    said = serve("sales.yaml", "--database", "mysql://nightcast:secret@db/prefect")

    assert said.exit_code == 2
    assert "--database: expected an address such as postgresql://" in said.stderr
    assert "secret" not in said.output
