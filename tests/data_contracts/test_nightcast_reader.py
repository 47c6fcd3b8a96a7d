import ast
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_contracts import forecasts, nightcast_reader
from data_contracts.nightcast_reader import Forecasts, ReaderError
from data_contracts.versions import FIELD
from data_contracts.vocabulary import quantile_columns
from tasks.stores.forecasts import forecasts_table, publish_batch, read_batch
from tasks.stores.said import said_for
from tasks.stores.warehouse import Warehouse

NARROW, WIDE = (0.1, 0.5, 0.9), (0.025, 0.5, 0.975)
NIGHT = pd.Timestamp("2013-10-15T03:00Z")
SERIES, HORIZON = ("a", "b", "c"), 30


def batch(cutoff, levels, seed=7):
    rows = len(SERIES) * HORIZON
    ds = pd.date_range(cutoff, periods=HORIZON + 1, freq="h", unit="us")[1:]
    values = np.sort(np.random.default_rng(seed).random((len(levels), rows), np.float32), axis=0)
    return pa.table(
        {
            "unique_id": np.repeat(SERIES, HORIZON),
            "ds": pa.array(np.tile(ds.asi8, len(SERIES)), pa.int64()).cast(forecasts.INSTANT),
            "lead": np.tile(np.arange(1, HORIZON + 1, dtype=np.int32), len(SERIES)),
            "mean": values[0],
            **dict(zip(quantile_columns(levels), values, strict=True)),
            "model": pa.repeat("tcn", rows),
            "model_version": pa.repeat("v1", rows),
            "quality": pa.repeat("champion", rows),
            "issued_at": pa.repeat(pa.scalar(cutoff, forecasts.INSTANT), rows),
        }
    )


def publish(warehouse, cutoff, levels=NARROW, *, run_id="a", token=1, seed=7):
    rows = batch(cutoff, levels, seed)
    publish_batch(warehouse, rows, cutoff=cutoff, levels=levels, run_id=run_id, token=token)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "it's a warehouse" / "nyc")


@pytest.fixture
def three(warehouse):
    """Three nights, the second with other quantiles, the last published twice."""
    for day, levels in enumerate((NARROW, WIDE, NARROW)):
        publish(warehouse, NIGHT + pd.Timedelta(days=day), levels, seed=day)
    publish(warehouse, NIGHT + pd.Timedelta(days=2), run_id="corrected", token=2, seed=9)
    return warehouse


def opened(warehouse, **options):
    return Forecasts(str(warehouse.forecasts), **options)


def same(one, other):
    """Rows and the order of columns; types on disk may be null where ours may not."""
    return one.column_names == other.column_names and one.to_pylist() == other.to_pylist()


def test_batches_are_what_nightcast_itself_reads(three):
    reader = opened(three)
    second = read_batch(three, NIGHT + pd.Timedelta("1D"))
    assert same(reader.latest(), read_batch(three))
    assert same(reader.batch("2013-10-15T23:00-04:00"), second)
    assert same(reader.as_of(NIGHT + pd.Timedelta("1h")), read_batch(three, NIGHT))
    assert reader.cutoffs() == [NIGHT + pd.Timedelta(days=day) for day in range(3)]


def test_what_was_said_for_a_step_comes_by_lead(three):
    step = NIGHT + pd.Timedelta("1D") + pd.Timedelta("3h")
    said = opened(three).said_for(step.isoformat(), "b")
    assert said["lead"].to_pylist() == [3, 27]
    assert said["cutoff"].to_pylist() == [NIGHT + pd.Timedelta("1D"), NIGHT]
    assert said["q10"].to_pylist()[0] is None, "that batch has other quantiles"
    everything = said_for(three, step)
    assert opened(three).said_for(step)["mean"].equals(everything["mean"])


