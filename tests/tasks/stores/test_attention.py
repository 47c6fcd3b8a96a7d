import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from data_contracts.errors import ConflictError, ContractError
from models.attention import Attention, Look
from tasks.stores.attention import (
    attention_rows,
    attention_table,
    forget_attention,
    record_attention,
)
from tasks.stores.delta import read_table
from tasks.stores.warehouse import Warehouse

CUTOFF = pd.Timestamp("1970-02-11T16:00Z")  # slot 1000
RUN = {"cutoff": CUTOFF, "run_id": "run", "token": 5}


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


@pytest.fixture
def panel(make_panel):
    return make_panel([np.ones(30), np.ones(8), np.ones(30)], horizon=9)


def attention_to(*weights):
    """Where two series looked, for both stretches of the horizon alike."""
    rows = np.array(weights, np.float32)[:, None].repeat(2, axis=1)
    long = np.pad(rows, ((0, 0), (0, 0), (1, 0)))
    looks = Look("2.1", rows, np.array([6, 6])), Look("mean", long, np.array([4, 6, 6]))
    return Attention(looks, leads=np.array([1, 7]), horizon=9)


def rows_of(panel, *weights):
    found = attention_to(*weights)
    rows = attention_rows(found.looks, found, panel, np.array([0, 1]))
    return rows.append_column("model_version", [["v1"] * rows.num_rows])


def kept(warehouse):
    return read_table(attention_table(warehouse))


def test_rows_say_which_patch_was_looked_at_and_when_it_began(panel):
    rows = rows_of(panel, [0.3, 0.7], [0.4, 0.6]).to_pandas().drop(columns="model_version")

    mean = rows[(rows["head"] == "mean") & (rows["lead"] == 7)].tail(3)  # of the second series
    assert mean["position"].tolist() == [1, 2, 3]
    assert mean["weight"].tolist() == pytest.approx([0.6, 0.4, 0])
    assert mean["steps"].tolist() == [6, 6, 4]
    assert mean["observed"].tolist() == [6, 2, 0]
    hours = (CUTOFF + pd.Timedelta(hours=1) - pd.DatetimeIndex(mean["ds"])) / pd.Timedelta("1h")
    assert hours.tolist() == [6, 12, 16]


def test_rows_come_in_the_order_of_the_table(warehouse, panel):
    rows = rows_of(panel, [0.3, 0.7], [0.4, 0.6])

    record_attention(warehouse, rows, **RUN)

    for name in ("unique_id", "head", "lead", "position", "weight"):
        assert kept(warehouse)[name].to_pylist() == rows[name].to_pylist()
    assert kept(warehouse).num_rows == 2 * 2 * (2 + 3)


def test_a_night_that_is_run_again_replaces_its_rows_and_leaves_other_nights(warehouse, panel):
    record_attention(warehouse, rows_of(panel, [0.3, 0.7], [0.4, 0.6]), **RUN)
    record_attention(
        warehouse,
        rows_of(panel, [0, 1], [0, 1]),
        **{**RUN, "cutoff": CUTOFF + pd.Timedelta(hours=2)},
    )

    record_attention(warehouse, rows_of(panel, [1, 0], [1, 0]), **{**RUN, "run_id": "again"})

    night = kept(warehouse).filter(pc.field("cutoff") == CUTOFF)
    assert set(night["run_id"].to_pylist()) == {"again"}
    assert set(night["weight"].to_pylist()) == {0, 1}
    assert kept(warehouse).num_rows == 2 * night.num_rows


def test_weights_whose_sum_is_broken_are_not_kept(warehouse, panel):
    record_attention(warehouse, rows_of(panel, [0.3, 0.7], [0.4, 0.6]), **RUN)

    with pytest.raises(ContractError, match="expected weights that sum to 1"):
        record_attention(warehouse, rows_of(panel, [0.3, 0.6], [0.4, 0.6]), **RUN)

    assert kept(warehouse)["weight"][0].as_py() == pytest.approx(0.7)


def test_an_older_run_does_not_replace_what_a_later_one_kept(warehouse, panel):
    rows = rows_of(panel, [0.3, 0.7], [0.4, 0.6])
    record_attention(warehouse, rows, **RUN)

    with pytest.raises(ConflictError, match="newer attempt"):
        record_attention(warehouse, rows, **{**RUN, "token": 4})


def test_a_night_can_be_forgotten_and_others_are_not(warehouse, panel):
    forget_attention(warehouse, **RUN)  # there is no table yet
    later = CUTOFF + pd.Timedelta(hours=2)
    for cutoff in (CUTOFF, later):
        rows = rows_of(panel, [0.3, 0.7], [0.4, 0.6])
        record_attention(warehouse, rows, **{**RUN, "cutoff": cutoff})

    forget_attention(warehouse, **RUN)

    assert set(kept(warehouse)["cutoff"].to_pylist()) == {later}


def test_an_older_run_does_not_forget_what_a_later_one_kept(warehouse, panel):
    record_attention(warehouse, rows_of(panel, [0.3, 0.7], [0.4, 0.6]), **RUN)

    with pytest.raises(ConflictError, match="newer attempt"):
        forget_attention(warehouse, **{**RUN, "token": 4})


def test_an_older_run_does_not_bring_back_what_a_later_one_has_forgotten(warehouse, panel):
    rows = rows_of(panel, [0.3, 0.7], [0.4, 0.6])
    record_attention(warehouse, rows, **RUN)
    forget_attention(warehouse, **{**RUN, "token": 6})

    with pytest.raises(ConflictError, match="newer attempt"):
        record_attention(warehouse, rows, **RUN)
