"""The code of docs/readers.md, run over a real table; every reader finds the same."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts import forecasts
from data_contracts.vocabulary import quantile_columns
from tasks.stores.batch_history import batch_history
from tasks.stores.forecasts import export_latest, publish_batch, read_batch
from tasks.stores.said import said_for
from tasks.stores.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/readers.md").read_text(encoding="utf-8")
SMALL = "--master local[2] --conf spark.sql.shuffle.partitions=1 --conf spark.ui.enabled=false"
SMALL += " pyspark-shell"  # 200 partitions by default, for a cluster
SPARK = ROOT / ".venv-spark/bin/python"
CODE = re.compile(r"^```python(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = ["One plain file", "nightcast_reader.py", "pandas and PyArrow", "Polars", "DuckDB"]
SERIES, HORIZON = ("JFK-AA", "LGA-DL"), 48
NIGHTS = [pd.Timestamp(f"2013-10-{day}T03:00Z").as_unit("us") for day in (14, 15, 16)]
STEP = pd.Timestamp("2013-10-15T20:00Z")
NARROW, WIDE = (0.1, 0.5, 0.9), (0.025, 0.1, 0.5, 0.9, 0.975)
KEY = ["unique_id", "cutoff", "ds"]


def batch(cutoff, levels, seed):
    rows = len(SERIES) * HORIZON
    ds = pd.date_range(cutoff, periods=HORIZON + 1, freq="h", unit="us")[1:]
    spread = np.sort(np.random.default_rng(seed).normal(50, 9, (len(levels), rows)), axis=0)
    return pa.table(
        {
            "unique_id": np.repeat(SERIES, HORIZON),
            "ds": pa.array(np.tile(ds.asi8, len(SERIES)), pa.int64()).cast(forecasts.INSTANT),
            "lead": np.tile(np.arange(1, HORIZON + 1, dtype=np.int32), len(SERIES)),
            "mean": spread.mean(axis=0).astype(np.float32),
            **dict(zip(quantile_columns(levels), spread.astype(np.float32), strict=True)),
            "model": pa.repeat("attention_lstm", rows),
            "model_version": pa.repeat("v1", rows),
            "quality": pa.repeat("champion", rows),
            "issued_at": pa.repeat(pa.scalar(cutoff, forecasts.INSTANT), rows),
        }
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with three batches, the first with more quantiles, the last corrected once."""
    folder = tmp_path_factory.mktemp("readers")
    warehouse = Warehouse(folder / "warehouse/nyc-departures")
    nights = [(0, WIDE, "monday"), (1, NARROW, "tuesday"), (2, NARROW, "wednesday")]
    for token, (night, levels, run) in enumerate([*nights, (2, NARROW, "corrected")]):
        cutoff = NIGHTS[night]
        rows = batch(cutoff, levels, seed=token)
        publish_batch(warehouse, rows, cutoff=cutoff, levels=levels, run_id=run, token=token)
    export_latest(warehouse)
    ds = pd.date_range(NIGHTS[0], NIGHTS[2] + pd.Timedelta(hours=5), freq="h", unit="us")
    y = np.random.default_rng(7).normal(50, 9, (len(SERIES), len(ds)))
    y[:, -1] = np.nan
    actuals = pd.DataFrame(
        {"unique_id": np.repeat(SERIES, len(ds)), "ds": np.tile(ds, 2), "y": y.ravel()}
    )
    pq.write_table(pa.Table.from_pandas(actuals, preserve_index=False), folder / "actuals.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(place):
    """What every reader has to find, from our own functions and plain pandas."""
    warehouse = Warehouse(place / "warehouse/nyc-departures")
    everything = pd.concat([read_batch(warehouse, night).to_pandas() for night in NIGHTS])
    known = pd.read_parquet(place / "actuals.parquet").dropna()
    against = everything.merge(known, on=["unique_id", "ds"])
    error = against["q50"].astype(float) - against["y"]
    changes = batch_history(warehouse)
    return {
        "latest": read_batch(warehouse).to_pandas(),
        "then": read_batch(warehouse, NIGHTS[1]).to_pandas(),
        "before": read_batch(warehouse, version=changes[1].version).to_pandas(),
        "history": everything[everything["unique_id"] == "JFK-AA"],
        "said": said_for(warehouse, STEP).to_pandas().query("unique_id == 'JFK-AA'"),
        "by_lead": pd.DataFrame({"mae": error.abs(), "bias": error})
        .groupby(against["lead"])
        .mean(),
    }


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(title, kind=""):
    found = CODE.finditer(section(title))
    return [match["code"] for match in found if match["kind"].strip() == kind]


@pytest.mark.parametrize("title", SECTIONS)
def test_the_code_of_the_page_finds_what_was_published(title, place, expected, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place / "warehouse/nyc-departures/exports"))
    code = blocks(title)
    # The PyArrow block stands beside that of pandas, and begins anew.
    groups = [[each] for each in code] if title == "pandas and PyArrow" else [code]
    for group in groups:
        names: dict = {}
        for each in group:
            exec(compile(each, f"docs/readers.md, {title}", "exec"), names)
        answers = {name: as_pandas(names[name]) for name in expected if name in names}
        check(answers, expected)
        assert "latest" in answers
        assert title == "One plain file" or set(answers) >= set(expected) - {"before"}


