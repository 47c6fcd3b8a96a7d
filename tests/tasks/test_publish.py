import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_contracts.spec import parse_spec
from tasks.publish import publish
from tasks.stores.forecasts import read_batch
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
        publish.fn(tonight, batch(tonight.cutoff, value))
        for tonight, value in zip(nights, (1.0, 2.0), strict=True)
    ]
    warehouse = nights[0].warehouse
    assert versions == [1, 2]
    assert read_batch(warehouse, nights[1].cutoff)["q50"].to_pylist() == [2.0]
    assert pq.read_table(warehouse.exports / "latest.parquet")["q50"].to_pylist() == [exported]
