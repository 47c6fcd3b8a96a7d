from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import ConflictError, ContractError, OvertakenError, RefusedError
from data_contracts.spec import parse_spec
from tasks.publish import publish
from tasks.stores.accuracy import kept_baselines, read_baselines
from tasks.stores.forecasts import cutoffs, publish_batch, read_batch
from tasks.stores.totals import read_totals
from tasks.stores.warehouse import Warehouse
from tasks.tonight import Tonight

NIGHT = pd.Timestamp("2013-10-15T03:00Z")


SPEC = {
    "source": {"uri": "observations.parquet"},
    "calendar": {"frequency": "h"},
    "horizon": 1,
    "quantile_levels": [0.5],
}


def night(folder, cutoff):
    return Tonight(
        spec=parse_spec(SPEC),
        warehouse=Warehouse(folder),
        as_of=cutoff + pd.Timedelta("1h"),
        cutoff=cutoff,
        issued_at=cutoff + pd.Timedelta("2h"),
        run_id="a",
        token=1,
    )


def batch(cutoff, value):
    row = {
        "unique_id": "JFK-B6",
        "ds": cutoff + pd.Timedelta("1h"),
        "lead": 1,
        "mean": value,
        "q50": value,
        "model": "seasonal_naive",
        "model_version": "seasonal_naive",
        "quality": "baseline",
        "issued_at": cutoff + pd.Timedelta("2h"),
    }
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("days", "exported"),
    [pytest.param(1, 2.0, id="newer"), pytest.param(-1, 1.0, id="older")],
)
def test_a_batch_is_published_and_the_newest_is_exported(tmp_path, days, exported):
    nights = [night(tmp_path, NIGHT), night(tmp_path, NIGHT + pd.Timedelta(days=days))]
    versions = [
        publish.fn(tonight, batch(tonight.cutoff, value), batch(tonight.cutoff, value + 5))
        for tonight, value in zip(nights, (1.0, 2.0), strict=True)
    ]
    warehouse = nights[0].warehouse
    assert versions == [1, 2]
    assert read_batch(warehouse, nights[1].cutoff)["q50"].to_pylist() == [2.0]
    assert pq.read_table(warehouse.exports / "latest.parquet")["q50"].to_pylist() == [exported]


def test_what_the_baseline_would_have_published_is_kept_before_the_batch_is_seen(tmp_path):
    tonight = night(tmp_path, NIGHT)

    with pytest.raises(ContractError):
        publish.fn(tonight, batch(NIGHT, 1.0).assign(q50=np.nan), batch(NIGHT, 2.0))
    kept = read_baselines(tonight.warehouse, [NIGHT])
    assert cutoffs(tonight.warehouse) == []
    publish.fn(tonight, batch(NIGHT, 1.0), batch(NIGHT, 3.0))
    again = read_baselines(tonight.warehouse, [NIGHT])

    assert (kept["q50"].to_pylist(), again["q50"].to_pylist()) == ([2.0], [3.0])
    assert kept_baselines(tonight.warehouse) == {NIGHT: tonight.run_id}


def totals(cutoff, value):
    return batch(cutoff, value).assign(level="total", unique_id="all", series=1, substituted=0)


def test_totals_are_committed_before_the_batch_that_they_belong_to(tmp_path):
    tonight = night(tmp_path, NIGHT)
    publish.fn(tonight, batch(NIGHT, 1.0), batch(NIGHT, 3.0), totals(NIGHT, 1.0))

    exported = tonight.warehouse.exports / "latest_totals.parquet"
    assert read_totals(tonight.warehouse)["mean"].to_pylist() == [1.0]
    assert pq.read_table(exported)["mean"].to_pylist() == [1.0]

    with pytest.raises(ContractError):
        publish.fn(
            replace(tonight, run_id="b"), batch(NIGHT, None), batch(NIGHT, 3.0), totals(NIGHT, 2.0)
        )
    with pytest.raises(RefusedError, match="has no totals"):
        read_totals(tonight.warehouse)


def test_a_batch_without_totals_takes_those_before_it_away(tmp_path):
    tonight = night(tmp_path, NIGHT)
    publish.fn(tonight, batch(NIGHT, 1.0), batch(NIGHT, 3.0), totals(NIGHT, 1.0))
    publish.fn(replace(tonight, run_id="b", token=2), batch(NIGHT, 2.0), batch(NIGHT, 3.0))
    assert not (tonight.warehouse.exports / "latest_totals.parquet").exists()


