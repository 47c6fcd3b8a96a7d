import json

import pandas as pd
import pytest

from data_contracts.errors import RefusedError
from tasks.stores.batch_history import batch_history
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table, read_batch
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2013-10-15T03:00Z")
NEXT = NIGHT + pd.Timedelta("6h")  # of the same day


@pytest.fixture
def warehouse(tmp_path, publish_small):
    """Two cutoffs of one day, in the versions 1 and 2, and the first of them again in version 3."""
    warehouse = Warehouse(tmp_path / "nyc")
    publish_small(warehouse, NIGHT, run_id="first", token=1)
    publish_small(warehouse, NEXT, run_id="next", token=2)
    publish_small(warehouse, NIGHT, run_id="again", token=3)
    return warehouse


def test_publications_are_listed_newest_first(warehouse):
    changes = batch_history(warehouse)
    assert [(change.version, change.run_id, change.cutoff) for change in changes] == [
        (3, "again", NIGHT),
        (2, "next", NEXT),
        (1, "first", NIGHT),
    ]
    assert {(change.rows, change.model) for change in changes} == {(48, "tcn")}
    assert changes[0].reason == "Replaces what an earlier attempt wrote."
    assert [change.model_version for change in changes] == ["v3", "v2", "v1"]
    assert all(change.is_kept for change in changes)
    assert changes[0].at >= changes[2].at > pd.Timestamp.now("UTC") - pd.Timedelta("1h")


def test_those_of_one_batch_are_listed_alone(warehouse):
    assert [change.run_id for change in batch_history(warehouse, NIGHT)] == ["again", "first"]
    local = NEXT.tz_convert("America/New_York")
    assert [change.run_id for change in batch_history(warehouse, local)] == ["next"]


def test_each_listed_version_can_be_read(warehouse):
    for change in batch_history(warehouse):
        rows = read_batch(warehouse, change.cutoff, version=change.version)
        assert rows["run_id"].unique().to_pylist() == [change.run_id]
        assert rows["model_version"].unique().to_pylist() == [change.model_version]


def test_a_batch_whose_files_were_removed_is_listed_as_such(warehouse):
    opened = open_table(forecasts_table(warehouse))
    opened.vacuum(0, enforce_retention_duration=False, dry_run=False)
    assert [change.is_kept for change in batch_history(warehouse)] == [True, True, False]


def test_a_commit_that_does_not_say_why_is_listed_too(warehouse):
    entry = warehouse.forecasts / f"_delta_log/{3:020}.json"
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    for line in lines:
        line.get("commitInfo", {}).pop("reason", None)  # as in a table of before
    entry.write_text("\n".join(map(json.dumps, lines)))
    assert [change.reason for change in batch_history(warehouse)][:2] == [None, "Published."]


def test_other_commits_are_no_publications(warehouse):
    open_table(forecasts_table(warehouse)).optimize.compact()
    assert [change.version for change in batch_history(warehouse)] == [3, 2, 1]


def test_a_history_that_is_not_there_is_one_sentence(tmp_path, warehouse):
    for empty, cutoff in (
        (Warehouse(tmp_path / "no"), None),
        (warehouse, NEXT + pd.Timedelta("1D")),
    ):
        with pytest.raises(RefusedError, match="has no publication.*; `nightcast run` publishes"):
            batch_history(empty, cutoff)
