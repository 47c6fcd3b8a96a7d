import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from data_contracts.errors import ConflictError, RefusedError, SpecError
from tasks.stores.forecasts import publish_batch
from tasks.stores.totals import export_totals, publish_totals, read_totals
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2013-10-15T03:00Z")
SHARED = {
    "ds": NIGHT + pd.Timedelta("1h"),
    "lead": 1,
    "model": "seasonal_naive",
    "model_version": "seasonal_naive",
    "quality": "baseline",
    "issued_at": NIGHT,
}
LABELS = [("total", "all"), ("airport", "JFK"), ("airport", "EWR")]


def later(row, cutoff):
    return {**row, "ds": cutoff + pd.Timedelta("1h")}


def totals(value, cutoff, levels):
    rows = [
        {**SHARED, "level": level, "unique_id": label, "series": 2, "substituted": 0, "mean": value}
        | {f"q{level:g}": value for level in levels}
        for level, label in LABELS
    ]
    return pa.Table.from_pylist([later(row, cutoff) for row in rows])


def batch(value, cutoff, levels):
    row = {**SHARED, "unique_id": "JFK-B6", "mean": value}
    return pa.Table.from_pylist([later(row | {f"q{level:g}": value for level in levels}, cutoff)])


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def put(warehouse, value, *, run="a", token=1, cutoff=NIGHT, levels=(50,), only=""):
    shares = tuple(level / 100 for level in levels)
    stamps = {"cutoff": cutoff, "levels": shares, "run_id": run, "token": token}
    if only != "batch":
        publish_totals(warehouse, totals(value, cutoff, levels), **stamps)
    if only != "totals":
        publish_batch(warehouse, batch(value, cutoff, levels), **stamps)


def test_totals_of_the_newest_batch_are_read_by_level_and_label(warehouse):
    put(warehouse, 1.0)
    put(warehouse, 2.0, run="b", cutoff=NIGHT + pd.Timedelta(days=1))

    rows = read_totals(warehouse)
    assert list(zip(rows["level"].to_pylist(), rows["unique_id"].to_pylist(), strict=True)) == [
        ("airport", "EWR"),
        ("airport", "JFK"),
        ("total", "all"),
    ]
    assert rows["q50"].to_pylist() == [2, 2, 2]
    assert read_totals(warehouse, NIGHT)["q50"].to_pylist() == [1, 1, 1]
    assert read_totals(warehouse, level="total")["unique_id"].to_pylist() == ["all"]


def test_totals_that_are_published_again_are_there_once(warehouse):
    put(warehouse, 1.0)
    put(warehouse, 2.0, run="b", token=2)
    assert DeltaTable(warehouse.totals).to_pandas()["mean"].tolist() == [2, 2, 2]


def test_an_older_attempt_changes_nothing(warehouse):
    put(warehouse, 1.0, token=2)
    with pytest.raises(ConflictError):
        put(warehouse, 2.0, run="b", token=1)
    assert read_totals(warehouse)["mean"].to_pylist() == [1, 1, 1]


@pytest.mark.parametrize(
    "only",
    [
        pytest.param("totals", id="a run that died before its batch"),
        pytest.param("batch", id="a batch that has none"),
    ],
)
def test_totals_of_another_run_are_nobodys(warehouse, only):
    put(warehouse, 1.0)
    put(warehouse, 2.0, run="b", token=2, only=only)
    with pytest.raises(RefusedError, match=r"The batch of 2013-10-15 03:00 UTC has no totals"):
        read_totals(warehouse)


def test_a_batch_without_any_table_of_totals_has_none(warehouse):
    put(warehouse, 1.0, only="batch")
    with pytest.raises(RefusedError, match="has no totals"):
        read_totals(warehouse)


def test_nothing_published_is_said(warehouse):
    with pytest.raises(RefusedError, match="No forecasts have been published"):
        read_totals(warehouse)


def test_an_unknown_level_is_refused_with_those_that_there_are(warehouse):
    put(warehouse, 1.0)
    with pytest.raises(SpecError, match="expected one of airport, total, got 'carrier'"):
        read_totals(warehouse, level="carrier")


def test_quantiles_are_those_of_the_batch(warehouse):
    put(warehouse, 1.0, levels=(10, 50, 90))
    put(warehouse, 2.0, run="b", cutoff=NIGHT + pd.Timedelta(days=1))
    quantiles = [name for name in read_totals(warehouse).column_names if name[0] == "q"]
    assert quantiles == ["q50", "quality"]
    assert "q10" in read_totals(warehouse, NIGHT).column_names


def test_the_newest_totals_are_exported_and_go_with_them(warehouse):
    path = warehouse.exports / "latest_totals.parquet"
    put(warehouse, 1.0)
    export_totals(warehouse, NIGHT)
    assert pq.read_table(path)["mean"].to_pylist() == [1, 1, 1]

    older = NIGHT - pd.Timedelta(days=1)
    put(warehouse, 2.0, cutoff=older)
    export_totals(warehouse, older)
    assert pq.read_table(path)["mean"].to_pylist() == [1, 1, 1]

    put(warehouse, 3.0, run="b", token=2, only="batch")
    export_totals(warehouse, NIGHT)
    assert not path.exists()


def test_a_csv_lies_beside_the_file_where_it_is_wanted(warehouse):
    path = warehouse.exports / "latest_totals.csv"
    put(warehouse, 1.0)
    export_totals(warehouse, NIGHT, csv=True)
    assert path.read_text().count("airport") == 2
    export_totals(warehouse, NIGHT)
    assert not path.exists()
