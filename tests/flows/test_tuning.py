"""A search from the command to the new spec; and what is refused before it begins."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app

pytestmark = [pytest.mark.flow, pytest.mark.train]
AS_OF = "2024-03-01T00:00Z"
TUNING = {"folds": 2, "origins": 2, "ranges": {"training.max_epochs": [1, 4]}}


@pytest.fixture
def place(waves, tmp_path, monkeypatch):
    """A folder with a spec that has comments, and a warehouse of its own."""
    monkeypatch.chdir(tmp_path)
    fields = yaml.safe_load((waves / "spec.yaml").read_text())
    fields |= {
        "candidates": ["multihead_lstm"],
        "tuning": TUNING,
        "warehouse": str(tmp_path / "warehouse"),
    }
    Path("spec.yaml").write_text("# for the planners\n" + yaml.safe_dump(fields))
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(app, ["tune", "spec.yaml", *arguments])


def tune(*arguments):
    done = invoke("--as-of", AS_OF, "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_search_is_gone_on_with_and_writes_a_spec_that_is_never_worse(place):
    first = tune("--trials", "1", "-o", "new.yaml")

    assert [trial["as_it_is"] for trial in first["trials"]] == [True]
    assert first["changes"] == {}
    assert not Path("new.yaml").exists(), "the spec as it is needs no new one"

    tuned = tune("--trials", "2", "-o", "new.yaml")

    assert tuned["folder"] == first["folder"]
    assert tuned["trials"][0] == first["trials"][0], "what was judged is not judged again"
    assert len(tuned["trials"]) == 2
    losses = {trial["number"]: trial["wql"] for trial in tuned["trials"] if trial["wql"]}
    assert losses[tuned["best"]] == min(losses.values()) <= losses[0]
    assert Path("new.yaml").exists() == bool(tuned["changes"])
    assert Path(tuned["report"]).exists()
    left = {path.name for path in (place / "warehouse" / "waves").iterdir()}
    assert left == {"snapshots", "tuning"}, "nothing is in service, nothing is published"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--trials", "2", "--minutes", "2"], "expected one of both", id="both"),
        pytest.param(["--trials", "0"], "trials: expected at least 1", id="no trial"),
        pytest.param(["--minutes", "0"], "minutes: expected more than 0", id="no minute"),
        pytest.param(["-o", "nowhere/new.yaml"], "a folder that exists", id="no folder"),
    ],
)
def test_a_wrong_search_is_refused_in_one_sentence(place, arguments, words):
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (place / "warehouse").exists()


def test_minutes_that_end_before_the_spec_as_it_is_was_judged_say_so(place):
    result = invoke("--as-of", AS_OF, "--minutes", "0.0001")

    assert result.exit_code == 1
    assert "expected time for the spec as it is on 2 folds" in result.stderr
