"""What the page about upkeep tells a reader to do works, and it names every key of the answer."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from data_contracts.forecasts import INSTANT
from data_contracts.spec import DECILES, Retention
from data_contracts.vocabulary import quantile_columns
from tasks.maintain import Folders
from tasks.stores.forecasts import publish_batch, read_batch
from tasks.stores.maintenance.condition import Condition, Work
from tasks.stores.warehouse import Warehouse

PAGE = (Path(__file__).parents[1] / "docs/upkeep.md").read_text(encoding="utf-8")
CUTOFF = pd.Timestamp("2013-10-15T03:00Z")


def publish(warehouse, cutoff, run_id, mean):
    rows = pa.table(
        {
            "unique_id": ["a", "b"],
            "ds": pa.array([cutoff + pd.Timedelta("1h")] * 2, INSTANT),
            "lead": np.ones(2, np.int32),
            "mean": np.full(2, mean, np.float32),
            **{name: np.full(2, mean, np.float32) for name in quantile_columns(DECILES)},
            "model": ["tcn"] * 2,
            "model_version": ["v"] * 2,
            "quality": ["champion"] * 2,
            "issued_at": pa.array([cutoff] * 2, INSTANT),
        }
    )
    publish_batch(warehouse, rows, cutoff=cutoff, levels=DECILES, run_id=run_id, token=1)


def test_a_replaced_batch_is_put_back_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    warehouse = Warehouse(Path("warehouse/nyc-departures"))
    later = CUTOFF + pd.Timedelta("1D")
    for cutoff, run_id, mean in [(CUTOFF, "good", 1), (CUTOFF, "bad", 2), (later, "next", 3)]:
        publish(warehouse, cutoff, run_id, mean)

    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec("\n".join(code), {})  # it is our own page

    assert "2 " in capsys.readouterr().out
    rows = read_batch(warehouse, CUTOFF)
    assert set(rows["run_id"].to_pylist()) == {"good"}
    assert set(rows["mean"].to_pylist()) == {1.0}
    assert read_batch(warehouse, later)["mean"].to_pylist() == [3.0, 3.0]
    assert pq.read_table(warehouse.exports / "latest.parquet")["mean"].to_pylist() == [3.0, 3.0]
    assert DeltaTable(warehouse.forecasts).history(1)[0]["run_id"] == "put back version 1"


@pytest.mark.parametrize(
    "name", [field.name for part in (Condition, Work, Folders) for field in fields(part)]
)
def test_every_key_of_the_answer_is_on_the_page(name):
    assert f"`{name}`" in PAGE


def test_the_page_says_how_long_the_history_is():
    assert f"`retention.history_days` ({Retention().history_days})" in PAGE
