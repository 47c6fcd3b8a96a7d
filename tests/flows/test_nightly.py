"""Whole nights on real data, through the command, on a real Prefect server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as pads
import pytest
import yaml
from deltalake import DeltaTable
from typer.testing import CliRunner

from data_contracts.night import Night
from data_contracts.verdicts import Verdict
from flows.cli import app

pytestmark = [pytest.mark.flow, pytest.mark.train, pytest.mark.usefixtures("prefect_backend")]

SAMPLE = Path(__file__).parents[2] / "data_contracts/samples/nyc_departures/observations"
SERIES = ("EWR-UA", "JFK-B6", "LGA-DL", "LGA-MQ")
FIRST, NEXT = "2013-09-02", "2013-09-03"
FORECASTS = ["mean", *(f"q{level}" for level in range(10, 100, 10))]


@pytest.fixture(scope="module")
def departures():
    """Four series of the sample up to September."""
    table = pads.dataset(SAMPLE, partitioning="hive").to_table(
        filter=pads.field("unique_id").isin(SERIES)
        & (pads.field("ds") < pd.Timestamp("2013-09-10", tz="UTC"))
    )
    return table.to_pandas()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place, frame, **changes):
    frame.to_parquet(place / "departures.parquet", index=False)
    fields = {
        "name": "departures",
        "source": {"uri": "departures.parquet"},
        "covariates": {"past": ["temp"], "known": ["holiday"], "static": ["airport"]},
        "calendar": {"frequency": "h", "timezone": "America/New_York"},
        "horizon": 24,
        "training": {"members": 1, "max_epochs": 4},
        "candidates": ["attention_lstm"],
        **changes,
    }
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))


def night(as_of, *options):
    result = CliRunner().invoke(app, ["run", "spec.yaml", "--as-of", as_of, "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def batch(cutoff_date=None):
    frame = DeltaTable("warehouse/departures/forecasts.delta").to_pandas()
    if cutoff_date is not None:
        frame = frame[frame["cutoff_date"].astype(str) == cutoff_date]
    return frame.sort_values(["cutoff", "unique_id", "ds"], ignore_index=True)


def attention():
    frame = DeltaTable("warehouse/departures/attention.delta").to_pandas()
    return frame.sort_values(["cutoff", "unique_id", "head", "position"], ignore_index=True)


def test_a_night_is_published_repeated_and_followed(place, departures):
    write(place, departures, hierarchy={"by": ["airport"], "total": True})

    first = night(FIRST)
    published = batch()

    assert first["decision"]["outcome"] == "promoted", first["decision"]["reason"]
    assert len(published) == len(SERIES) * 24
    assert not published.duplicated(["unique_id", "cutoff", "ds"]).any()
    assert set(published["quality"]) == {"champion"}
    assert (published["ds"] > published["cutoff"]).all()
    assert Path(first["report"]).read_text().count("EWR-UA") > 0
    assert pd.read_parquet("warehouse/departures/exports/latest.parquet").shape[0] == len(published)
    totals = pd.read_parquet("warehouse/departures/exports/latest_totals.parquet")
    assert totals.groupby("unique_id").size().to_dict() == dict.fromkeys(
        ("EWR", "JFK", "LGA", "all"), 24
    )
    of_all = totals[totals["unique_id"] == "all"].set_index("ds")["mean"]
    np.testing.assert_allclose(of_all, published.groupby("ds")["mean"].sum(), rtol=1e-6)

    shown = CliRunner().invoke(app, ["forecasts", "spec.yaml", "--level", "airport", "--json"])
    assert {row["unique_id"] for row in json.loads(shown.stdout)} == {"EWR", "JFK", "LGA"}

    looked = attention()
    assert set(looked["run_id"]) == set(published["run_id"])
    sums = looked.groupby(["unique_id", "head"])["weight"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=1e-4)
    assert sums.index.get_level_values("head").unique().tolist() == ["1.1", "1.2", "mean"]
    assert first["faithfulness"]["series"] == len(SERIES)
    assert "Where the forecasts looked" in Path(first["report"]).read_text()

    again = night(FIRST)
    repeated = batch()
    looked_again = attention()

    assert again["decision"] == first["decision"]
    assert len(repeated) == len(published)
    totals_again = pd.read_parquet("warehouse/departures/exports/latest_totals.parquet")
    for column in FORECASTS:
        assert repeated[column].to_numpy().tobytes() == published[column].to_numpy().tobytes()
        assert totals_again[column].to_numpy().tobytes() == totals[column].to_numpy().tobytes()
    assert set(looked_again["run_id"]) == {again["run_id"]}
    pd.testing.assert_frame_equal(
        looked_again.drop(columns="run_id"), looked.drop(columns="run_id")
    )

    followed = night(NEXT)

    assert "No training" in followed["training"]
    assert followed["model_version"] == first["model_version"]
    assert batch()["cutoff"].nunique() == 2

    earlier = night("2013-08-26")

    assert earlier["decision"]["champion"] is None, "a later model must not publish the past"
    assert set(batch("2013-08-26")["quality"]) == {"baseline"}
    assert earlier["faithfulness"] is None
    assert attention()["cutoff"].nunique() == 2, "a baseline looks nowhere"
    champion = CliRunner().invoke(app, ["champion", "spec.yaml", "--json"])
    assert json.loads(champion.stdout)["champion"] == first["model_version"]


def test_the_next_night_starts_from_the_champion_and_serves_a_series_it_does_not_know(
    place, departures
):
    training = {"members": 1, "max_epochs": 4, "when": "always", "start_from": "champion"}
    known = departures[departures["unique_id"] != "JFK-B6"]  # the only one of its airport
    write(place, known, training=training)
    first = night(FIRST)
    assert "because no model was in service before this night" in first["training"]
    write(place, departures, training=training)

    second = night(NEXT)

    champion = first["decision"]["champion"]
    assert f"attention_lstm starts from {champion}." in second["training"]
    served = batch("2013-09-03")
    assert set(served["unique_id"]) == set(SERIES)
    assert np.isfinite(served[FORECASTS].to_numpy()).all()
    registry = DeltaTable("warehouse/departures/registry.delta").to_pandas()
    starts = registry.loc[registry["kind"] == "version", "start"]
    assert sorted(starts) == sorted(["hourly-2", champion])

    write(place, departures, training=training | {"start_from": champion}, horizon=12)
    result = CliRunner().invoke(app, ["run", "spec.yaml", "--as-of", NEXT, "--json"])

    assert result.exit_code == 2
    assert "forecasts 24 steps, and the spec asks for 12" in " ".join(result.output.split())


def test_training_again_gives_the_same_bytes(place, departures):
    write(place, departures, training={"members": 1, "max_epochs": 2})
    night(FIRST)
    published = batch()
    (place / "warehouse").rename(place / "elsewhere")

    night(FIRST)

    repeated = batch()
    for column in FORECASTS:
        assert repeated[column].to_numpy().tobytes() == published[column].to_numpy().tobytes()


def test_the_baseline_is_published_where_nothing_is_better(place, departures):
    noise = departures.assign(y=departures["y"].sample(frac=1, random_state=1).to_numpy())
    write(place, noise, training={"members": 1, "max_epochs": 1, "when": "never"})

    done = night(FIRST)

    assert done["decision"]["outcome"] == "baseline"
    assert set(batch()["quality"]) == {"baseline"}
    assert set(batch()["model"]) == {"seasonal_naive"}


def test_a_series_that_is_set_aside_gets_the_baseline(place, departures):
    cut = pd.Timestamp("2013-08-20", tz="UTC")
    ended = (departures["unique_id"] == "LGA-MQ") & (departures["ds"] > cut)
    write(
        place,
        departures[~ended],
        contracts={"max_quarantine_share": 0.5},
        training={"when": "never"},
    )

    done = night(FIRST)

    assert list(done["quarantined"]) == ["LGA-MQ"]
    substituted = batch()[lambda rows: rows["quality"] == "substituted"]
    assert set(substituted["unique_id"]) == {"LGA-MQ"}
    aside = DeltaTable("warehouse/departures/quarantine.delta").to_pandas()
    assert set(aside["unique_id"]) == {"LGA-MQ"}


def test_series_come_and_go(place, departures):
    ds = departures["ds"]
    new = departures["unique_id"].eq("EWR-UA") & (ds < pd.Timestamp("2013-09-02T01:00Z"))
    over = departures["unique_id"].eq("LGA-MQ") & (ds > pd.Timestamp("2013-06-01", tz="UTC"))
    write(place, departures[~new & ~over])

    done = night(FIRST)

    assert done["quarantined"] == {}
    published = batch()
    assert set(published["unique_id"]) == {"EWR-UA", "JFK-B6", "LGA-DL"}
    assert done["decision"]["outcome"] == "promoted"
    assert set(published["quality"]) == {"champion"}, "a new series is served from its first night"
    contract = Verdict.from_json(Path(done["report"]).with_name("validation.json").read_text())
    assert contract.ended == ("LGA-MQ",)
    assert [finding.expectation for finding in contract.notes] == ["ended", "new"]
    assert len(published) == 3 * 24


def test_a_batch_with_too_many_substitutes_is_replaced_by_the_baseline_and_says_so(
    place, departures
):
    cut = pd.Timestamp("2013-08-20", tz="UTC")
    ended = (departures["unique_id"] == "LGA-MQ") & (departures["ds"] > cut)
    shares = {"max_quarantine_share": 0.5, "max_substituted_share": 0.1}
    write(place, departures[~ended], contracts=shares)

    done = night(FIRST)

    why = "1 of 4 series have a substitute of the baseline"
    assert done["decision"]["outcome"] == "fallback"
    assert why in done["decision"]["reason"]
    assert set(batch()["quality"]) == {"baseline", "substituted"}
    assert set(batch()["model"]) == {"seasonal_naive"}
    report = Path(done["report"])
    assert "because the batch of the model broke its contract" in report.read_text()
    told = Night.from_json(report.with_name("night.json").read_text())
    assert told.headline.endswith("because the batch of the model broke its contract.")
    decisions = DeltaTable("warehouse/departures/decisions.delta").to_pandas()
    assert set(decisions["outcome"]) == {"fallback"}
    shown = CliRunner().invoke(app, ["forecasts", "spec.yaml"])
    assert why in " ".join(shown.output.split())


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(lambda frame: frame.drop(columns="temp"), "temp", id="column missing"),
        pytest.param(lambda frame: frame.assign(y="many"), "y", id="wrong type"),
        pytest.param(None, "departures.parquet", id="damaged file"),
    ],
)
def test_a_refusal_while_reading_is_on_record_like_a_broken_contract(
    place, departures, spoil, complaint
):
    write(place, spoil(departures) if spoil else departures)
    if spoil is None:
        path = place / "departures.parquet"
        content = path.read_bytes()
        path.write_bytes(content[:4] + bytes(5_000) + content[5_004:])

    result = CliRunner().invoke(app, ["run", "spec.yaml", "--as-of", FIRST])

    run = place / "warehouse/departures/runs/20130902T0300"
    (found,) = Verdict.from_json((run / "validation.json").read_text()).critical
    told = Night.from_json((run / "night.json").read_text())
    assert result.exit_code == 1, result.output
    assert (found.expectation, found.contract) == ("readable", "observations")
    assert complaint in found.sentence
    assert " ".join(found.sentence.split()) in " ".join(result.output.split())
    assert told.headline == f"Nothing was published: {found.sentence}"
    assert "Refused" in (run / "report.html").read_text()
    assert not (place / "warehouse/departures/forecasts.delta").exists()


@pytest.mark.parametrize("finished", ["evaluate", "publish"])
def test_a_night_that_is_killed_goes_on_from_there_and_comes_to_the_same_bytes(
    place, departures, finished
):
    write(place, departures, training={"when": "never"})
    command = [sys.executable, "-m", "flows.cli", "run", "spec.yaml", "--as-of", FIRST]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    run = place / "warehouse/departures/runs/20130902T0300"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not (
        (run / "stages.json").exists() and f'"{finished}"' in (run / "stages.json").read_text()
    ):
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (run / "unfinished").exists()

    done = night(FIRST)

    published = batch()
    assert len(published) == len(SERIES) * 24
    assert not published.duplicated(["unique_id", "cutoff", "ds"]).any()
    assert done["resumed"].startswith("extract, validate input and snapshot were taken over from")
    assert done["resumed"] in (run / "report.html").read_text()
    assert not (run / "unfinished").exists()

    again = night(FIRST)
    (place / "warehouse").rename(place / "elsewhere")
    undisturbed = night(FIRST)

    assert again["resumed"] == undisturbed["resumed"] == ""
    assert undisturbed["snapshot"] == done["snapshot"]
    for column in FORECASTS:
        assert batch()[column].to_numpy().tobytes() == published[column].to_numpy().tobytes()


def test_a_night_lives_in_an_object_store_and_is_read_on_another_machine(
    place, departures, bucket, monkeypatch
):
    write(place, departures, warehouse=f"{bucket}/warehouse")
    night(FIRST, "--train", "never")
    monkeypatch.setenv("NIGHTCAST_CACHE", str(place / "another"))

    assert not (place / "warehouse").exists()
    frame = DeltaTable(f"{bucket}/warehouse/departures/forecasts.delta").to_pandas()
    assert len(frame) == len(SERIES) * 24
    told = CliRunner().invoke(app, ["forecasts", "spec.yaml", "--json"])
    assert len(json.loads(told.stdout)) == len(frame)
    page = CliRunner().invoke(app, ["report", "spec.yaml", "--json"])
    assert Path(json.loads(page.stdout)["report"]).is_relative_to(place / "another")
    checked = CliRunner().invoke(app, ["check", "spec.yaml", "--as-of", NEXT, "--json"])
    assert checked.exit_code == 0, checked.output
