import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_contracts import forecasts
from data_contracts.errors import (
    ConflictError,
    ContractError,
    RefusedError,
    SpecError,
    StorageError,
)
from data_contracts.vocabulary import quantile_columns
from tasks.stores.delta import ensure_table
from tasks.stores.forecasts import cutoffs, export_latest, publish_batch, read_batch
from tasks.stores.table import Table
from tasks.stores.warehouse import Warehouse

ROOT = Path(__file__).parents[3]
LEVELS = (0.1, 0.5, 0.9)
NIGHT = pd.Timestamp("2013-10-15T03:00Z")
SERIES, HORIZON = 50, 24


def batch(run_id="a", *, cutoff=NIGHT, levels=LEVELS, series=SERIES, horizon=HORIZON):
    rows = series * horizon
    ds = pd.date_range(cutoff, periods=horizon + 1, freq="h", unit="us")[1:]
    rng = np.random.default_rng(7)
    return pa.table(
        {
            "unique_id": np.repeat([f"s{number:03d}" for number in range(series)], horizon),
            "ds": pa.array(np.tile(ds.asi8, series), pa.int64()).cast(forecasts.INSTANT),
            "lead": np.tile(np.arange(1, horizon + 1, dtype=np.int32), series),
            "mean": rng.random(rows, np.float32),
            **{name: rng.random(rows, np.float32) for name in quantile_columns(levels)},
            "model": pa.repeat("attention_lstm", rows),
            "model_version": pa.repeat(run_id, rows),
            "quality": pa.repeat("champion", rows),
            "issued_at": pa.repeat(pa.scalar(cutoff, forecasts.INSTANT), rows),
        }
    )


def publish(warehouse, run_id="a", *, token=1, cutoff=NIGHT, levels=LEVELS, rows=None):
    rows = batch(run_id, cutoff=cutoff, levels=levels) if rows is None else rows
    return publish_batch(warehouse, rows, cutoff=cutoff, levels=levels, run_id=run_id, token=token)


def is_whole(rows, *, series=SERIES, horizon=HORIZON):
    keys = rows.group_by(["unique_id", "cutoff", "ds"]).aggregate([]).num_rows
    runs = rows["run_id"].unique().to_pylist()
    return keys == rows.num_rows == series * horizon and len(runs) == 1


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "a warehouse" / "nyc")


def test_a_batch_is_read_back_as_it_was_published(anywhere):
    publish(anywhere)
    read = read_batch(anywhere)
    assert read.schema == forecasts.schema(LEVELS)
    given = batch()
    assert read.select(given.column_names).equals(
        given.cast(read.select(given.column_names).schema)
    )
    assert read["cutoff"].unique().to_pylist() == [NIGHT.to_pydatetime()]
    assert read["run_id"].unique().to_pylist() == ["a"]


def test_publishing_a_cutoff_again_leaves_one_batch_with_the_same_bytes(anywhere):
    publish(anywhere, "a", token=1)
    first = read_batch(anywhere)
    publish(anywhere, "b", token=2)
    second = read_batch(anywhere)
    assert is_whole(second)
    assert second["run_id"].unique().to_pylist() == ["b"]
    for name in ("unique_id", "ds", "mean", *quantile_columns(LEVELS)):
        columns = [read[name].combine_chunks() for read in (first, second)]
        buffers = [[part.to_pybytes() for part in c.buffers() if part] for c in columns]
        assert buffers[0] == buffers[1]


def test_rows_are_read_by_series_and_time_whatever_order_they_came_in(warehouse):
    shuffled = batch().take(np.random.default_rng(1).permutation(SERIES * HORIZON))
    publish(warehouse, rows=shuffled)
    read = read_batch(warehouse).select(["unique_id", "ds"]).to_pylist()
    keys = [(row["unique_id"], row["ds"]) for row in read]
    assert all(before < after for before, after in pairwise(keys))


def test_cutoffs_of_one_day_do_not_touch_each_other(anywhere):
    later = NIGHT + pd.Timedelta(hours=6)
    publish(anywhere, "a")
    publish(anywhere, "b", cutoff=later)
    publish(anywhere, "c", token=2)
    assert cutoffs(anywhere) == [NIGHT, later]
    assert read_batch(anywhere, NIGHT)["run_id"][0].as_py() == "c"
    assert read_batch(anywhere, later)["run_id"][0].as_py() == "b"
    assert is_whole(read_batch(anywhere, later))


