"""What every test stands on: a known environment, one Prefect backend for all, panels."""

import importlib
import os
import shutil
import tempfile

import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.panel import Panel
from tasks.progress import LEDGER

# Prefect and TensorFlow read the environment when they are imported, so it is set before that.
PREFECT_HOME = tempfile.mkdtemp(prefix="nightcast-tests-")
for name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[name]  # a developer's own server must not hear of the tests
os.environ.update(
    PREFECT_HOME=PREFECT_HOME,
    PREFECT_LOGGING_TO_API_ENABLED="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    # Without batches the task-run recorder fights over the SQLite file, seconds per flow.
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE="100",
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE="100",
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL="1",
    DO_NOT_TRACK="1",
    GX_ANALYTICS_ENABLED="false",
    MPLBACKEND="Agg",
    NO_COLOR="1",
    COLUMNS="200",  # messages are matched, so no terminal may wrap them
)
for name, value in {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OMP_NUM_THREADS": "2",
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_NUM_INTEROP_THREADS": "2",
}.items():
    os.environ.setdefault(name, value)


def pytest_unconfigure():
    shutil.rmtree(PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_backend():
    """A throw-away Prefect server; it takes some ten seconds to start, once per session."""
    from prefect.logging.configuration import setup_logging
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    from flows.backend import HEAVY

    # TensorFlow's log handler keeps the standard error of its import, and closes it when Prefect
    # sets up its logging while a command under test has another one. So both happen here.
    for name in HEAVY:
        importlib.import_module(name)
    setup_logging()
    # Every flow waits a second for the heartbeat thread, and only settings can switch it off.
    with (
        prefect_test_harness(server_startup_timeout=240),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(autouse=True)
def _no_ledger_outlives_its_test():
    """A night leaves its own in the context, with a warehouse that is gone by the next test."""
    yield
    LEDGER.set(None)


@pytest.fixture(autouse=True)
def _flow_tests_report_to_it(request):
    if request.node.get_closest_marker("flow"):
        request.getfixturevalue("prefect_backend")


@pytest.fixture(scope="session")
def s3_address():
    """moto's server on loopback, in a process of its own; it takes some seconds to start."""
    from benchmarks.object_store import s3_server

    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_address, tmp_path, monkeypatch):
    """URI of an empty bucket; this process and those that it starts may use it."""
    from benchmarks.object_store import environment, new_bucket

    for name, value in environment(s3_address).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NIGHTCAST_CACHE", str(tmp_path / "cache"))
    return new_bucket(s3_address)


@pytest.fixture(params=["folder", "S3"])
def anywhere(request, tmp_path):
    """A warehouse in a folder, then one in an object store."""
    from tasks.stores.objects import ObjectStore
    from tasks.stores.warehouse import Warehouse

    if request.param == "folder":
        return Warehouse(tmp_path / "a warehouse" / "nyc")
    bucket = request.getfixturevalue("bucket")
    return Warehouse(tmp_path / "cache" / "nyc", ObjectStore(f"{bucket}/a warehouse/nyc"))


@pytest.fixture
def make_panel():
    """Build a panel without covariates from histories that all end at the same cutoff."""

    def build(histories, *, horizon, cutoff_slot=1000, name="series-{:04d}"):
        tail = np.full(horizon, np.nan, np.float32)
        rows = [np.concatenate([np.asarray(y, np.float32), tail]) for y in histories]
        y = np.concatenate(rows)
        none = np.empty((len(y), 0), np.float32)
        return Panel(
            unique_ids=tuple(name.format(k) for k in range(len(rows))),
            indptr=np.cumsum([0, *map(len, rows)]),
            y=y,
            observed=~np.isnan(y),
            past=none,
            known=none,
            static=np.empty((len(rows), 0), np.str_),
            past_names=(),
            known_names=(),
            static_names=(),
            grid=Grid("h"),
            cutoff_slot=cutoff_slot,
            horizon=horizon,
        )

    return build


@pytest.fixture
def publish_small():
    """Publish 24 steps of two series; each token draws other values."""

    def publish(warehouse, cutoff, *, levels=(0.1, 0.5, 0.9), run_id="a", token=1):
        import pandas as pd
        import pyarrow as pa

        from data_contracts import forecasts
        from data_contracts.vocabulary import quantile_columns
        from tasks.stores.forecasts import publish_batch

        cutoff, rows = pd.Timestamp(cutoff), 2 * 24
        ds = pd.date_range(cutoff, periods=25, freq="h", unit="us")[1:]
        values = np.random.default_rng(token).random((len(levels), rows), np.float32)
        batch = pa.table(
            {
                "unique_id": np.repeat(["a", "b"], 24),
                "ds": pa.array(np.tile(ds.asi8, 2), pa.int64()).cast(forecasts.INSTANT),
                "lead": np.tile(np.arange(1, 25, dtype=np.int32), 2),
                "mean": values[0],
                **dict(zip(quantile_columns(levels), np.sort(values, axis=0), strict=True)),
                "model": pa.repeat("tcn", rows),
                "model_version": pa.repeat(f"v{token}", rows),
                "quality": pa.repeat("champion", rows),
                "issued_at": pa.repeat(pa.scalar(cutoff, forecasts.INSTANT), rows),
            }
        )
        return publish_batch(
            warehouse, batch, cutoff=cutoff, levels=levels, run_id=run_id, token=token
        )

    return publish
