"""`nightcast forecasts`, over tables that were published without a night."""

import json

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.spec import load_spec
from flows.cli import app
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table
from tasks.stores.warehouse import open_warehouse

NIGHT = pd.Timestamp("2024-02-29T23:00Z")
NEXT = NIGHT + pd.Timedelta("6h")


@pytest.fixture
def path(tmp_path):
    fields = {
        "name": "waves",
        "source": {"uri": "in.parquet"},
        "calendar": {"frequency": "h", "timezone": "America/New_York"},
        "horizon": 24,
        "warehouse": str(tmp_path / "warehouse"),
    }
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields))
    return str(path)


@pytest.fixture
def published(path, publish_small):
    """Two batches, in the versions 1 and 2, and the second again in version 3."""
    warehouse = open_warehouse(load_spec(path))
    publish_small(warehouse, NIGHT, run_id="first", token=1)
    publish_small(warehouse, NEXT, run_id="second", token=2)
    publish_small(warehouse, NEXT, run_id="again", token=3)
    return warehouse


def forecasts(path, *options):
    return CliRunner().invoke(app, ["forecasts", path, *options])


def rows(path, *options):
    result = forecasts(path, *options, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_latest_batch_is_the_default_and_can_be_narrowed(path, published):
    assert {row["run_id"] for row in rows(path)} == {"again"}
    (row,) = rows(path, "--series", "b", "--lead", "3")
    assert (row["unique_id"], row["lead"]) == ("b", 3)
    assert "cutoff 2024-03-01 05:00 UTC" in forecasts(path).stdout


def test_an_earlier_version_is_the_table_as_it_was(path, published):
    assert {row["run_id"] for row in rows(path, "--version", "2")} == {"second"}
    assert {row["run_id"] for row in rows(path, "--version", "1")} == {"first"}
    said = rows(path, "--version", "2", "--for", "2024-03-01T12:00Z", "--series", "a")
    assert [row["run_id"] for row in said] == ["second", "first"]


def test_what_was_said_for_a_step_is_shown_by_lead(path, published, tmp_path):
    said = rows(path, "--for", "2024-03-01T07:00", "--series", "a")  # 12:00 UTC
    assert [(row["lead"], row["cutoff"], row["y"]) for row in said] == [
        (7, "2024-03-01 05:00:00+00:00", None),
        (13, "2024-02-29 23:00:00+00:00", None),
    ]
    shown = forecasts(path, "--for", "2024-03-01T07:00").stdout
    assert "said for 2024-03-01 12:00 UTC" in shown
    assert shown.count("2024-02-29 23:00") == 2
    written = forecasts(path, "--for", "2024-03-01T07:00", "-o", str(tmp_path / "said.csv"))
    assert written.exit_code == 0
    assert pd.read_csv(tmp_path / "said.csv")["lead"].tolist() == [7, 13, 7, 13]


def test_the_history_says_who_published_which_batch_when_and_why(path, published):
    assert [(row["version"], row["run_id"]) for row in rows(path, "--history")] == [
        (3, "again"),
        (2, "second"),
        (1, "first"),
    ]
    (only,) = rows(path, "--history", "--cutoff", NIGHT.isoformat())
    assert (only["run_id"], only["rows"], only["model"], only["is_kept"]) == (
        "first",
        48,
        "tcn",
        True,
    )
    shown = forecasts(path, "--history").stdout
    assert "Replaces what an earlier attempt wrote." in shown
    assert "v3" in shown


def test_a_version_whose_files_were_removed_is_told_from_one_that_never_was(path, published):
    opened = open_table(forecasts_table(published))
    opened.vacuum(0, enforce_retention_duration=False, dry_run=False)
    gone, never = forecasts(path, "--version", "2"), forecasts(path, "--version", "7")
    assert gone.exit_code == never.exit_code == 2
    assert "files of this batch in version 2 were removed" in gone.stderr
    assert "no version 7; its log has 0 to 5" in never.stderr
    assert {
        row["run_id"] for row in rows(path, "--version", "2", "--cutoff", NIGHT.isoformat())
    } == {"first"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--for", "2024-03-01", "--cutoff", "2024-03-01"], "--for and --cutoff: expected one"),
        (["--history", "--series", "a"], "expected no --series beside it"),
        (["--history", "--version", "1"], "expected no --version beside it"),
        (["--history", "-o", "x.csv"], "expected no --output beside it"),
        (["--for", "soon"], "--for: expected a time such as"),
        (["--series", "c"], "the 2 series here, such as 'a', 'b', got 'c'"),
        (["--lead", "25"], "one from 1 to 24 that is here, got 25"),
        (["--for", "2020-01-01"], "has a forecast for 2020-01-01T05:00:00"),
        (["--cutoff", "2020-01-01"], "nearest of the 2 published is 2024-02-29T23:00"),
        (["--history", "--cutoff", "2020-01-01"], "no publication of the cutoff 2020-01-01T05"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(path, published, options, words):
    result = forecasts(path, *options)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "options", [[], ["--history"], ["--for", "2024-03-01"], ["--version", "0"]]
)
def test_a_table_that_is_not_there_yet_is_one_sentence(path, options):
    result = forecasts(path, *options)
    assert result.exit_code == 1
    assert "`nightcast run` publish" in result.stderr or "without --for" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_torn_log_is_one_sentence(path, published):
    last = sorted((published.forecasts / "_delta_log").glob("*.json"))[-1]
    for content in ("", last.read_text()[:200]):
        last.write_text(content)
        for options in ([], ["--history"], ["--for", "2024-03-01"], ["--version", "1"]):
            result = forecasts(path, *options)
            assert result.exit_code == 3
            assert f"{last.name} in its log is" in result.stderr
            assert result.stderr.count("\n") == 1