def test_cutoffs_are_found_in_a_table_that_was_compacted(warehouse):
    from deltalake import DeltaTable

    later = NIGHT + pd.Timedelta(hours=6)
    publish(warehouse, "a")
    publish(warehouse, "b", cutoff=later)
    DeltaTable(warehouse.forecasts).optimize.compact()
    assert cutoffs(warehouse) == [NIGHT, later]
    publish(warehouse, "c", token=2)
    assert is_whole(read_batch(warehouse, later))
    assert is_whole(read_batch(warehouse, NIGHT))


def test_each_file_says_the_bounds_of_what_readers_filter_by_whatever_the_quantiles(anywhere):
    from deltalake import DeltaTable

    levels = tuple(percent / 100 for percent in range(1, 100))
    nights = [NIGHT + pd.Timedelta(hours=6 * number) for number in range(6)]
    for night in nights:
        publish(anywhere, "a", cutoff=night, levels=levels, rows=batch(cutoff=night, levels=levels))
    opened = DeltaTable(anywhere.forecasts)
    bounds = pa.table(opened.get_add_actions(flatten=True))
    for name in ("unique_id", "cutoff", "ds", "lead", "model_version"):
        assert bounds[f"min.{name}"].null_count == bounds[f"max.{name}"].null_count == 0
    dataset = opened.to_pyarrow_dataset()
    wanted = {
        "cutoff": pc.field("cutoff") == pa.scalar(nights[2]),
        "ds": pc.field("ds") > pa.scalar(nights[-1] + pd.Timedelta(hours=19)),
    }
    for condition in wanted.values():
        assert len(list(dataset.get_fragments(filter=condition))) == 1


def test_a_cutoff_may_be_asked_for_in_any_time_zone(warehouse):
    publish(warehouse)
    local = NIGHT.tz_convert("America/New_York")
    publish(warehouse, "b", token=2, cutoff=local, rows=batch("b"))
    assert cutoffs(warehouse) == [NIGHT]
    assert read_batch(warehouse, local)["run_id"][0].as_py() == "b"


def test_an_empty_batch_is_refused_and_deletes_nothing(anywhere):
    publish(anywhere)
    with pytest.raises(ContractError, match="Expected rows, got none; nothing was replaced"):
        publish(anywhere, "b", token=2, rows=batch().slice(0, 0))
    assert is_whole(read_batch(anywhere))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(
            lambda rows: rows.drop_columns(["q50"]),
            "missing: q50; not expected: none",
            id="missing",
        ),
        pytest.param(
            lambda rows: rows.append_column("q99", rows["q90"]), "not expected: q99", id="unknown"
        ),
        pytest.param(
            lambda rows: with_first(rows, "q50", None), "q50: expected a value in every", id="null"
        ),
        pytest.param(
            lambda rows: with_first(rows, "q50", np.nan),
            "q50: expected finite numbers, 1",
            id="nan",
        ),
        pytest.param(
            lambda rows: with_first(rows, "q50", 1e300, pa.float64()),
            "q50: expected finite numbers, 1",
            id="too-large-for-float32",
        ),
        pytest.param(
            lambda rows: recast(rows, "ds", pa.timestamp("us")),
            "ds: expected timestamp",
            id="naive",
        ),
        pytest.param(
            lambda rows: recast(rows, "lead", pa.string()), "lead: expected int32", id="text"
        ),
        pytest.param(
            lambda rows: with_first(rows, "lead", 1 << 40, pa.int64()),
            "lead: expected int32",
            id="too-large-for-int32",
        ),
        pytest.param(
            lambda rows: pa.concat_tables([rows, rows.slice(5, 1)]),
            "got two for s000, 2013-10-15 03:00:00",
            id="doubled",
        ),
        pytest.param(
            lambda rows: rows.append_column(
                "cutoff", pa.repeat(pa.scalar(NIGHT + pd.Timedelta("1h")), rows.num_rows)
            ),
            "Expected only rows with cutoff = '2013-10-15T03:00:00",
            id="other-cutoff",
        ),
    ],
)
def test_rows_that_break_the_contract_are_refused_and_change_nothing(warehouse, change, complaint):
    publish(warehouse)
    with pytest.raises(ContractError, match=complaint):
        publish(warehouse, "b", token=2, rows=change(batch()))
    assert read_batch(warehouse)["run_id"].unique().to_pylist() == ["a"]


