import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.stores import excerpt as module
from tasks.stores.excerpt import read_excerpt
from tasks.stores.source import open_files


@pytest.fixture
def file(tmp_path):
    """40 row groups of 100 rows, one row per minute."""
    times = pd.date_range("2024-01-01", periods=4000, freq="min", tz="UTC", unit="us")
    path = tmp_path / "minutes.parquet"
    table = pa.table({"ds": times, "y": np.arange(4000.0)})
    pq.write_table(table, path, row_group_size=100)
    return path


def read(path):
    return read_excerpt(open_files(str(path)), ["y", "ds"], "ds")


def test_a_small_file_is_read_as_a_whole(file, monkeypatch):
    monkeypatch.setattr(module, "MAX_STRETCHES", 40)

    excerpt = read(file)

    assert excerpt.rows["y"].to_pylist() == list(range(4000))
    assert excerpt.instants.tolist() == excerpt.rows["ds"].cast(pa.int64()).to_pylist()


def test_a_large_file_is_read_in_stretches_from_its_first_to_its_last_row_group(file, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 16 * 10)

    excerpt = read(file)

    firsts = [int(excerpt.rows["y"][k].as_py()) for k in range(0, 160, 10)]
    assert firsts[0] == 0
    assert firsts[-1] == 3900
    assert all(first % 100 == 0 for first in firsts)
    assert excerpt.stretches.tolist() == [*np.repeat(np.arange(16), 10), 16]


def test_the_last_time_is_seen_even_where_the_last_row_group_is_cut(file, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 16 * 10)

    assert read(file).rows["y"][-1].as_py() == 3999


def test_edges_are_the_first_and_last_times_of_all_row_groups(file):
    edges = pd.to_datetime(read(file).edges, unit="us", utc=True)

    assert edges[:2].tolist() == [
        pd.Timestamp("2024-01-01T00:00Z"),
        pd.Timestamp("2024-01-01T01:39Z"),
    ]
    assert len(edges) == 80


def test_many_columns_are_read_from_fewer_rows(file, monkeypatch):
    monkeypatch.setattr(module, "MAX_CELLS", 16 * 10 * 2)

    assert len(read(file).instants) == 161


def test_a_column_that_some_files_lack_is_null_there(tmp_path):
    days = pd.date_range("2024-01-01", periods=3)
    pq.write_table(pa.table({"ds": days, "y": [1.0, 2.0, 3.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"ds": days + pd.Timedelta(days=3)}), tmp_path / "b.parquet")

    assert read(tmp_path).rows["y"].to_pylist() == [1.0, 2.0, 3.0, None, None, None]


def test_folders_become_columns_that_are_named(tmp_path):
    days = pd.date_range("2024-01-01", periods=3)
    (tmp_path / "site=x").mkdir()
    pq.write_table(pa.table({"ds": days, "y": [1.0, 2.0, 3.0]}), tmp_path / "site=x" / "a.parquet")

    excerpt = read_excerpt(open_files(str(tmp_path)), ["site", "y", "ds"], "ds")

    assert excerpt.folders == {"site"}
    assert excerpt.rows["site"].to_pylist() == ["x", "x", "x"]