def published(tonight):
    """Who has published the batch, its totals and what the baseline would have published."""
    tables = (
        read_batch(tonight.warehouse),
        read_totals(tonight.warehouse),
        read_baselines(tonight.warehouse, [NIGHT]),
    )
    return tuple(rows["run_id"].to_pylist() for rows in tables)


@pytest.mark.parametrize("token", [1, 2**40], ids=["as old", "newer"])
@pytest.mark.parametrize("yields", [True, False], ids=["also yields", "does not yield"])
def test_who_yields_leaves_all_that_another_run_has_published_alone(tmp_path, token, yields):
    one = replace(night(tmp_path, NIGHT), token=2**20, yields=yields)
    yielding = replace(one, run_id="b", token=token, yields=True)
    publish.fn(one, batch(NIGHT, 1.0), batch(NIGHT, 1.5), totals(NIGHT, 1.0))

    with pytest.raises(OvertakenError):
        publish.fn(yielding, batch(NIGHT, 2.0), batch(NIGHT, 2.5), totals(NIGHT, 2.0))

    assert published(one) == (["a"], ["a"], ["a"])


def test_a_batch_that_comes_in_between_stays(tmp_path):
    """As it may where both report to servers of their own."""
    one = replace(night(tmp_path, NIGHT), token=2**20)
    publish.fn(one, batch(NIGHT, 1.0), batch(NIGHT, 1.5))
    rows = pa.Table.from_pandas(batch(NIGHT, 2.0), preserve_index=False)

    with pytest.raises(OvertakenError, match="The run a has written"):
        publish_batch(one.warehouse, rows, cutoff=NIGHT, levels=(0.5,), run_id="b", token=None)

    assert read_batch(one.warehouse)["run_id"].to_pylist() == ["a"]


@pytest.mark.parametrize("whole", [True, False], ids=["published", "died before its batch"])
def test_a_night_that_began_before_one_who_yields_publishes_after_it(tmp_path, whole):
    one = replace(night(tmp_path, NIGHT), token=2**20)
    yielding = replace(one, run_id="b", token=2**40, yields=True)
    if whole:
        publish.fn(yielding, batch(NIGHT, 2.0), batch(NIGHT, 2.5), totals(NIGHT, 2.0))
    else:
        with pytest.raises(ContractError):
            publish.fn(yielding, batch(NIGHT, None), batch(NIGHT, 2.5), totals(NIGHT, 2.0))

    publish.fn(one, batch(NIGHT, 1.0), batch(NIGHT, 1.5), totals(NIGHT, 1.0))

    assert published(one) == (["a"], ["a"], ["a"])


def test_who_yields_publishes_where_another_run_died_before_its_batch(tmp_path):
    one = replace(night(tmp_path, NIGHT), token=2**20)
    yielding = replace(one, run_id="b", token=2**40, yields=True)
    with pytest.raises(ContractError):
        publish.fn(one, batch(NIGHT, None), batch(NIGHT, 1.5), totals(NIGHT, 1.0))

    publish.fn(yielding, batch(NIGHT, 2.0), batch(NIGHT, 2.5), totals(NIGHT, 2.0))

    assert published(one) == (["b"], ["b"], ["b"])


def test_who_is_overtaken_by_a_run_without_a_batch_has_something_left_to_do(tmp_path):
    older = night(tmp_path, NIGHT)
    newer = replace(older, run_id="b", token=2)
    with pytest.raises(ContractError):
        publish.fn(newer, batch(NIGHT, None), batch(NIGHT, 2.5))

    with pytest.raises(ConflictError, match="there is no batch of it yet") as conflict:
        publish.fn(older, batch(NIGHT, 1.0), batch(NIGHT, 1.5))

    assert not isinstance(conflict.value, OvertakenError)


def test_who_yields_may_publish_again_what_it_published(tmp_path):
    yielding = replace(night(tmp_path, NIGHT), yields=True)

    for value in (1.0, 2.0):
        publish.fn(yielding, batch(NIGHT, value), batch(NIGHT, 0.0))

    assert read_batch(yielding.warehouse)["mean"].to_pylist() == [2.0]
