"""A trial is judged on every fold, and whatever stops it loses no fold that was finished."""

import dataclasses

import numpy as np
import pytest

from data_contracts.errors import RefusedError
from data_contracts.search import Space
from models.folds import seen
from models.learning.cross_validation import forecast_fold
from models.learning.pretrained import pretrained_settings
from tasks.search import Search, Target, Work, choose_folds, longest_learned, open_study
from tasks.stores.studies import Budget
from tasks.stores.study_files import forecasts_file, read_forecasts, read_out_of_fold
from tasks.train import training_settings
from tasks.trials import try_out

pytestmark = pytest.mark.train

TWO = Budget(trials=2)
TINY = {
    "candidates": ["multihead_lstm"],
    "training": {"context_length": 48, "members": 1, "max_epochs": 1, "minutes": 1000},
    "tuning": {"folds": 2, "origins": 2, "ranges": {"training.max_epochs": [1, 2]}},
}


@pytest.fixture
def work_of(tonight_of, walks, tmp_path):
    def build(budget=TWO, panel=walks, **tuning) -> Work:
        tonight = tonight_of(**{**TINY, "tuning": {**TINY["tuning"], **tuning}})
        search = Search(tonight, "spec.yaml", Space.of(tonight.spec), budget, Target())
        folds = choose_folds(tonight, panel)
        return open_study(search, panel, tmp_path / "5ca1ab1e", folds)

    return build


def only(work):
    (trial,) = work.study.trials()
    return trial


def kept(work, fold):
    values = work.study.space.as_it_is
    return forecasts_file(work.study.folder, values, fold=fold, candidate="multihead_lstm")


def test_a_trial_is_the_mean_over_folds_and_its_forecasts_are_kept(work_of):
    work = work_of()

    try_out.fn(work, work.study.claim())

    trial = only(work)
    assert trial.outcome == "complete"
    assert trial.wql == pytest.approx(np.mean(trial.losses))
    assert len(trial.losses) == 2
    for at, fold in enumerate(work.folds):
        forecasts = read_forecasts(kept(work, at + 1)).forecasts
        assert forecasts.origins.tolist() == fold.origins.tolist()
        assert forecasts.quantiles.shape == (3, 2, 24, 9)


def test_by_series_a_trial_is_judged_on_series_that_it_has_not_learned_from(work_of):
    work = work_of(by="series")

    try_out.fn(work, work.study.claim())

    assert only(work).outcome == "complete"
    made = read_out_of_fold(
        work.study.folder, work.study.space.as_it_is, candidate="multihead_lstm"
    )
    assert made.by_series
    assert made.pooled.unique_ids == work.panel.unique_ids
    for fold, (learned, judged) in zip(
        made.folds, [(f.learned(work.panel), f.judged(work.panel)) for f in work.folds], strict=True
    ):
        assert fold.learned_from == tuple(work.panel.unique_ids[k] for k in learned)
        assert fold.forecasts.unique_ids == tuple(work.panel.unique_ids[k] for k in judged)


def test_a_trial_trains_as_a_night_would_on_what_its_fold_may_learn_from(work_of, monkeypatch):
    asked = []

    def watch(panel, settings, fold, **more):
        asked.append((settings, fold))
        return forecast_fold(panel, settings, fold, **more)

    monkeypatch.setattr("models.learning.cross_validation.forecast_fold", watch)
    work = work_of(by="series")
    try_out.fn(work, work.study.claim())

    assert len(asked) == 2
    for settings, fold in asked:
        longest = longest_learned(work.panel, fold)
        scratch = training_settings(work.search.tonight, "multihead_lstm", longest=longest)
        learned, until = seen(work.panel, fold), fold.train_until
        assert settings == pretrained_settings(scratch, learned, train_until=until)
        assert settings != pretrained_settings(scratch, work.panel, train_until=until)


def test_an_interrupted_trial_goes_on_after_the_folds_that_were_finished(work_of):
    work = work_of()
    claim = work.study.claim()
    second = dataclasses.replace(work, folds=[work.folds[0], None])  # Ctrl-C would come here

    with pytest.raises(AttributeError):
        try_out.fn(second, claim)

    assert only(work).outcome == "interrupted"
    before = kept(work, 1).stat().st_mtime_ns
    assert not kept(work, 2).exists()
    again = work.study.claim()
    assert again.trial.values == claim.trial.values
    try_out.fn(work, again)
    assert work.study.trials()[-1].outcome == "complete"
    assert kept(work, 1).stat().st_mtime_ns == before


def test_minutes_that_are_over_end_a_trial_and_nothing_of_it_counts(work_of):
    work = work_of(Budget(minutes=1e-9))

    try_out.fn(work, work.study.claim())

    trial = only(work)
    assert (trial.outcome, trial.why) == ("interrupted", "the minutes were over")
    assert trial.wql is None


def test_a_spec_that_cannot_be_trained_fails_alone(work_of, walks):
    work = work_of()
    try_out.fn(work, work.study.claim())
    nothing = dataclasses.replace(walks, y=np.zeros_like(walks.y))

    try_out.fn(dataclasses.replace(work, panel=nothing), work.study.claim())

    failed = work.study.trials()[1]
    assert failed.outcome == "failed"
    assert "observed values that are not all 0 in fold 1" in failed.why


def test_without_the_spec_as_it_is_there_is_no_search(work_of, walks):
    nothing = dataclasses.replace(walks, y=np.zeros_like(walks.y))
    work = dataclasses.replace(work_of(), panel=nothing)

    with pytest.raises(RefusedError, match="choose other folds"):
        try_out.fn(work, work.study.claim())

    assert only(work).outcome == "interrupted", "the next run tries it again"
