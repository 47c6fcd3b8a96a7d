import dataclasses

import numpy as np
import pytest

from models.folds import Plan, folds_by_time, since
from models.gate.origins import LONGEST_SHARE

PLAN = Plan(folds=3, origins=2, every=24)


def spans(folds):
    return [(fold.train_from, fold.train_until, fold.origins.tolist()) for fold in folds]


def test_folds_follow_each_other_and_the_last_target_is_at_the_end(make_panel):
    panel = make_panel([np.ones(1000), np.ones(300)], horizon=24)

    folds = folds_by_time(panel, PLAN, end=980, horizon=24)

    assert spans(folds) == [
        (1, 812, [836, 860]),
        (1, 860, [884, 908]),
        (1, 908, [932, 956]),
    ]


def test_an_embargo_of_one_horizon_lies_before_the_first_origin(make_panel):
    panel = make_panel([np.ones(1000)], horizon=24)

    for fold in folds_by_time(panel, PLAN, end=1000, horizon=24):
        assert fold.origins[0] - fold.train_until == 24


def test_a_rolling_window_has_the_same_length_in_every_fold(make_panel):
    panel = make_panel([np.ones(1000)], horizon=24)
    plan = dataclasses.replace(PLAN, window="rolling")

    folds = folds_by_time(panel, plan, end=980, horizon=24)

    assert {fold.train_until - fold.train_from for fold in folds} == {811}
    assert [fold.train_from for fold in folds] == [1, 49, 97]


@pytest.mark.parametrize(
    ("length", "shape"),
    [
        pytest.param(1000, (3, 2), id="room enough"),
        pytest.param(140, (3, 2), id="closer together"),
        pytest.param(128, (3, 1), id="fewer origins"),
        pytest.param(123, (2, 1), id="fewer folds"),
        pytest.param(122, (0, 0), id="not two of them"),
        pytest.param(0, (0, 0), id="no history"),
    ],
)
def test_folds_never_take_more_than_their_share_of_the_history(make_panel, length, shape):
    panel = make_panel([np.ones(length)], horizon=24)

    folds = folds_by_time(panel, PLAN, end=1000, horizon=24)

    assert (len(folds), len(folds[0].origins) if folds else 0) == shape
    for fold in folds:
        assert 1000 - fold.train_until <= LONGEST_SHARE * length
        assert fold.origins[-1] + 24 <= 1000


def test_what_lies_before_a_slot_is_cut_off(make_panel):
    panel = make_panel([np.arange(50), np.arange(5)], horizon=3, cutoff_slot=100)

    cut = since(panel, 91)

    assert cut.first_slots.tolist() == [91, 96]
    assert cut.history(0).tolist() == list(range(40, 50))
    assert cut.history(1).tolist() == list(range(5))
    assert cut.observed.sum() == 15
    assert since(panel, 51) is panel
