import numpy as np
import pandas as pd
import pytest
import yaml

from data_contracts.errors import RefusedError, SpecError
from data_contracts.search import Space
from models.gate.origins import evaluation_origins
from tasks.search import (
    Search,
    Target,
    begin_tuning,
    budget_of,
    choose_folds,
    longest_learned,
    open_study,
    refuse_to_overwrite,
)
from tasks.stores.studies import Budget
from tasks.stores.study_files import NEW_SPEC, RESULT

NOWHERE = Target()
FIELDS = {
    "name": "walks",
    "source": {"uri": "observations.parquet"},
    "calendar": {"frequency": "h"},
    "horizon": 24,
}


@pytest.fixture
def begin(tmp_path):
    def build(ranges=None, as_of=None, trials=None, minutes=None, target=NOWHERE):
        path = tmp_path / "spec.yaml"
        warehouse = str(tmp_path / "warehouse")
        tuning = {"ranges": ranges or {}}
        path.write_text(yaml.safe_dump({**FIELDS, "warehouse": warehouse, "tuning": tuning}))
        return begin_tuning(str(path), as_of, trials=trials, minutes=minutes, target=target)

    return build


@pytest.fixture
def open_of(tonight_of, walks, tmp_path):
    """Opens the study of a spec of the random walks."""

    def build(ranges, *, target=NOWHERE, **fields):
        tonight = tonight_of(tuning={"ranges": ranges}, **fields)
        search = Search(tonight, "spec.yaml", Space.of(tonight.spec), Budget(trials=2), target)
        folds = choose_folds(tonight, walks)
        return open_study(search, walks, tmp_path / "5ca1ab1e", folds)

    return build


@pytest.mark.parametrize(
    ("trials", "minutes", "words"),
    [
        pytest.param(0, None, "trials: expected at least 1, the spec as it is, got 0", id="none"),
        pytest.param(None, 0, "minutes: expected more than 0, got 0", id="no minutes"),
        pytest.param(None, float("nan"), "expected more than 0, got nan", id="not a number"),
        pytest.param(3, 5, "expected one of both, got both", id="both"),
    ],
)
def test_a_budget_that_is_none_is_refused(begin, trials, minutes, words):
    with pytest.raises(SpecError, match=words):
        begin(trials=trials, minutes=minutes)


def test_without_a_budget_the_spec_says_it(begin):
    assert begin().budget == Budget(trials=20)
    assert budget_of(begin().tonight.spec, None, 2.5) == Budget(minutes=2.5)


def test_a_network_that_does_not_exist_is_refused_before_anything_is_read(begin):
    with pytest.raises(SpecError, match=r"tuning.ranges: candidates: .* got 'oracle'"):
        begin({"candidates": ["tcn", ["tcn", "oracle"]]})


def test_a_new_spec_needs_a_folder(begin, tmp_path):
    with pytest.raises(SpecError, match="in a folder that exists"):
        begin(target=Target(tmp_path / "nowhere" / "new.yaml"))


def test_folds_end_before_the_origins_of_the_gate(tonight_of, walks):
    tonight = tonight_of()
    spec = tonight.spec

    folds = choose_folds(tonight, walks)

    gate = evaluation_origins(walks, origins=14, every=24, horizon=24)
    assert len(folds) == spec.tuning.folds
    assert folds[-1].origins[-1] + spec.horizon == gate[0]
    assert folds[-1].origins[-1] + spec.horizon < walks.cutoff_slot


def test_short_histories_are_refused(tonight_of, make_panel):
    panel = make_panel([np.ones(150)], horizon=24)

    with pytest.raises(RefusedError, match="150 steps, too short for two folds"):
        choose_folds(tonight_of(), panel)


def test_folds_by_series_end_before_the_origins_of_the_gate_too(tonight_of, walks):
    folds = choose_folds(tonight_of(tuning={"by": "series"}), walks)

    gate = evaluation_origins(walks, origins=14, every=24, horizon=24)
    assert sorted(np.concatenate([fold.left_out for fold in folds])) == [0, 1, 2]
    for fold in folds:
        assert fold.origins[-1] + 24 == gate[0]
        assert fold.origins[0] - fold.train_until == 24