def with_first(rows, name, value, kind=None):
    values = [value, *rows[name].to_pylist()[1:]]
    array = pa.array(values, kind or rows.schema.field(name).type)
    return rows.set_column(rows.column_names.index(name), name, array)


def recast(rows, name, kind):
    return rows.set_column(rows.column_names.index(name), name, rows[name].cast(kind))


def test_an_older_attempt_never_overwrites_a_newer_one(anywhere):
    publish(anywhere, "new", token=20)
    with pytest.raises(ConflictError, match="its token is 20, this one's 10"):
        publish(anywhere, "old", token=10)
    assert read_batch(anywhere)["run_id"][0].as_py() == "new"
    publish(anywhere, "old", token=10, cutoff=NIGHT + pd.Timedelta("1D"))
    assert len(cutoffs(anywhere)) == 2


def test_batches_may_have_other_quantiles_than_those_before_them(anywhere):
    later = NIGHT + pd.Timedelta("1D")
    other = (0.025, 0.5, 0.975)
    publish(anywhere)
    publish(anywhere, "b", cutoff=later, levels=other)
    publish(anywhere, "c", token=2)
    assert read_batch(anywhere, NIGHT).schema == forecasts.schema(LEVELS)
    assert read_batch(anywhere, later).schema == forecasts.schema(other)
    assert read_batch(anywhere, later)["q2_5"].null_count == 0

    from deltalake import DeltaTable

    rows = DeltaTable(anywhere.forecasts).to_pandas()
    assert rows.loc[rows["run_id"] == "c", "q2_5"].isna().all()
    assert rows.loc[rows["run_id"] == "b", "q10"].isna().all()


def test_a_wanted_batch_that_does_not_exist_names_those_that_do(warehouse):
    with pytest.raises(RefusedError, match=r"No forecasts have been published in .*nyc"):
        read_batch(warehouse)
    for days in (0, 1, 5):
        publish(warehouse, cutoff=NIGHT + pd.Timedelta(days=days))
    sentence = "nearest of the 3 published is 2013-10-16.*, the newest 2013-10-20T03:00:00"
    with pytest.raises(SpecError, match=sentence):
        read_batch(warehouse, NIGHT + pd.Timedelta(days=2))


def test_no_batch_was_published_into_an_empty_warehouse(anywhere):
    assert cutoffs(anywhere) == []


def test_a_run_that_died_before_its_first_batch_has_published_nothing(warehouse):
    schema = forecasts.schema(LEVELS)
    ensure_table(Table(warehouse.forecasts, schema, forecasts.KEY, ("cutoff_date",)))
    assert cutoffs(warehouse) == []
    with pytest.raises(RefusedError, match="No forecasts have been published"):
        read_batch(warehouse)
    publish(warehouse)
    assert is_whole(read_batch(warehouse))


# Publishes one batch, then another one where no file may be larger than the given number of bytes.
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
from data_contracts.errors import StorageError
from tasks.stores.warehouse import Warehouse
from test_forecasts import batch, publish

warehouse = Warehouse(Path({warehouse!r}))
publish(warehouse, "first")
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
try:
    publish(warehouse, "second", token=2, rows=batch("second", series=500))
except StorageError as trouble:
    print(trouble)
