import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_contracts.frequency import Grid
from data_contracts.spec import parse_spec
from data_contracts.vocabulary import quantile_columns
from models.forecasters.seasonal_naive import SeasonalNaive
from models.panel import Panel
from tasks.score import score_batches
from tasks.stores.accuracy import keep_baseline, read_accuracy
from tasks.stores.forecasts import publish_batch
from tasks.stores.observations import read_observations
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


FIRST_NIGHT = pd.Timestamp("2024-03-01T00:00Z").as_unit("us")
LEVELS = (0.1, 0.5, 0.9)


class Nights:
    """A source, and what was published from it: every day six hours of the series a and b."""

    def __init__(self, folder, available_at=None, **fields):
        self.folder = folder
        self.spec = parse_spec(
            {
                "name": "nights",
                "source": {
                    "uri": str(folder / "observations.parquet"),
                    "available_at": available_at,
                },
                "covariates": {"static": ["airport"]},
                "calendar": {"frequency": "h"},
                "horizon": 6,
                "season_lengths": [24],
                "warehouse": str(folder / "warehouse"),
                **fields,
            }
        )
        self.warehouse = open_warehouse(self.spec)
        ds = pd.date_range(
            FIRST_NIGHT - pd.Timedelta(days=10), periods=20 * 24, freq="h", unit="us"
        )
        rng = np.random.default_rng(1)
        self.observations = pd.concat(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": ds,
                    "y": 20 + rng.normal(scale=0.5, size=len(ds)).round(2),
                    "airport": airport,
                }
            )
            for name, airport in (("a", "JFK"), ("b", "LGA"))
        )
        self.observe()

    def observe(self, observations=None, **columns):
        """Make these the source."""
        if observations is not None:
            self.observations = observations
        self.observations.assign(**columns).to_parquet(self.spec.source.uri, index=False)

    def cutoff(self, day):
        return FIRST_NIGHT + pd.Timedelta(days=day)

    def rows(self, day, *, q50=20.0, series=("a", "b"), levels=LEVELS, **changes):
        """Rows of a batch: six leads per series, each level a unit above the one before."""
        leads = np.tile(np.arange(1, 7, dtype=np.int32), len(series))
        median = levels.index(0.5)
        columns = quantile_columns(levels)
        quantiles = {name: q50 + at - median for at, name in enumerate(columns)}
        frame = pd.DataFrame(
            {
                "unique_id": np.repeat(list(series), 6),
                "ds": self.cutoff(day) + pd.to_timedelta(leads, "h").as_unit("us"),
                "lead": leads,
                "mean": q50,
                **quantiles,
                "model": "lstm",
                "model_version": "v1",
                "quality": "champion",
                "issued_at": self.cutoff(day),
            }
        )
        return frame.assign(**changes)

    def publish(self, day, *, run_id="run", baseline=21.0, levels=LEVELS, **changes):
        """Publish the batch of a day, and keep the baseline's, None keeps none."""
        cutoff = self.cutoff(day)
        same = {"cutoff": cutoff, "levels": levels, "run_id": run_id, "token": 1}
        if baseline is not None:
            rows = self.rows(day, q50=baseline, levels=levels, model="seasonal_naive")
            keep_baseline(self.warehouse, pa.Table.from_pandas(rows, preserve_index=False), **same)
        rows = self.rows(day, levels=levels, **changes)
        publish_batch(self.warehouse, pa.Table.from_pandas(rows, preserve_index=False), **same)

    def tonight(self, day=9):
        as_of = self.cutoff(day)
        return Tonight(
            spec=self.spec,
            warehouse=self.warehouse,
            as_of=as_of,
            cutoff=as_of - pd.Timedelta(hours=1),
            issued_at=as_of,
            run_id="scoring",
            token=1,
        )

    def score(self, day=9, **options):
        """Score as of midnight of a day."""
        tonight = self.tonight(day)
        panel = read_observations(tonight.spec, tonight.as_of).panel
        return score_batches.fn(tonight, panel, **options)

    def accuracy(self):
        """What `accuracy.delta` holds."""
        return read_accuracy(self.warehouse).to_pandas()


@pytest.fixture
def nights(tmp_path):
    """Builds `Nights` in a folder of their own; keywords are fields of the spec."""
    numbers = iter(range(99))

    def build(**fields):
        folder = tmp_path / f"nights-{next(numbers)}"
        folder.mkdir()
        return Nights(folder, **fields)

    return build
