import socket

import pytest

from data_contracts.errors import SpecError
from flows.service.place import AUTH, DATABASE, Place, database_of

URL = "postgresql+asyncpg://nightcast:secret@db:5432/prefect?ssl=require"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, "127.0.0.1", 4200)


def test_only_the_server_knows_the_password_of_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv(DATABASE, URL)
    place = Place(tmp_path, "127.0.0.1", 4200, URL)

    assert place.of_server()[DATABASE] == URL
    assert not [name for name, value in place.of_runs().items() if "secret" in value]
    assert place.records == "postgresql at db:5432/prefect"


@pytest.mark.parametrize(
    "url",
    ["postgresql://nightcast:sec@ret@db/prefect", "postgresql://db/prefect?password=sec@ret"],
)
def test_no_part_of_a_password_is_shown(tmp_path, url):
    assert "ret" not in Place(tmp_path, "127.0.0.1", 4200, url).records


@pytest.mark.parametrize("name", ["PREFECT_SERVER_DATABASE_PASSWORD", DATABASE, AUTH])
def test_no_run_gets_what_only_the_server_needs(place, monkeypatch, name):
    monkeypatch.setenv(name, "of the server")
    assert name not in place.of_runs()


def test_without_a_database_the_records_are_in_the_folder(place, tmp_path):
    assert place.of_server()[DATABASE] == f"sqlite+aiosqlite:///{tmp_path}/prefect.db"
    assert place.records == str(tmp_path / "prefect.db")


def test_nothing_is_reported_to_anybody_unless_the_environment_says_so(place, monkeypatch):
    name = "PREFECT_SERVER_ANALYTICS_ENABLED"
    monkeypatch.delenv(name, raising=False)
    assert place.of_server()[name] == "false"
    assert place.of_server()["PREFECT_SERVER_UI_V2_ENABLED"] == "false"

    monkeypatch.setenv(name, "true")
    assert place.of_server()[name] == "true"


def test_slots_of_runs_that_died_outlive_the_server(place):
    kept = place.of_server()["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]

    assert kept.endswith(".filesystem")


def test_a_password_of_the_server_is_one_of_its_workers_too(place, monkeypatch):
    monkeypatch.setenv(AUTH, "admin:secret")

    assert place.of_server()[AUTH] == "admin:secret"
    assert place.of_runs()["PREFECT_API_AUTH_STRING"] == "admin:secret"
    assert AUTH not in place.of_runs()


def test_a_server_elsewhere_is_not_the_one_that_workers_ask(place, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")

    assert place.of_runs()["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"


def test_a_port_that_something_else_holds_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(SpecError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            Place(tmp_path, "127.0.0.1", port).check_port()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("sqlite:////srv/prefect.db", "sqlite+aiosqlite:////srv/prefect.db"),
        ("", None),
        (None, None),
    ],
)
def test_an_address_of_a_database_needs_no_driver(given, used):
    assert database_of(given) == used


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "secret", "postgresql://"])
def test_an_address_that_is_refused_is_not_repeated(url):
    with pytest.raises(SpecError, match="--database: expected") as refusal:
        database_of(url)
    assert "secret" not in str(refusal.value)
