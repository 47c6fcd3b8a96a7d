"""Nights whose model fails, from the registry to what readers see."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable
from typer.testing import CliRunner

from data_contracts.spec import load_spec
from flows.cli import app
from models.forecasters.seasonal_naive import SeasonalNaive
from tasks.stores.registry import ModelVersion, Why, champion_history, promote, store_model
from tasks.stores.warehouse import open_warehouse

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]

CUTOFF = pd.Timestamp("2024-02-29T23:00Z")
OLD, NEW = 24, 48  # what the versions are told apart by


@pytest.fixture
def place(waves, tmp_path):
    """A spec of its own warehouse, and two versions that went into service one after the other."""
    fields = yaml.safe_load((waves / "spec.yaml").read_text())
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields | {"warehouse": str(tmp_path / "warehouse")}))
    spec = load_spec(path)
    warehouse = open_warehouse(spec)
    names = []
    for season in (OLD, NEW):
        version = ModelVersion(
            model="yesterday",
            snapshot="5ca1ab1e",
            spec_digest=spec.digest,
            seed=season,
            code_version="0.1.0",
            packages={},
            train_cutoff=CUTOFF - pd.Timedelta(days=20),
            cutoff=CUTOFF - pd.Timedelta(days=1),
            created_at=CUTOFF,
            train_minutes=1.0,
        )
        model = SeasonalNaive((season,), horizon=6, quantile_levels=spec.quantile_levels)
        name = store_model(warehouse, model.save, version).model_version
        promote(warehouse, name, expected=names[-1] if names else None, why=Why("run", "Better."))
        names.append(name)
    return path, warehouse, names


def night(path):
    command = ["run", str(path), "--as-of", "2024-03-01T00:00Z", "--train", "never", "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def published(warehouse):
    return set(DeltaTable(warehouse.forecasts).to_pandas()["model_version"])


def diverge(monkeypatch, *seasons):
    """Let some versions forecast wildly, from the cutoff alone, where the gate does not look."""
    forecast = SeasonalNaive.predict

    def predict(self, panel, series, origins):
        quantiles = forecast(self, panel, series, origins)
        wild = self.season_lengths[0] in seasons and len(self.season_lengths) == 1
        return quantiles * 1e6 if wild and (origins == panel.cutoff_slot).all() else quantiles

    monkeypatch.setattr(SeasonalNaive, "predict", predict)


@pytest.mark.parametrize("harm", ["gone", "altered"])
def test_a_champion_whose_files_are_gone_or_altered_is_rolled_back_and_readers_have_a_batch(
    place, harm
):
    path, warehouse, (old, new) = place
    if harm == "gone":
        shutil.rmtree(warehouse.models / new)
    else:
        (warehouse.models / new / "config.json").write_text("{}")

    done = night(path)

    assert published(warehouse) == {old}
    assert (done["decision"]["outcome"], done["decision"]["champion"]) == ("rolled_back", old)
    assert done["decision"]["previous"] == new
    assert f"{old} is in service again." in done["decision"]["reason"]
    move = champion_history(warehouse)[-1]
    assert (move.model_version, move.previous) == (old, new)
    assert move.cutoff == CUTOFF
    (row,) = DeltaTable(warehouse.decisions).to_pandas().to_dict("records")
    assert (row["outcome"], row["reason"]) == ("rolled_back", done["decision"]["reason"])


def test_the_batch_of_the_version_before_takes_the_place_of_a_broken_one(place, monkeypatch):
    path, warehouse, (old, new) = place
    diverge(monkeypatch, NEW)

    done = night(path)

    assert published(warehouse) == {old}
    assert (done["decision"]["outcome"], done["decision"]["champion"]) == ("rolled_back", old)
    assert f"The batch of {new} broke its contract." in done["decision"]["reason"]
    assert [move.model_version for move in champion_history(warehouse)] == [old, new, old]
    shown = CliRunner().invoke(app, ["forecasts", str(path)])
    assert "rolled back" in shown.stderr


def test_where_that_one_is_broken_too_the_baseline_is_published_and_in_service(place, monkeypatch):
    path, warehouse, (old, new) = place
    diverge(monkeypatch, OLD, NEW)

    done = night(path)

    assert published(warehouse) == {"seasonal_naive"}
    assert (done["decision"]["outcome"], done["decision"]["champion"]) == ("fallback", None)
    served = [move.model_version for move in champion_history(warehouse)]
    assert served == [old, new, old, "baseline"]
