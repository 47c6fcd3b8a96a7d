"""A backtest scores, and leaves nothing behind."""

import json

import pytest
from typer.testing import CliRunner

from flows.cli import app

pytestmark = [pytest.mark.flow, pytest.mark.train]
AS_OF = "2024-03-01T00:00Z"


def invoke(*arguments):
    return CliRunner().invoke(app, ["backtest", "spec.yaml", "--as-of", AS_OF, *arguments])


@pytest.fixture
def place(waves, monkeypatch):
    monkeypatch.chdir(waves)
    return waves


def test_models_are_scored_on_as_many_origins_as_asked_and_nothing_is_kept(place):
    done = invoke("--origins", "5", "--every", "24", "--models", "attention_lstm", "--json")

    assert done.exit_code == 0, done.output
    scores = {score["contender"]: score for score in json.loads(done.stdout)}
    assert set(scores) == {"attention_lstm", "seasonal_naive"}
    assert all(score["mase"] >= 0 for score in scores.values())
    assert not (place / "warehouse").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--models", "oracle"], "got 'oracle'", id="unknown network"),
        pytest.param(["--origins", "0"], "'--origins'", id="no origins"),
    ],
)
def test_a_wrong_backtest_is_refused(place, arguments, words):
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
