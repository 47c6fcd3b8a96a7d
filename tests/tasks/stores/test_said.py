import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from data_contracts.errors import RefusedError, SpecError
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table, read_batch
from tasks.stores.said import said_for
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2013-10-15T03:00Z")
NEXT = NIGHT + pd.Timedelta("6h")
STEP = NIGHT + pd.Timedelta("8h")


@pytest.fixture
def warehouse(tmp_path, publish_small):
    warehouse = Warehouse(tmp_path / "nyc")
    publish_small(warehouse, NIGHT, levels=(0.025, 0.5, 0.975), token=1)
    publish_small(warehouse, NEXT, token=2)
    return warehouse


def test_each_batch_says_what_it_was_published_with_the_shortest_lead_first(warehouse):
    said = said_for(warehouse, STEP)
    leads = said.select(["unique_id", "lead"]).to_pylist()
    assert [tuple(row.values()) for row in leads] == [("a", 2), ("a", 8), ("b", 2), ("b", 8)]
    for row in said.to_pylist():
        batch = read_batch(warehouse, pd.Timestamp(row["cutoff"])).to_pandas()
        (same,) = batch.query("unique_id == @row['unique_id'] and ds == @STEP").to_dict("records")
        assert {name: row[name] for name in same if name in row} == {
            name: value for name, value in same.items() if name in row
        }
    assert said.column_names[:11] == [
        *("unique_id", "ds", "lead", "cutoff", "y", "mean"),
        *("q2_5", "q10", "q50", "q90", "q97_5"),
    ]


def test_what_came_stands_beside_what_was_said_once_it_is_scored(warehouse):
    assert said_for(warehouse, STEP)["y"].null_count == 4
    instant = pa.timestamp("us", "UTC")
    scored = pa.table(
        {
            "cutoff_date": pa.array([NIGHT.date()], pa.date32()),
            "unique_id": ["b"],
            "cutoff": pa.array([NIGHT.to_pydatetime()], instant),
            "lead": pa.array([8], pa.int32()),
            "ds": pa.array([STEP.to_pydatetime()], instant),
            "y": pa.array([3.5], pa.float32()),
        }
    )
    write_deltalake(warehouse.root / "accuracy.delta", scored, partition_by=["cutoff_date"])
    assert said_for(warehouse, STEP)["y"].to_pylist() == [None, None, None, 3.5]


def test_an_earlier_version_says_what_it_said_then(warehouse, publish_small):
    version = publish_small(warehouse, NEXT, token=3)
    before = said_for(warehouse, STEP, version=version - 1)
    assert before["model_version"].to_pylist() == ["v2", "v1"] * 2
    assert said_for(warehouse, STEP)["model_version"].to_pylist() == ["v3", "v1"] * 2
    open_table(forecasts_table(warehouse)).vacuum(
        0, enforce_retention_duration=False, dry_run=False
    )
    with pytest.raises(SpecError, match=f"files of version {version - 1} were removed"):
        said_for(warehouse, STEP, version=version - 1)


def test_a_step_of_which_nothing_was_said_is_one_sentence(tmp_path, warehouse):
    for empty in (Warehouse(tmp_path / "no"), warehouse):
        with pytest.raises(RefusedError, match="has a forecast for 2020-01-01T00:00:00"):
            said_for(empty, pd.Timestamp("2020-01-01T00:00Z"))
