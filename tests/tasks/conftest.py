import numpy as np
import pandas as pd
import pytest

from data_contracts.frequency import Grid
from data_contracts.spec import parse_spec
from models.forecasters.seasonal_naive import SeasonalNaive
from models.panel import Panel
from tasks.stores.registry import ModelVersion, store_model
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight
from tasks.versions import keep_version

CUTOFF = pd.Timestamp("2013-10-15T03:00Z").as_unit("us")
TRAINED_UNTIL = CUTOFF - pd.Timedelta(days=14)


@pytest.fixture
def tonight_of(tmp_path):
    """Builds the night of a cutoff; all of them share one warehouse, their run is named `run`."""

    def build(cutoff=CUTOFF, run_id="run", **fields):
        spec = parse_spec(
            {
                "name": "walks",
                "source": {"uri": "observations.parquet"},
                "calendar": {"frequency": "h"},
                "horizon": 24,
                "warehouse": str(tmp_path / "warehouse"),
                **fields,
            }
        )
        return Tonight(
            spec=spec,
            warehouse=open_warehouse(spec),
            as_of=cutoff + pd.Timedelta(hours=1),
            cutoff=cutoff,
            issued_at=cutoff + pd.Timedelta(hours=2),
            run_id=run_id,
            token=1,
        )

    return build


@pytest.fixture
def walks():
    """Three random walks of 60 days up to `CUTOFF`: yesterday says more than the last week."""
    num_steps, horizon = 60 * 24, 24
    rng = np.random.default_rng(0)
    y = np.full((3, num_steps + horizon), np.nan, np.float32)
    y[:, :num_steps] = 100 + rng.normal(size=(3, num_steps)).cumsum(axis=1)
    grid = Grid("h")
    slots, _ = grid.slots(pd.DatetimeIndex([CUTOFF]).as_unit("us").asi8)
    none = np.zeros((y.size, 0), np.float32)
    return Panel(
        unique_ids=("a", "b", "c"),
        indptr=np.arange(4) * y.shape[1],
        y=y.ravel(),
        observed=~np.isnan(y.ravel()),
        past=none,
        known=none,
        static=np.zeros((3, 0), dtype=str),
        past_names=(),
        known_names=(),
        static_names=(),
        grid=grid,
        cutoff_slot=int(slots[0]),
        horizon=horizon,
    )


def version_of(tonight, seed):
    return ModelVersion(
        model="yesterday",
        snapshot="5ca1ab1e",
        spec_digest=tonight.spec.digest,
        seed=seed,
        code_version="0.1.0",
        packages={},
        train_cutoff=tonight.cutoff - (CUTOFF - TRAINED_UNTIL),
        cutoff=tonight.cutoff,
        created_at=tonight.issued_at,
        train_minutes=4.5,
    )


@pytest.fixture
def store():
    """Stores a model that repeats the day before as the version of a night; returns its name.

    With `factor` it repeats the day that many days ago.
    """

    def put(tonight, *, seed=7, factor=1, **changes):
        spec = tonight.spec
        sizes = {"horizon": spec.horizon, "quantile_levels": spec.quantile_levels} | changes
        saved = SeasonalNaive((24 * factor,), **sizes).save
        return store_model(tonight.warehouse, saved, version_of(tonight, seed)).model_version

    return put


@pytest.fixture
def probed():
    """The same with a probe and its spec, as a training stores it."""

    def put(tonight, panel, *, seed=7):
        spec = tonight.spec
        model = SeasonalNaive((24,), horizon=spec.horizon, quantile_levels=spec.quantile_levels)
        return keep_version(tonight, version_of(tonight, seed), model, panel).model_version

    return put