def test_fewer_series_than_folds_by_series_are_refused(tonight_of, walks):
    words = "as many folds by series as there are series, 3, got 4; lower tuning.folds"

    with pytest.raises(RefusedError, match=words):
        choose_folds(tonight_of(tuning={"by": "series", "folds": 4}), walks)


def test_short_histories_are_refused_by_series_too(tonight_of, make_panel):
    panel = make_panel([np.ones(150)] * 3, horizon=24)

    with pytest.raises(RefusedError, match="150 steps, too short for"):
        choose_folds(tonight_of(tuning={"by": "series"}), panel)


def test_the_longest_history_that_is_learned_from_is_of_a_series_that_is_not_left_out(
    tonight_of, make_panel
):
    panel = make_panel([np.ones(n) for n in (1400, 600, 500)], horizon=24)

    folds = choose_folds(tonight_of(tuning={"by": "series"}), panel)

    (without,) = (fold for fold in folds if 0 in fold.left_out)
    assert longest_learned(panel, without) == panel.lengths_until(without.train_until)[1]


def test_a_context_longer_than_what_folds_learn_from_cannot_be_tried(open_of):
    words = "training.context_length: 5000 steps, where the longest history"

    with pytest.raises(SpecError, match=words):
        open_of({"training.context_length": [5000]})


def test_a_patch_longer_than_every_context_cannot_be_tried(open_of):
    ranges = {"training.context_length": [24, 48], "training.patch_length": [96]}

    with pytest.raises(SpecError, match="training.patch_length: expected at most the context, 24"):
        open_of(ranges)


def test_a_context_that_cannot_carry_its_components_cannot_be_tried(open_of):
    training = {"decomposition": {"method": "stl"}}

    with pytest.raises(SpecError, match="combination that can be trained, .* 2 seasons, 48 steps"):
        open_of({"training.context_length": [24]}, training=training)


def test_more_networks_than_members_cannot_be_tried(open_of):
    with pytest.raises(SpecError, match="training.members: expected at least 2"):
        open_of({"candidates": ["tcn+transformer"], "training.members": [1]})


def test_a_rolling_fold_learns_from_a_window(tonight_of, walks):
    folds = choose_folds(tonight_of(tuning={"window": "rolling"}), walks)

    assert {longest_learned(walks, fold) for fold in folds} == {longest_learned(walks, folds[0])}


def test_the_same_search_is_the_same_study_whatever_its_budget(open_of):
    ranges = {"training.members": [1, 2]}

    folder = open_of(ranges).study.folder

    assert open_of(ranges).study.folder == folder
    assert open_of({"training.members": [1, 2, 4]}).study.folder != folder
    assert open_of(ranges, training={"seed": 8}).study.folder != folder


def test_without_an_instant_an_unfinished_study_is_gone_on_with(begin, walks, tmp_path):
    as_of = pd.Timestamp("2013-10-15T04:00Z")
    search = begin(as_of=as_of)
    work = open_study(search, walks, tmp_path / "a", choose_folds(search.tonight, walks))

    again = begin()

    assert again.tonight.as_of == as_of
    assert again.tonight.cutoff == search.tonight.cutoff
    assert begin({"training.members": [1, 2]}).tonight.as_of > as_of, "another search begins anew"
    (work.study.folder / RESULT).write_text("{}")
    assert begin().tonight.as_of > as_of, "so does one after a result"


def test_only_what_the_study_wrote_is_replaced(tmp_path):
    target = Target(tmp_path / "new.yaml")
    folder = tmp_path / "study"
    folder.mkdir()
    refuse_to_overwrite(target, folder)

    target.path.write_text("horizon: 24\n")
    with pytest.raises(SpecError, match="new.yaml exists already.*--overwrite"):
        refuse_to_overwrite(target, folder)
    refuse_to_overwrite(target._replace(overwrite=True), folder)
    (folder / NEW_SPEC).write_text("horizon: 24\n")
    refuse_to_overwrite(target, folder)
