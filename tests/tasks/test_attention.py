import dataclasses

import numpy as np
import pandas as pd
import pytest

from models.attention import Attention, Look
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.reconciled import Reconciled
from tasks import attention as module
from tasks.attention import look
from tasks.contenders import Contender, baseline_of
from tasks.stores.attention import attention_table
from tasks.stores.delta import read_table

NAMES = ("a", "b", "c")


@dataclasses.dataclass(frozen=True)
class LooksAtYesterday:
    """Forecasts the day before; it says that it looked there."""

    weights: tuple = (0.1, 0.9)

    name = "yesterday"

    def predict(self, panel, series, origins):
        days = np.array([panel.history(k)[-24:] for k in series])
        return (np.nan_to_num(days)[..., None] + np.array([-1, 0, 1])).astype(np.float32)


def attention(forecaster, panel, series, origins):
    if not isinstance(forecaster, LooksAtYesterday):
        return None
    weights = np.tile(np.array(forecaster.weights, np.float32), (len(series), 1, 1))
    looks = tuple(Look(head, weights, np.array([24, 24])) for head in ("1.1", "mean"))
    return Attention(looks, leads=np.array([1]), horizon=24)


@pytest.fixture(autouse=True)
def _asked(monkeypatch):
    monkeypatch.setattr(module, "attention", attention)


def batch_of(*qualities):
    return pd.DataFrame({"unique_id": NAMES, "quality": qualities, "mean": [3.0, 2.0, 1.0]})


CHAMPION = ("champion",) * 3


def published_by(tonight, panel, weights=(0.1, 0.9), qualities=CHAMPION):
    publisher = Contender(LooksAtYesterday(weights), "champion", "v1")
    return look.fn(tonight, panel, publisher, batch_of(*qualities))


def kept(tonight):
    return read_table(attention_table(tonight.warehouse)).to_pandas()


def test_rows_of_every_forecast_of_the_champion_are_kept_and_tested(tonight_of, walks):
    tonight = tonight_of()

    looked = published_by(tonight, walks)

    rows = kept(tonight)
    assert rows.groupby("unique_id").size().to_dict() == dict.fromkeys(NAMES, 4)
    assert set(rows["model_version"]) == {"v1"}
    assert set(rows["run_id"]) == {tonight.run_id}
    assert looked.trouble == ""
    assert (looked.faithfulness.series, looked.faithfulness.held) == (3, 1)
    assert set(looked.drawn["head"]) == {"mean"}


def test_only_the_mean_is_kept_where_the_spec_says_so(tonight_of, walks):
    tonight = tonight_of(attention={"keep": "mean", "checked": 2})

    looked = published_by(tonight, walks)

    assert set(kept(tonight)["head"]) == {"mean"}
    assert looked.faithfulness.series == 2


def test_some_series_of_those_that_agree_with_totals_are_tested_without_these(
    tonight_of, walks, monkeypatch
):
    inside = LooksAtYesterday()
    grouping = Grouping.of({}, num_series=3, total=True)
    moved = Reconciled(inside, inside, grouping, np.zeros((3, 4)), NAMES, Support())
    monkeypatch.setattr(module, "attention", lambda _, *rest: attention(inside, *rest))

    looked = look.fn(
        tonight_of(attention={"checked": 2}),
        walks,
        Contender(moved, "champion", "v1"),
        batch_of(*CHAMPION),
    )

    assert looked.trouble == ""
    assert (looked.faithfulness.series, looked.faithfulness.held) == (2, 1)


@pytest.mark.parametrize(
    "spec", [{"attention": {"checked": 0}}, {"attention": {"keep": "none", "checked": 5}}]
)
def test_nothing_is_tested_where_the_spec_says_so(tonight_of, walks, spec):
    tonight = tonight_of(**spec)

    assert published_by(tonight, walks).faithfulness is None
    assert kept(tonight).empty == (spec["attention"].get("keep") == "none")


def test_substitutes_have_no_rows(tonight_of, walks):
    tonight = tonight_of()

    looked = published_by(tonight, walks, qualities=("champion", "substituted", "champion"))

    assert set(kept(tonight)["unique_id"]) == {"a", "c"}
    assert set(looked.drawn["unique_id"]) == {"a", "c"}


def test_rows_go_where_the_night_is_published_again_by_the_baseline(tonight_of, walks):
    tonight = tonight_of()
    published_by(tonight, walks)

    looked = look.fn(tonight, walks, baseline_of(tonight.spec), batch_of(*["baseline"] * 3))

    assert kept(tonight).empty
    assert (looked.trouble, looked.faithfulness, looked.drawn) == ("", None, None)


def test_broken_sums_are_told_and_neither_kept_nor_raised(tonight_of, walks):
    tonight = tonight_of()
    published_by(tonight, walks)

    looked = published_by(tonight, walks, weights=(0.2, 0.9))

    assert looked.trouble.startswith("Where the forecasts looked is not known: ")
    assert "expected weights that sum to 1" in looked.trouble
    assert looked.faithfulness is None
    assert kept(tonight).empty  # those of the run before explain another batch


def test_rows_of_a_later_run_stay_where_an_older_one_comes_late(tonight_of, walks):
    later = dataclasses.replace(tonight_of(run_id="later"), token=2)
    published_by(later, walks)

    looked = published_by(tonight_of(), walks)

    assert "A newer attempt has written attention/" in looked.trouble
    assert set(kept(later)["run_id"]) == {"later"}


def test_a_test_that_fails_is_told_and_the_rows_stay(tonight_of, walks, monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError("out of memory")

    monkeypatch.setattr(module, "faithfulness", fail)

    looked = published_by(tonight_of(), walks)

    assert looked.trouble == "Attention could not be put to the test: out of memory"
    assert len(looked.drawn) == len(kept(tonight_of())) / 2


def test_a_warehouse_that_cannot_be_written_is_told_and_fails_nothing(tonight_of, walks):
    tonight = tonight_of()
    published_by(tonight, walks)
    newest = max((tonight.warehouse.attention / "_delta_log").glob("*.json"))
    newest.write_text("torn")

    looked = published_by(tonight, walks)

    assert looked.trouble.startswith("Where the forecasts looked is not known: Cannot ")
    assert "Rows of an earlier run may still be there: Cannot " in looked.trouble
