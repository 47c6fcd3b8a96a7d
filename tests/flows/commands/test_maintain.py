"""`nightcast maintain`, to people and to programs."""

import json

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts import decisions
from data_contracts.spec import load_spec
from flows.cli import app
from tasks.stores.delta import Commit, open_table, replace_rows
from tasks.stores.records import decisions_table, quarantine_table
from tasks.stores.warehouse import warehouse_of

NIGHT = pd.Timestamp("2024-03-01T00:00Z")


@pytest.fixture
def spec(tmp_path):
    fields = {
        "name": "waves",
        "source": {"uri": "in.parquet"},
        "calendar": {"frequency": "h"},
        "horizon": 6,
        "warehouse": str(tmp_path / "warehouse"),
    }
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


@pytest.fixture
def decided(spec):
    """Two decisions in two files."""
    table = decisions_table(warehouse_of(load_spec(spec)))
    for day in range(2):
        cutoff = NIGHT + pd.Timedelta(days=day)
        instants = {"cutoff": cutoff, "decided_at": cutoff, "origins": 14, "judged": []}
        row = dict.fromkeys(decisions.SCHEMA.names, "") | instants
        rows = pa.Table.from_pylist([row], schema=decisions.SCHEMA)
        replace_rows(table, rows, where={"cutoff": cutoff, "run_id": ""}, commit=Commit("run"))
    return table


def maintain(spec, *options):
    return CliRunner().invoke(app, ["maintain", str(spec), *options])


def test_without_apply_it_says_what_there_is_to_do_and_changes_nothing(spec, decided):
    version = open_table(decided).version()

    said = maintain(spec)

    assert said.exit_code == 0
    assert "· decisions: merge 2 files into 1" in said.stdout
    assert "Nothing was changed; --apply does this and frees 0.0 MB." in said.stdout
    assert open_table(decided).version() == version


def test_apply_does_it_and_the_next_time_there_is_nothing_to_do(spec, decided):
    said = maintain(spec, "--apply")

    assert said.exit_code == 0
    assert "✓ decisions: merge 2 files into 1" in said.stdout
    assert "Freed 0.0 MB." in said.stdout
    assert len(open_table(decided).file_uris()) == 1
    assert "There is nothing to do." in maintain(spec).stdout
    assert "There was nothing to do." in maintain(spec, "--apply").stdout


def test_a_program_gets_all_of_it(spec, decided):
    answer = json.loads(maintain(spec, "--apply", "--json").stdout)

    assert list(answer) == [
        "name",
        "applied",
        "history_days",
        "tables",
        "folders",
        "bytes",
        "trouble",
    ]
    assert (answer["applied"], answer["history_days"], answer["trouble"]) == (True, 30, [])
    (table,) = answer["tables"]
    assert (table["table"], table["rows"], table["files"], table["version"]) == (
        "decisions",
        2,
        1,
        3,
    )
    assert table["work"] == {
        "settings": {},
        "small_files": 2,
        "merged_into": 1,
        "stale_files": 0,
        "stale_bytes": 0,
        "staged_files": 0,
        "staged_bytes": 0,
        "checkpoint": 0,
        "expired_entries": 0,
    }
    assert set(answer["folders"]) == {"models", "snapshots", "runs", "leftovers", "bytes"}


def test_a_damaged_table_is_told_after_the_others_and_the_status_says_so(spec, decided):
    log = quarantine_table(warehouse_of(load_spec(spec))).path / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("{")

    said = maintain(spec, "--apply")

    assert said.exit_code == 3
    assert "✓ decisions: merge 2 files into 1" in said.stdout
    assert "trouble Cannot read" in said.stderr
    assert "nightcast: 1 part of the warehouse could not be looked after" in said.stderr


def test_where_there_is_no_warehouse_one_sentence_says_so(spec):
    said = maintain(spec)

    assert said.exit_code == 1
    assert "nightcast: There is no warehouse in" in said.stderr


def test_a_history_that_breaks_readers_is_refused(spec):
    spec.write_text(spec.read_text() + "retention: {history_days: 6}\n")

    said = maintain(spec)

    assert said.exit_code == 2
    assert (
        "retention.history_days: expected at least 7, because a reader may still hold a list of "
        "files from before, got 6." in said.stderr
    )