def test_the_code_of_the_readme_finds_the_same(place, expected, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place / "warehouse/nyc-departures/exports"))
    ((_, code),) = CODE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    check({name: as_pandas(names[name]) for name in ("latest", "history")}, expected)
    assert names["said"]["lead"].to_pylist() == [9, 33]


@pytest.mark.timeout(600)
@pytest.mark.skipif(not SPARK.exists(), reason="no Spark here; `make spark` installs it")
def test_the_code_for_spark_finds_what_was_published(place, expected):
    answer = """
import json
names = ("latest", "then", "history", "said", "by_lead")
lines = {name: [row.asDict() for row in globals()[name].collect()] for name in names}
print(json.dumps(lines, default=lambda value: value.isoformat()))
"""
    (code,) = blocks("Spark", "spark")
    done = subprocess.run(
        [SPARK, "-c", code + answer],
        cwd=place,
        env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_SUBMIT_ARGS": SMALL},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    check({name: from_json(lines) for name, lines in found.items()}, expected)


def from_json(lines):
    frame = pd.DataFrame(lines)
    for name in {"cutoff", "ds"} & set(frame):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def as_pandas(answer):
    """Of whichever library; without the quantiles that are empty in it."""
    if isinstance(answer, pd.DataFrame):
        return answer.reset_index() if answer.index.name == "lead" else answer
    table = answer.to_arrow_table() if hasattr(answer, "to_arrow_table") else answer
    table = table.to_arrow() if hasattr(table, "to_arrow") else table
    return table.to_pandas()


def check(answers, expected):
    for name, answer in answers.items():
        if name == "by_lead":
            frame = answer.rename(columns={"mae_mean": "mae", "bias_mean": "bias"})
            frame = frame.set_index("lead")[["mae", "bias"]]
            pd.testing.assert_frame_equal(frame, expected[name], check_index_type=False, rtol=1e-5)
            continue
        pd.testing.assert_frame_equal(plain(answer), plain(expected[name]), rtol=1e-6)
        if name == "said":
            assert answer["lead"].is_monotonic_increasing
        if name == "history":
            assert answer[["cutoff", "ds"]].apply(tuple, axis=1).is_monotonic_increasing


def plain(frame):
    """Key, lead and median, in one order and in the same types."""
    kept = frame[[*KEY, "lead", "q50", "q10"]].sort_values(KEY, ignore_index=True)
    for name in ("cutoff", "ds"):
        kept[name] = pd.to_datetime(kept[name], utc=True).astype("datetime64[us, UTC]")
    return kept.astype({"unique_id": "str", "lead": "int64", "q50": "float64", "q10": "float64"})


def test_every_column_is_explained_on_the_page_and_in_the_table(place):
    from deltalake import DeltaTable

    table = DeltaTable(place / "warehouse/nyc-departures/forecasts.delta")
    for field in table.schema().fields:
        assert field.metadata["comment"]
        assert f"`{field.name}`" in section("What a row says") or field.name[0] == "q"


def test_the_block_that_is_not_run_is_said_to_be_so():
    every = CODE.findall(PAGE)
    assert {kind.strip() for kind, _ in every} == {"", "notrun", "spark"}
    assert "**not**\nrun" in section("Spark")
    tested = sum(len(blocks(title)) for title in SECTIONS)
    assert tested == sum(kind.strip() == "" for kind, _ in every)
