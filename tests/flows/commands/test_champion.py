"""`nightcast champion`, to people and to programs."""

import json

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.spec import load_spec
from flows.cli import app
from models.forecasters.seasonal_naive import SeasonalNaive
from tasks.stores.registry import ModelVersion, Why, promote, store_model
from tasks.stores.warehouse import open_warehouse

NIGHT = pd.Timestamp("2024-02-29T23:00Z")


@pytest.fixture
def place(tmp_path):
    """A spec, and two versions that went into service one after the other."""
    fields = {
        "name": "waves",
        "source": {"uri": "in.parquet"},
        "calendar": {"frequency": "h"},
        "horizon": 6,
        "warehouse": str(tmp_path / "warehouse"),
    }
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields))
    spec = load_spec(path)
    warehouse = open_warehouse(spec)
    names = []
    for seed in (1, 2):
        version = ModelVersion(
            model="yesterday",
            snapshot="5ca1ab1e",
            spec_digest=spec.digest,
            seed=seed,
            code_version="0.1.0",
            packages={"keras": "3.15.0"},
            train_cutoff=NIGHT,
            cutoff=NIGHT,
            created_at=NIGHT + pd.Timedelta(minutes=seed),
            train_minutes=1.5,
        )
        model = SeasonalNaive((24,), horizon=6, quantile_levels=spec.quantile_levels)
        name = store_model(warehouse, model.save, version).model_version
        promote(
            warehouse, name, expected=names[-1] if names else None, why=Why("run", "[b]Better.")
        )
        names.append(name)
    return str(path), names


def champion(path, *options):
    return CliRunner().invoke(app, ["champion", path, *options])


def test_the_champion_its_lineage_and_its_history_are_shown(place):
    path, (one, two) = place

    shown = champion(path, "--lineage")
    answer = json.loads(champion(path, "--json").stdout)

    assert f"{two} is in service since" in shown.stdout
    assert "[b]Better." in shown.stdout
    assert "keras 3.15.0" in shown.stdout
    assert (answer["champion"], answer["reason"], answer["changed"]) == (two, "[b]Better.", False)
    assert answer["lineage"]["snapshot"] == "5ca1ab1e"
    assert [move["model_version"] for move in answer["history"]] == [two, one]


def test_versions_that_can_be_put_into_service_are_listed_whole_on_a_narrow_terminal(
    place, monkeypatch
):
    path, (one, two) = place
    monkeypatch.setenv("COLUMNS", "80")

    shown = champion(path, "--versions")
    answer = json.loads(champion(path, "--json").stdout)

    assert one in shown.stdout
    assert shown.stdout.index("learned until") < shown.stdout.rindex("scratch")
    assert [kept["model_version"] for kept in answer["versions"]] == [two, one]


def test_the_pointer_is_moved_and_the_answer_says_so(place):
    path, (one, two) = place

    back = json.loads(champion(path, "--rollback", "--reason", "Too high.", "--json").stdout)
    out = champion(path, "--set", "baseline")
    again = champion(path, "--set", "baseline")
    answer = json.loads(champion(path, "--set", two, "--json").stdout)

    assert (back["champion"], back["changed"], back["reason"]) == (one, True, "Too high.")
    assert "the baseline seasonal_naive is in service since" in out.stdout
    assert again.exit_code == 0
    assert "Nothing was changed" in again.stdout
    assert (answer["champion"], answer["changed"]) == (two, True)
    names = [move["model_version"] for move in answer["history"]]
    assert names == [two, "baseline", one, two, one]


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        pytest.param(["--set", "20240229T2300-yesterday-00000"], 2, "did you mean", id="typo"),
        pytest.param(["--set", "baseline", "--rollback"], 2, "expected one of them", id="both"),
        pytest.param(["--reason", "Because."], 2, "expected only beside --set", id="reason alone"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(place, options, status, words):
    path, names = place

    result = champion(path, *options)

    assert result.exit_code == status
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads(champion(path, "--json").stdout)["champion"] == names[1]


def test_without_anything_before_a_rollback_is_refused(place):
    path, _ = place
    champion(path, "--rollback")

    result = champion(path, "--rollback")

    assert result.exit_code == 1
    assert "there is nothing to go back to" in result.stderr
