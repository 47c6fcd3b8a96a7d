import importlib.util
import os

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from data_contracts.nightcast_reader import Forecasts, ReaderError
from tasks.stores.batch_history import batch_history
from tasks.stores.delta import open_table
from tasks.stores.forecasts import export_latest, forecasts_table, read_batch
from tasks.stores.reader_aids import GUARD, put_reader_aids
from tasks.stores.said import said_for
from tasks.stores.sharing import fetch_file
from tasks.stores.warehouse import Warehouse

NIGHT = "2013-10-15T03:00Z"


@pytest.fixture
def warehouse(tmp_path, publish_small):
    """One batch, published three times, and exported."""
    warehouse = Warehouse(tmp_path / "nyc")
    for token in (1, 2, 3):
        publish_small(warehouse, NIGHT, token=token)
    export_latest(warehouse)
    return warehouse


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(pd.read_parquet, id="pandas"),
        pytest.param(
            lambda folder: pd.read_parquet(
                folder, filters=[("cutoff_date", "=", pd.Timestamp("2013-10-15").date())]
            ),
            id="pandas with a filter",
        ),
        pytest.param(pq.read_table, id="pyarrow.parquet"),
        pytest.param(lambda folder: pads.dataset(folder).to_table(), id="pyarrow.dataset"),
        pytest.param(
            lambda folder: duckdb.sql(f"from '{folder}/**/*.parquet'").fetchall(), id="duckdb"
        ),
        pytest.param(
            lambda folder: duckdb.sql(f"from '{folder}/*/*.parquet'").fetchall(), id="one level"
        ),
        pytest.param(lambda folder: pl.read_parquet(f"{folder}/**/*.parquet"), id="polars"),
    ],
)
def test_a_plain_reader_of_the_folder_is_told_what_to_do_instead(warehouse, read):
    with pytest.raises(Exception, match=r"read-this-folder-as-a-Delta-table|end with PAR1"):
        read(str(warehouse.forecasts))


def test_without_the_guard_a_plain_reader_gets_every_replaced_batch(warehouse):
    """What the guard is for; should this ever fail, it can go."""
    (guard,) = (warehouse.forecasts / "NOT-PLAIN-PARQUET").iterdir()
    guard.unlink()
    assert len(pd.read_parquet(warehouse.forecasts)) == 3 * read_batch(warehouse).num_rows


def test_readers_of_delta_do_not_see_the_guard(warehouse):
    rows = read_batch(warehouse).num_rows
    assert open_table(forecasts_table(warehouse)).to_pyarrow_table().num_rows == rows
    assert pl.scan_delta(str(warehouse.forecasts)).collect().height == rows


def test_what_upkeep_or_a_person_removed_is_put_back_with_the_next_export(warehouse):
    opened = open_table(forecasts_table(warehouse))
    opened.vacuum(0, enforce_retention_duration=False, dry_run=False, full=True)
    (warehouse.exports / "nightcast_reader.py").write_text("# of an older Nightcast")
    export_latest(warehouse)
    with pytest.raises(pa.ArrowInvalid, match="read-this-folder-as-a-Delta-table"):
        pd.read_parquet(warehouse.forecasts)
    assert "class Forecasts" in (warehouse.exports / "nightcast_reader.py").read_text()


def test_the_guard_never_grows_old_enough_for_a_vacuum_and_the_helper_may(warehouse):
    helper, guard = warehouse.exports / "nightcast_reader.py", warehouse.forecasts / GUARD
    for path in (helper, guard):
        os.utime(path, (1, 1))
    put_reader_aids(warehouse)
    assert helper.stat().st_mtime == 1
    assert guard.stat().st_mtime > 1


def test_the_helper_in_the_warehouse_reads_it(warehouse):
    where = importlib.util.spec_from_file_location(
        "helper", warehouse.exports / "nightcast_reader.py"
    )
    helper = importlib.util.module_from_spec(where)
    where.loader.exec_module(helper)
    latest = helper.Forecasts(str(warehouse.forecasts)).latest()
    assert latest.to_pylist() == read_batch(warehouse).to_pylist()


def test_a_csv_is_written_where_it_is_wanted_and_never_left_to_grow_old(warehouse, publish_small):
    path = warehouse.exports / "latest.csv"
    assert not path.exists()
    export_latest(warehouse, csv=True)
    written = pd.read_csv(path, parse_dates=["ds"])
    assert written["q50"].tolist() == pytest.approx(read_batch(warehouse)["q50"].to_pylist())
    assert written["ds"].dt.tz is not None, "the zone is part of each time"
    export_latest(warehouse)
    assert not path.exists()


def test_all_of_it_works_in_an_object_store_too(anywhere, publish_small):
    for token in (1, 2):
        publish_small(anywhere, NIGHT, token=token, run_id=f"run-{token}")
    export_latest(anywhere, csv=True)
    assert pd.read_csv(fetch_file(anywhere, anywhere.exports / "latest.csv")).shape[0] == 48
    export_latest(anywhere)
    names = ("nightcast_reader.py", "latest.parquet", "latest.csv")
    there = [fetch_file(anywhere, anywhere.exports / name).exists() for name in names]
    assert there == [True, True, False]
    assert fetch_file(anywhere, anywhere.root / "forecasts.delta" / GUARD).exists()

    second, first = batch_history(anywhere)
    assert [second.is_kept, first.is_kept] == [True, True]
    assert read_batch(anywhere, version=first.version)["run_id"][0].as_py() == "run-1"
    reader = Forecasts(str(anywhere.forecasts))
    assert reader.latest().to_pylist() == read_batch(anywhere).to_pylist()
    step = pd.Timestamp(NIGHT) + pd.Timedelta("1h")
    assert reader.said_for(step)["mean"].equals(said_for(anywhere, step)["mean"])
    open_table(forecasts_table(anywhere)).vacuum(0, enforce_retention_duration=False, dry_run=False)
    assert [change.is_kept for change in batch_history(anywhere)] == [True, False]
    before = Forecasts(str(anywhere.forecasts), version=first.version)
    with pytest.raises(ReaderError, match=f"Version {first.version} of .* is gone"):
        before.latest()
