import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import RefusedError
from models.gate.evaluation import Forecasts
from models.learning.out_of_fold import FoldForecasts
from tasks.stores.files import write_text
from tasks.stores.study_files import (
    RESULT,
    begin_study,
    drop_forecasts,
    forecasts_file,
    read_forecasts,
    read_out_of_fold,
    study_folder,
    unfinished,
    write_forecasts,
)
from tasks.stores.warehouse import Warehouse

CUTOFF = pd.Timestamp("2024-03-01T00:00Z").as_unit("us")
NOW = pd.Timestamp.now("UTC")


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "sales")


def begin(warehouse, cutoff=CUTOFF, wanted="abc"):
    folder = study_folder(warehouse, cutoff, wanted)
    begin_study(folder, wanted, cutoff)
    return folder


def test_what_differs_in_anything_is_another_study(warehouse):
    folders = {
        study_folder(warehouse, cutoff, identity)
        for cutoff in (CUTOFF, CUTOFF + pd.Timedelta("1h"))
        for identity in (["abc", "snapshot", 1], ["abc", "snapshot", 2])
    }

    assert len(folders) == 4


def test_the_newest_unfinished_study_of_the_same_search_is_found(warehouse):
    begin(warehouse)
    newest = begin(warehouse, CUTOFF + pd.Timedelta("1D"))
    begin(warehouse, CUTOFF + pd.Timedelta("2D"), wanted="another")

    found = unfinished(warehouse, "abc", before=CUTOFF + pd.Timedelta("9D"), now=NOW)

    assert found is not None
    assert (found.folder, found.as_of) == (newest, CUTOFF + pd.Timedelta("1D"))


@pytest.mark.parametrize(
    ("before", "now", "finished"),
    [
        pytest.param(CUTOFF, NOW, True, id="finished"),
        pytest.param(CUTOFF, NOW + pd.Timedelta("8D"), False, id="too old"),
        pytest.param(CUTOFF - pd.Timedelta("1h"), NOW, False, id="knows more than it may"),
    ],
)
def test_no_other_study_is_gone_on_with(warehouse, before, now, finished):
    folder = begin(warehouse)
    if finished:
        write_text(folder / RESULT, "{}")

    assert unfinished(warehouse, "abc", before=before, now=now) is None


def fold_of(origins, learned_from=None, learned_until=4):
    rng = np.random.default_rng(0)
    made = Forecasts(
        unique_ids=("a", "[b]"),
        origins=np.array(origins),
        quantile_levels=(0.1, 0.5, 0.9),
        quantiles=rng.random((2, 2, 6, 3), np.float32),
        target=np.full((2, 2, 6), np.nan, np.float32),
        scale=rng.random((2, 2)),
    )
    return FoldForecasts(made, learned_until, learned_from)


@pytest.mark.parametrize("learned_from", [None, ("b", "c")], ids=["by time", "by series"])
def test_out_of_fold_forecasts_come_back_as_they_were(tmp_path, learned_from):
    fold = fold_of([10, 20], learned_from)
    made = fold.forecasts
    path = forecasts_file(tmp_path, {"candidates": ("tcn",)}, fold=1, candidate="tcn+transformer")

    write_forecasts(path, fold)
    again = read_forecasts(path)
    read = again.forecasts

    assert (again.learned_until, again.learned_from) == (4, learned_from)
    assert read.unique_ids == made.unique_ids
    assert read.quantile_levels == made.quantile_levels
    for name in ("origins", "quantiles", "target", "scale"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))

    other = forecasts_file(tmp_path, {"candidates": ("transformer",)}, fold=1, candidate="x")
    write_forecasts(other, fold)
    drop_forecasts(tmp_path, keep=[{"candidates": ["tcn"]}])
    assert path.exists()
    assert not other.exists()


def test_forecasts_that_do_not_say_what_was_seen_are_refused(tmp_path):
    path = tmp_path / "older.npz"
    np.savez(path, quantiles=np.zeros(1))

    with pytest.raises(RefusedError, match=r"older\.npz is of an older study, .*; search anew"):
        read_forecasts(path)


def test_all_folds_of_a_forecaster_are_read_together(tmp_path):
    values = {"training.members": 2}
    for number, origins in enumerate([(10, 20), (30, 40)]):
        path = forecasts_file(tmp_path, values, fold=number + 1, candidate="tcn")
        write_forecasts(path, fold_of(origins, learned_until=origins[0] - 6))

    made = read_out_of_fold(tmp_path, values, candidate="tcn")

    assert made.pooled.origins.tolist() == [10, 20, 30, 40]
    with pytest.raises(RefusedError, match="at least one fold"):
        read_out_of_fold(tmp_path, values, candidate="transformer")
