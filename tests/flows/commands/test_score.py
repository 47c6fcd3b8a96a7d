"""A year's end from the command: nights are run, their actuals come, and are held against them."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]


@pytest.fixture(scope="module")
def place(waves, tmp_path_factory):
    """A spec of its own warehouse with two published nights, without a network."""
    folder = tmp_path_factory.mktemp("score")
    fields = yaml.safe_load((waves / "spec.yaml").read_text())
    fields |= {"warehouse": str(folder / "warehouse"), "training": {"when": "never"}}
    (folder / "spec.yaml").write_text(yaml.safe_dump(fields))
    for as_of in ("2024-02-20T00:00Z", "2024-02-21T00:00Z"):
        command = ["run", str(folder / "spec.yaml"), "--as-of", as_of]
        assert CliRunner().invoke(app, command).exit_code == 0
    return folder


def score(place, *options):
    return CliRunner().invoke(app, ["score", str(place / "spec.yaml"), *options])


def test_published_nights_are_scored_once_and_told(place):
    first = score(place, "--json")
    second = score(place)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    found = json.loads(first.stdout)
    assert (found["scored"], found["rows"], found["alarm"]) == (2, 2 * 2 * 6, "")
    (model, again) = found["models"]
    assert (model["model"], model["nights"], model["gain"]) == ("seasonal_naive", 2, 0)
    assert (model["days"], again["days"]) == (7, 28)
    assert (place / "warehouse/waves/runs/20240220T2300/accuracy.json").exists()
    assert "Nothing is new; 2 had not changed." in second.stdout
    assert "[b]" in second.stdout  # a series, not markup


def test_an_instant_in_the_past_knows_less(place):
    result = score(place, "--json", "--as-of", "2024-02-20T03:00Z")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["scored"], found["rows"]) == (1, 2 * 3)
    assert score(place, "--json").exit_code == 0  # as it was


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--since", "once"], "--since: expected a time such as", id="since"),
        pytest.param(["--as-of", "2020-01-01"], "as_of: nothing was known at", id="too early"),
    ],
)
def test_a_wrong_option_is_one_sentence(place, options, words):
    result = score(place, *options)

    assert result.exit_code == 2
    assert words in result.stderr


def test_where_nothing_was_published_that_is_one_sentence(place):
    fields = yaml.safe_load((place / "spec.yaml").read_text())
    empty = place / "empty.yaml"
    empty.write_text(yaml.safe_dump(fields | {"warehouse": str(place / "elsewhere")}))

    result = CliRunner().invoke(app, ["score", str(empty)])

    assert result.exit_code == 1
    assert "so there is nothing to score; `nightcast run` publishes them." in result.stderr
    assert not (place / "elsewhere").exists()
