from dataclasses import replace

import numpy as np
import pytest

from models.gate.origins import evaluation_origins
from tasks import baselines
from tasks.baselines import choose_baseline

LISTED = ["seasonal_naive", "Naive", "HistoricAverage"]


def unwatched(done, total, note=""):
    assert 0 <= done <= total


def origins_of(tonight, panel, count=14):
    spec = tonight.spec
    return evaluation_origins(panel, origins=count, every=spec.origin_step, horizon=spec.horizon)


def chosen(tonight, panel, origins=None):
    if origins is None:
        origins = origins_of(tonight, panel)
    return choose_baseline(tonight, panel, origins, step=unwatched)


def test_the_only_one_is_taken_without_a_comparison(tonight_of, walks):
    contender, sentence = chosen(tonight_of(baseline="AutoETS"), walks)

    assert (contender.name, contender.version, contender.role) == ("AutoETS", "AutoETS", "baseline")
    assert sentence == "The baseline is AutoETS, the only one that the spec names."


@pytest.mark.parametrize("order", [LISTED, LISTED[::-1]], ids=["first", "last"])
def test_of_several_the_best_is_taken(tonight_of, walks, order):
    contender, sentence = chosen(tonight_of(baseline=order, gate={"origins": 7}), walks)

    assert contender.name == "Naive"  # of a random walk
    assert sentence.startswith("The baseline is Naive: over 7 earlier origins its mean scaled loss")
    assert "seasonal_naive has 0." in sentence or "seasonal_naive has 1." in sentence
    assert "HistoricAverage has" in sentence


def test_what_comes_after_the_first_origin_has_no_say(tonight_of, walks):
    tonight = tonight_of(baseline=LISTED, gate={"origins": 7})
    origins = origins_of(tonight, walks, count=7)
    slots = np.tile(np.arange(np.diff(walks.indptr)[0]), 3) + walks.first_slots[0]
    later = np.where(walks.observed & (slots > origins[0]), np.float32(1e6), walks.y)

    before = chosen(tonight, walks, origins)

    assert chosen(tonight, replace(walks, y=later), origins)[1] == before[1]


def test_a_draw_goes_to_the_one_named_first(tonight_of, walks):
    flat = replace(walks, y=np.where(walks.observed, np.arange(len(walks.y)) % 2, walks.y))
    tonight = tonight_of(baseline=["SeasonalNaive", "seasonal_naive"], gate={"origins": 5})

    contender, _ = chosen(tonight, flat.select(np.array([0])))

    assert contender.name == "SeasonalNaive"


def test_too_short_a_history_leaves_the_first(tonight_of, walks):
    first_hours = walks.cutoff_slot - int(walks.lengths[0]) + np.array([380])

    contender, sentence = chosen(tonight_of(baseline=LISTED[::-1]), walks, first_hours)

    assert contender.name == "HistoricAverage"
    assert "too short" in sentence


def test_a_panel_without_origins_leaves_the_first_or_compares_before_the_cutoff(tonight_of, walks):
    contender, _ = chosen(tonight_of(baseline=LISTED), walks, np.empty(0, np.int64))

    assert contender.name == "Naive"


def test_nothing_observed_leaves_the_first(tonight_of, walks):
    unseen = replace(walks, y=np.full_like(walks.y, np.nan), observed=np.zeros_like(walks.observed))

    contender, sentence = chosen(tonight_of(baseline=LISTED), unseen)

    assert contender.name == "seasonal_naive"
    assert "nothing was observed" in sentence


def test_many_series_are_compared_on_some_of_them(tonight_of, walks, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_SERIES", 2)
    tonight = tonight_of(baseline=LISTED, gate={"origins": 5})

    _, sentence = chosen(tonight, walks)

    ends = walks.select(np.array([0, 2]))
    assert sentence == chosen(tonight, ends, origins_of(tonight, walks))[1]