"""


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_a_disk_that_fills_up_is_one_sentence_and_leaves_the_old_batch(warehouse, size):
    here = str(Path(__file__).parent)
    script = ON_A_FULL_DISK.format(
        root=str(ROOT), here=here, warehouse=str(warehouse.root), size=size
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Cannot write {warehouse.forecasts}: ")
    assert done.stdout.count("\n") == 1
    assert read_batch(warehouse)["run_id"].unique().to_pylist() == ["first"]
    publish(warehouse, "third", token=3)
    assert read_batch(warehouse)["run_id"].unique().to_pylist() == ["third"]


def test_a_warehouse_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"Cannot write .*forecasts.delta: Not a directory; "):
        publish(Warehouse(tmp_path / "file" / "nyc"))


def test_a_table_with_a_lost_file_is_one_sentence(warehouse):
    publish(warehouse)
    next(warehouse.forecasts.rglob("*.parquet")).unlink()
    with pytest.raises(StorageError, match=r"Cannot read .*forecasts.delta: "):
        read_batch(warehouse)


def test_the_export_is_the_newest_batch(anywhere):
    later = NIGHT + pd.Timedelta("1D")
    publish(anywhere, "new", cutoff=later)
    path = export_latest(anywhere, later)
    publish(anywhere, "old")
    assert export_latest(anywhere, NIGHT) == path
    assert pq.read_table(path)["run_id"].unique().to_pylist() == ["new"]
    assert pq.read_table(path).equals(read_batch(anywhere))
    publish(anywhere, "newer", cutoff=later, token=2)
    export_latest(anywhere)
    assert pq.read_table(path)["run_id"].unique().to_pylist() == ["newer"]


def test_the_export_is_a_whole_file_at_every_moment(warehouse):
    publish(warehouse)
    path = export_latest(warehouse)
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(pq.read_table(path).num_rows)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        export_latest(warehouse)
    done.set()
    reader.join()
    assert set(seen) == {SERIES * HORIZON}
    names = sorted(file.name for file in warehouse.exports.iterdir())
    assert names == [".lock", "latest.parquet", "nightcast_reader.py"]


# Starts and awaits publishers on command; they are forked, so that imports are paid once. The names
# of the runs are those of the batches that a publisher writes in turns.
PUBLISHERS = """
import os, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
import deltalake
from test_forecasts import batch, publish
from tasks.stores.warehouse import Warehouse

warehouse = Warehouse(Path({warehouse!r}))
rows = {{name: batch(name) for name in "bc"}}
for line in sys.stdin:
    command, number, *names = line.split()
    if command == "await":
        print(os.waitpid(int(number), 0)[1], flush=True)
        continue
    pid = os.fork()
    if pid == 0:
        for name in names:
            publish(warehouse, name, token=int(number), rows=rows[name])
        os._exit(0)
    print(pid, flush=True)
"""


@pytest.fixture
def order(warehouse):
    here = str(Path(__file__).parent)
    script = PUBLISHERS.format(root=str(ROOT), here=here, warehouse=str(warehouse.root))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as publishers:

        def give(*words):
            publishers.stdin.write(" ".join(map(str, words)) + "\n")
            publishers.stdin.flush()
            return int(publishers.stdout.readline())

        yield give
        publishers.stdin.close()


def test_a_publisher_killed_at_any_moment_leaves_the_old_batch_or_the_new_one(warehouse, order):
    publish(warehouse, "first", token=1)
    done = threading.Event()
    bad, good = [], []

    def read():
        while not done.is_set():
            rows = read_batch(warehouse)
            (good if is_whole(rows) else bad).append(rows.num_rows)

    reader = threading.Thread(target=read)
    reader.start()
    delays = random.Random(7)
    statuses = []
    for token in range(2, 22):
        pid = order("publish", token, *"bc" * 500)
        time.sleep(delays.uniform(0, 0.25))
        os.kill(pid, signal.SIGKILL)
        statuses.append(order("await", pid))
    publish(warehouse, "last", token=100)
    done.set()
    reader.join()

    assert statuses == [signal.SIGKILL] * 20
    assert bad == []
    assert len(good) > 20
    assert cutoffs(warehouse) == [NIGHT]
    assert is_whole(read_batch(warehouse))
    assert read_batch(warehouse)["run_id"][0].as_py() == "last"


def test_two_publishers_of_one_cutoff_leave_one_batch(warehouse, order):
    pids = [order("publish", 5, *name * 8) for name in "bc"]
    assert [order("await", pid) for pid in pids] == [0, 0]
    assert is_whole(read_batch(warehouse))
    from deltalake import DeltaTable

    assert DeltaTable(warehouse.forecasts).version() == 16


@pytest.mark.parametrize("content", [b"", b"x" * 100], ids=["empty", "overwritten"])
def test_a_data_file_that_is_torn_is_trouble_of_the_storage(tmp_path, publish_row, content):
    warehouse = Warehouse(tmp_path / "nyc")
    publish_row(warehouse)
    next(warehouse.forecasts.glob("*/part-*.parquet")).write_bytes(content)

    with pytest.raises(StorageError, match=r"Cannot read .*forecasts\.delta: "):
        read_batch(warehouse)
