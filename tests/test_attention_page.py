"""The snippets on the page about attention run as they stand there."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.attention import Attention, Look
from tasks.stores.attention import attention_rows, record_attention
from tasks.stores.forecasts import publish_batch
from tasks.stores.warehouse import Warehouse

PAGE = (Path(__file__).parents[1] / "docs/attention.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
LEVELS = (0.1, 0.5, 0.9)
RUN = {"run_id": "run", "token": 1}


@pytest.fixture
def warehouse(make_panel, tmp_path, monkeypatch):
    """One night of two series: one looked at yesterday, the other at the day before."""
    panel = make_panel([np.ones(60), np.ones(60)], horizon=24)
    cutoff = panel.grid.timestamp(panel.cutoff_slot)
    weights = np.array([[[0.2, 0.8]], [[0.7, 0.3]]], np.float32)
    looks = tuple(Look(head, weights, np.array([24, 24])) for head in ("1.1", "mean"))
    found = Attention(looks, leads=np.array([1]), horizon=24)
    rows = attention_rows(looks, found, panel, np.array([0, 1]))
    rows = rows.append_column("model_version", pa.repeat("v1", rows.num_rows))
    leads = np.arange(1, 25, dtype=np.int32)
    batch = pd.DataFrame(
        {
            "unique_id": np.repeat(panel.unique_ids, 24),
            "ds": panel.grid.timestamps(panel.cutoff_slot + leads).append(
                panel.grid.timestamps(panel.cutoff_slot + leads)
            ),
            "lead": np.tile(leads, 2),
            **dict.fromkeys(("mean", "q10", "q50", "q90"), 1.0),
            **dict.fromkeys(("model", "model_version"), "v1"),
            "quality": "champion",
            "issued_at": cutoff,
        }
    )
    monkeypatch.chdir(tmp_path)
    warehouse = Warehouse(Path("warehouse/nyc-departures"))
    record_attention(warehouse, rows, cutoff=cutoff, **RUN)
    publish_batch(warehouse, pa.Table.from_pandas(batch), cutoff=cutoff, levels=LEVELS, **RUN)
    return warehouse


def run(snippet):
    names = {}
    exec(compile(snippet, "docs/attention.md", "exec"), names)
    return names


def test_pandas_reads_the_weights_of_the_latest_batch(warehouse):
    weights = run(SNIPPETS[0])["weights"]

    assert weights.loc["series-0000"].tolist() == pytest.approx([0.8, 0.2])
    assert list(weights.columns) == [1, 2]


def test_duckdb_reads_what_each_forecast_looked_at_most(warehouse):
    heaviest = run(SNIPPETS[1])["heaviest"]

    assert heaviest["weight"].tolist() == pytest.approx([0.8, 0.7])
    hours = (heaviest["first_step"] - heaviest["looked_at"]) / pd.Timedelta(hours=1)
    assert hours.tolist() == [24, 48]


def test_every_snippet_is_run():
    assert len(SNIPPETS) == 2
