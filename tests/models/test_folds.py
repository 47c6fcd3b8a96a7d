import dataclasses

import numpy as np
import pytest

from data_contracts.errors import RefusedError
from models.folds import Plan, folds_by_series, folds_by_time, seen, since
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


def test_folds_by_series_leave_out_every_series_once(make_panel):
    panel = make_panel([np.ones(1000)] * 7, horizon=24)

    folds = folds_by_series(panel, PLAN, end=980, horizon=24, seed=0)

    left_out = [fold.left_out.tolist() for fold in folds]
    assert sorted(np.concatenate(left_out)) == list(range(7))
    assert sorted(map(len, left_out)) == [2, 2, 3]
    for fold in folds:
        assert sorted([*fold.learned(panel), *fold.judged(panel)]) == list(range(7))


def test_folds_by_series_are_judged_after_the_embargo_like_those_by_time(make_panel):
    panel = make_panel([np.ones(1000)] * 3, horizon=24)

    folds = folds_by_series(panel, PLAN, end=980, horizon=24, seed=0)

    assert spans(folds) == [(1, 908, [932, 956])] * 3


def test_a_fold_by_series_sees_the_other_series_alone(make_panel):
    panel = make_panel([np.full(1000, k) for k in range(5)], horizon=24)

    for fold in folds_by_series(panel, PLAN, end=980, horizon=24, seed=0):
        learned = seen(panel, fold)
        assert {panel.unique_ids[k] for k in fold.left_out}.isdisjoint(learned.unique_ids)
        assert set(learned.y[learned.observed]) == set(range(5)) - set(fold.left_out.tolist())


def test_long_and_short_series_are_dealt_to_every_fold(make_panel):
    panel = make_panel([np.ones(1000 if k % 5 else 100) for k in range(30)], horizon=24)

    for fold in folds_by_series(panel, PLAN, end=1000, horizon=24, seed=3):
        assert (panel.lengths[fold.left_out] == 100).sum() == 2


def test_what_series_are_dealt_by_is_the_seed(make_panel):
    panel = make_panel([np.ones(1000)] * 30, horizon=24)

    first, again, other = (
        [
            fold.left_out.tolist()
            for fold in folds_by_series(panel, PLAN, end=980, horizon=24, seed=k)
        ]
        for k in (1, 1, 2)
    )

    assert first == again != other


@pytest.mark.parametrize(
    ("length", "origins"),
    [
        pytest.param(1000, [932, 956], id="room enough"),
        pytest.param(123, [955, 956], id="closer together"),
        pytest.param(120, [956], id="fewer origins"),
        pytest.param(119, None, id="too short"),
    ],
)
def test_folds_by_series_take_no_more_than_their_share_of_the_history(make_panel, length, origins):
    panel = make_panel([np.ones(length)] * 3, horizon=24, cutoff_slot=980)

    folds = folds_by_series(panel, PLAN, end=980, horizon=24, seed=0)

    assert [fold.origins.tolist() for fold in folds] == ([origins] * 3 if origins else [])


@pytest.mark.parametrize("folds", [1, 4])
def test_folds_that_the_series_do_not_fill_are_refused(make_panel, folds):
    panel = make_panel([np.ones(1000)] * 3, horizon=24)
    plan = dataclasses.replace(PLAN, folds=folds)

    with pytest.raises(RefusedError, match=f"2 to 3 folds by series, .* got {folds}"):
        folds_by_series(panel, plan, end=980, horizon=24, seed=0)
