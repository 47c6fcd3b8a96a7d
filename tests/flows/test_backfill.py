"""Backfills through the command, on a real Prefect server."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable
from typer.testing import CliRunner

from flows.cli import app

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]

FORECASTS = ["mean", *(f"q{level}" for level in range(10, 100, 10))]
GAP = ("2024-02-06", "2024-02-10")  # nothing is observed from the first to the second


@pytest.fixture(scope="module")
def observed():
    """Two noisy waves of six weeks, and when each row became known."""
    ds = pd.date_range("2024-01-01", periods=42 * 24, freq="h", tz="UTC", unit="us")
    rng = np.random.default_rng(0)
    wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": ds, "y": wave + rng.normal(0, 1, len(ds))})
        for name in ("a", "b")
    ]
    return pd.concat(frames).assign(known=lambda rows: rows["ds"] + pd.Timedelta(hours=1))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a source and its spec into the working directory."""
    monkeypatch.chdir(tmp_path)

    def put(rows, **changes):
        rows.to_parquet("in.parquet", index=False)
        fields = {
            "name": "waves",
            "source": {"uri": "in.parquet", "available_at": "known"},
            "calendar": {"frequency": "h"},
            "horizon": 6,
            "warehouse": "warehouse",
            "schedule": {"active": False},
            **changes,
        }
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(fields))

    return put


def backfill(start, end, *options):
    arguments = ["spec.yaml", "--start", start, "--end", end, "--at-once", "1", "--json"]
    return CliRunner().invoke(app, ["backfill", *arguments, *options])


def rows():
    table = DeltaTable("warehouse/waves/forecasts.delta").to_pandas()
    return table.sort_values(["cutoff", "unique_id", "ds"], ignore_index=True)


def publications():
    """How often each cutoff was published."""
    shown = CliRunner().invoke(app, ["forecasts", "spec.yaml", "--history", "--json"])
    cutoffs = [change["cutoff"] for change in json.loads(shown.stdout)]
    return {cutoff[:10]: cutoffs.count(cutoff) for cutoff in cutoffs}


def states(result):
    return [each["state"] for each in json.loads(result.stdout)["dates"]]


def test_run_twice_a_backfill_leaves_the_same_bytes_once_and_moves_nothing(write, observed):
    write(observed)

    first = backfill("2024-02-01", "2024-02-02", "--model", "now")
    published = rows()
    skipped = backfill("2024-02-01", "2024-02-02", "--model", "now")
    unchanged = rows()
    replaced = backfill("2024-02-01", "2024-02-02", "--model", "now", "--existing", "replace")
    again = rows()

    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["headline"] == "2 published, 0 skipped."
    assert published.groupby("cutoff").size().tolist() == [12, 12]
    assert published["run_id"].str.startswith("backfill-now-").all()
    assert json.loads(skipped.stdout)["headline"] == "0 published, 2 skipped."
    pd.testing.assert_frame_equal(unchanged, published)
    assert states(replaced) == ["published", "published"]
    for column in FORECASTS:
        assert again[column].to_numpy().tobytes() == published[column].to_numpy().tobytes()
    assert set(again["run_id"]).isdisjoint(published["run_id"])
    latest = pd.read_parquet("warehouse/waves/exports/latest.parquet")
    assert set(latest["cutoff"]) == {published["cutoff"].max()}
    champion = CliRunner().invoke(app, ["champion", "spec.yaml", "--json"])
    assert json.loads(champion.stdout)["champion"] is None


def test_a_date_sees_only_what_was_known_then(write, observed):
    late = observed[observed["ds"] == pd.Timestamp("2024-01-31T12:00Z")]
    correction = late.assign(y=9_999.0, known=pd.Timestamp("2024-02-05T00:00Z"))
    write(observed)
    backfill("2024-02-01", "2024-02-01")
    before = rows()

    write(pd.concat([observed, correction]))
    done = backfill("2024-02-01", "2024-02-01", "--existing", "replace")

    assert states(done) == ["published"]
    for column in FORECASTS:
        assert rows()[column].to_numpy().tobytes() == before[column].to_numpy().tobytes()


def test_a_bad_date_stops_no_other_and_the_backfill_goes_on_where_it_was(write, observed):
    hole = observed["ds"].between(*(pd.Timestamp(day, tz="UTC") for day in GAP), inclusive="left")
    write(observed[~hole])
    options = ("--every", "5D", "--existing", "replace", "--resume", "mine")

    first = backfill("2024-02-05", "2024-02-15", *options)
    write(observed)
    second = backfill("2024-02-05", "2024-02-15", *options)

    assert first.exit_code == 1, first.output
    assert states(first) == ["published", "refused", "refused"], "the source ends on 2024-02-12"
    assert "1 published, 2 refused (2024-02-10: " in first.stderr
    assert "Retry this run" in first.stderr
    assert states(second) == ["published", "published", "refused"]
    assert publications() == {"2024-02-04": 1, "2024-02-09": 1}


def test_a_wish_that_cannot_be_is_one_sentence_and_nothing_is_written(write, observed, tmp_path):
    write(observed)

    refused = backfill("2024-02-02", "2024-02-01")

    assert refused.exit_code == 2
    assert "end: expected 2024-02-02, the start, or a later date" in refused.stderr
    assert refused.stderr.count("\n") <= 3
    assert not (tmp_path / "warehouse").exists()


def test_dates_are_listed_without_doing_them(write, observed, tmp_path):
    write(observed)

    listed = backfill("2024-02-01", "2024-02-03", "--dry-run", "--every", "2D")

    assert listed.exit_code == 0, listed.output
    assert states(listed) == ["to do", "to do"]
    assert not (tmp_path / "warehouse").exists()