def test_the_history_of_a_series_has_each_batch_once(three):
    history = opened(three).history("c")
    assert history.num_rows == 3 * HORIZON
    assert set(history["run_id"].to_pylist()) == {"a", "corrected"}
    keys = list(zip(history["cutoff"].to_pylist(), history["ds"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_forecasts_are_compared_with_every_actual_that_is_known(three):
    ds = pd.date_range(NIGHT, periods=40, freq="h", unit="us")
    y = np.where(np.arange(40) % 7 == 0, np.nan, 0.5)
    actuals = pa.table({"unique_id": ["a"] * 40, "ds": pa.array(ds), "y": y})
    found = opened(three).against(actuals).to_pandas()
    rows = opened(three).history("a").to_pandas().merge(actuals.to_pandas().dropna(), on="ds")
    assert len(found) == len(rows) > 30
    assert np.allclose(found["error"], found["q50"] - 0.5)
    with pytest.raises(ReaderError, match="one actual per series and step, got several"):
        opened(three).against(pa.concat_tables([actuals, actuals]))
    naive = actuals.set_column(1, "ds", actuals["ds"].cast(pa.timestamp("us")))
    with pytest.raises(ReaderError, match="ds has a time zone, got times without one"):
        opened(three).against(naive)


def test_an_earlier_version_shows_what_was_there_then(three):
    reader = opened(three)
    corrected, first = reader.versions()[:2]
    assert (corrected["run_id"], first["run_id"]) == ("corrected", "a")
    before = opened(three, version=first["version"]).latest()
    assert before["run_id"].unique().to_pylist() == ["a"]
    assert Forecasts.as_then(str(three.forecasts), first["at"]).latest().equals(before)
    with pytest.raises(ReaderError, match="The log of .* begins at .*; expected a moment after"):
        Forecasts.as_then(str(three.forecasts), "2013-01-01T00:00Z")


def test_a_snapshot_answers_the_same_whatever_is_published_meanwhile(three):
    reader = opened(three)
    before = reader.latest()
    publish(three, NIGHT + pd.Timedelta(days=3))
    assert reader.latest().equals(before)
    assert not opened(three).latest().equals(before)


def test_duckdb_sees_the_same_without_any_extension(three):
    reader = opened(three)
    db = reader.connect()
    latest = db.sql("from latest order by unique_id, ds").to_arrow_table()
    assert latest["mean"].to_pylist() == reader.latest()["mean"].to_pylist()
    assert db.sql("select count(*) from forecasts").fetchall() == [(3 * 3 * HORIZON,)]
    leads = db.sql("select lead from said where ds = timestamptz '2013-10-16 06:00Z'").fetchall()
    assert leads == [(3,), (27,)] * 3


def test_quantiles_are_told_by_their_levels():
    rows = pa.table({"q97_5": [1.0], "quality": ["x"], "q2_5": [0.0], "q50": [0.5]})
    assert nightcast_reader.levels(rows) == {"q2_5": 0.025, "q50": 0.5, "q97_5": 0.975}


@pytest.mark.parametrize(
    "moment", ["2013-10-15", "2013-10-15T03:00", datetime(2013, 10, 15), date(2013, 10, 15), "x"]
)
def test_a_time_without_an_offset_is_refused(three, moment):
    with pytest.raises(ReaderError, match="Expected a time with its offset, such as"):
        opened(three).batch(moment)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda f: f.batch("2013-10-15T05:00Z"), "nearest of the 3 published is 2013-10-15T03:00"),
        (lambda f: f.as_of("2013-01-01T00:00Z"), "the first is 2013-10-15T03:00"),
        (lambda f: f.history("z"), "No batch has the series 'z'."),
        (lambda f: f.said_for("2020-01-01T00:00Z", "a"), "No batch has a forecast of 'a' for 2020"),
        (lambda f: f.against(pa.table({"y": [1]})), "missing: ['unique_id', 'ds']"),
        (lambda f: Forecasts(f.uri, version=99), "no version 99 of .*; its log has .* 0 to"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(three, ask, sentence):
    with pytest.raises(ReaderError, match=sentence.replace("[", r"\[")) as complaint:
        ask(opened(three))
    assert "\n" not in str(complaint.value)


def test_a_table_that_is_not_there_yet_is_one_sentence(tmp_path, warehouse):
    with pytest.raises(
        ReaderError, match="There is no forecast table at .*: nothing was published"
    ):
        opened(warehouse)
    from tasks.stores.delta import ensure_table

    ensure_table(forecasts_table(warehouse, NARROW))
    with pytest.raises(ReaderError, match="has no batch yet; `nightcast run` publishes one"):
        opened(warehouse).latest()


def test_a_table_of_a_newer_nightcast_is_refused(warehouse, tmp_path):
    from deltalake import DeltaTable

    schema = forecasts.schema(NARROW)
    newer = schema.set(1, schema.field(1).with_metadata({FIELD: "2"}))
    DeltaTable.create(str(tmp_path / "newer"), newer)
    with pytest.raises(ReaderError, match="schema version 2, but this file knows versions up to 1"):
        Forecasts(str(tmp_path / "newer"))


def test_another_table_is_refused(tmp_path):
    from deltalake import write_deltalake

    write_deltalake(str(tmp_path / "other"), pa.table({"unique_id": ["a"]}))
    with pytest.raises(ReaderError, match="no forecast table: it lacks the columns cutoff_date, "):
        Forecasts(str(tmp_path / "other"))


@pytest.mark.parametrize("size", [0, 100])
def test_a_cut_log_entry_is_refused_and_the_version_before_it_can_be_read(three, size):
    last = sorted((three.forecasts / "_delta_log").glob("*.json"))[-1]
    os.truncate(last, size)
    before = int(last.stem) - 1
    with pytest.raises(ReaderError, match=f"is damaged.*; version {before} is the last before it"):
        opened(three)


def test_files_that_upkeep_removed_are_one_sentence(three):
    from deltalake import DeltaTable

    version = opened(three).versions()[1]["version"]
    DeltaTable(three.forecasts).vacuum(0, enforce_retention_duration=False, dry_run=False)
    old = opened(three, version=version)
    with pytest.raises(ReaderError, match=f"Version {version} of .* is gone: its files are"):
        old.latest()
    assert old.batch(NIGHT).num_rows == 3 * HORIZON, "of a batch that was never replaced"


def test_it_needs_nothing_of_nightcast(three, tmp_path):
    source = Path(nightcast_reader.__file__)
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone/nightcast_reader.py").write_text(source.read_text())
    script = (
        "from nightcast_reader import Forecasts; import os, sys;"
        f"print(Forecasts({str(three.forecasts)!r}).latest().num_rows);"
        "print(*{name.split('.')[0] for name in sys.modules}, flush=True);"
        # Threads of the libraries have been seen to abort a process that was ending.
        "os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "alone",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows, modules = done.stdout.splitlines()
    assert rows == str(3 * HORIZON)
    assert set(modules.split()) & {"data_contracts", "tasks", "polars", "duckdb"} == set()


def test_it_knows_the_contract_of_the_table():
    names = forecasts.schema(()).names
    assert [*nightcast_reader.BEFORE_QUANTILES, *nightcast_reader.AFTER_QUANTILES] == names
    assert nightcast_reader.SCHEMA_VERSION == FIELD
    assert forecasts_table(Warehouse(Path())).version == nightcast_reader.NEWEST_SCHEMA
    imported = {
        name.name.split(".")[0] if isinstance(node, ast.Import) else node.module.split(".")[0]
        for node in ast.walk(ast.parse(Path(nightcast_reader.__file__).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - sys.stdlib_module_names == {"deltalake", "duckdb", "pyarrow"}


def test_times_of_pandas_and_python_mean_the_same(three):
    moments = (
        NIGHT,
        NIGHT.to_pydatetime(),
        "2013-10-15T03:00Z",
        datetime(2013, 10, 15, 3, tzinfo=UTC),
    )
    assert len({opened(three).batch(moment).num_rows for moment in moments}) == 1
