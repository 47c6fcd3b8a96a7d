import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_contracts import accuracy
from data_contracts.errors import ConflictError, ContractError, StorageError, VersionError
from tasks.stores.accuracy import (
    keep_baseline,
    kept_baselines,
    published_batches,
    quantiles_in,
    read_accuracy,
    read_baselines,
    read_forecasts,
    replace_scores,
    scored_from,
)
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2024-03-01T00:00Z").as_unit("us")
NEXT = NIGHT + pd.Timedelta("1D")


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def forecast(cutoff=NIGHT, **changes):
    row = {"unique_id": "a", "ds": cutoff + pd.Timedelta("1h"), "lead": 1, "mean": 2.0}
    row |= {"q50": 2.0, "model": "seasonal_naive"}
    return pa.Table.from_pandas(pd.DataFrame([row | changes]), preserve_index=False)


def keep(warehouse, *, run_id="run", token=1, cutoff=NIGHT, **changes):
    same = {"cutoff": cutoff, "levels": (0.5,), "run_id": run_id, "token": token}
    keep_baseline(warehouse, forecast(cutoff, **changes), **same)


def scored(cutoff=NIGHT, lead=1, basis="b", **segments):
    row = {
        "cutoff_date": cutoff.date(),
        "unique_id": "a",
        "cutoff": cutoff,
        "lead": lead,
        "ds": cutoff + pd.Timedelta(hours=lead),
        "y": 1.0,
        "model": "lstm",
        "model_version": "v1",
        "quality": "champion",
        "run_id": "run",
        "basis": basis,
        "baseline": None,
    }
    names = accuracy.schema(tuple(segments)).names
    numbers = {name: np.nan for name in names if name not in row and name not in segments}
    return pa.Table.from_pylist([row | numbers | segments])


def test_what_the_baseline_says_is_kept_once_per_cutoff(warehouse):
    keep(warehouse)
    keep(warehouse, run_id="again", token=2, q50=5.0)
    keep(warehouse, cutoff=NEXT)

    assert read_baselines(warehouse, [NIGHT])["q50"].to_pylist() == [5.0]
    assert kept_baselines(warehouse) == {NIGHT: "again", NEXT: "run"}
    with pytest.raises(ConflictError):
        keep(warehouse, run_id="late", token=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_of_the_baseline_that_is_not_finite_stops_no_night(warehouse, value):
    keep(warehouse, mean=value, q50=value)

    kept = read_baselines(warehouse, [NIGHT])
    assert kept.select(["mean", "q50"]).to_pylist() == [{"mean": None, "q50": None}]


def test_scores_of_some_cutoffs_are_replaced_together_and_the_others_stay(warehouse):
    def put(rows, *cutoffs):
        replace_scores(warehouse, rows, cutoffs=cutoffs, statics=(), run_id="x")

    put(pa.concat_tables([scored(), scored(lead=2), scored(NEXT)]), NIGHT, NEXT)
    put(scored(basis="c"), NIGHT)
    assert scored_from(warehouse) == {NIGHT: "c", NEXT: "b"}
    assert read_accuracy(warehouse, until=NIGHT)["lead"].to_pylist() == [1]

    put(scored().slice(0, 0), NIGHT)
    assert scored_from(warehouse) == {NEXT: "b"}
    assert read_accuracy(warehouse, since=NEXT).num_rows == read_accuracy(warehouse).num_rows == 1


def test_rows_beyond_the_cutoffs_are_refused(warehouse):
    with pytest.raises(ContractError):
        replace_scores(warehouse, scored(NEXT), cutoffs=[NIGHT], statics=(), run_id="x")


def test_labels_come_and_go_with_the_spec(warehouse):
    put = {"cutoffs": [NIGHT], "run_id": "x"}
    replace_scores(warehouse, scored(airport="JFK"), statics=("airport",), **put)
    put["cutoffs"] = [NEXT]
    replace_scores(warehouse, scored(NEXT, carrier="UA"), statics=("carrier",), **put)

    rows = read_accuracy(warehouse).to_pandas()

    assert rows["airport"].fillna("").tolist() == ["JFK", ""]
    assert rows["carrier"].fillna("").tolist() == ["", "UA"]


def test_of_tables_that_are_not_there_nothing_is_known(warehouse):
    assert published_batches(warehouse) == []
    assert kept_baselines(warehouse) == scored_from(warehouse) == {}
    assert read_accuracy(warehouse).num_rows == 0
    assert read_accuracy(warehouse, columns=["unique_id", "cutoff", "lead"]).num_columns == 3
    assert read_forecasts(warehouse, [NIGHT]).num_rows == 0


def test_a_file_that_is_gone_is_said_in_one_sentence(warehouse):
    keep(warehouse)
    for path in DeltaTable(warehouse.baselines).file_uris():
        warehouse.root.joinpath(path).unlink()

    with pytest.raises(StorageError, match=r"Cannot read .*baselines\.delta"):
        read_baselines(warehouse, [NIGHT])


def test_a_table_of_a_newer_version_is_refused(warehouse):
    marked = pa.field("unique_id", pa.string(), metadata={"nightcast.schema_version": "2"})
    DeltaTable.create(warehouse.accuracy, schema=pa.schema([marked]))

    with pytest.raises(VersionError, match="knows versions up to 1"):
        read_accuracy(warehouse)


def test_quantiles_are_found_by_their_names():
    rows = pa.table({"mean": [1.0, 2], "q2_5": [0.5, None], "q50": [0.7, 1], "quality": ["a", "b"]})

    quantiles, levels = quantiles_in(rows)

    assert levels == (0.025, 0.5)
    assert quantiles == pytest.approx(np.array([[0.5, 0.7], [np.nan, 1]]), nan_ok=True)
    assert quantiles_in(rows.select(["mean"]))[0].shape == (2, 0)
