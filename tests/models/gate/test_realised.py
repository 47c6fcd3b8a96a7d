from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models import scores
from models.gate.realised import (
    Limits,
    NightLoss,
    Realised,
    bad_in_a_row,
    baseline_scores_of,
    fault,
    realised_losses,
    relative_loss,
    scores_of,
)

LIMITS = Limits(max_loss_ratio=1.25, min_coverage=0.7, bad_nights=2)


@pytest.fixture
def rows():
    """Twenty rows of three series, one of which has no scale; half of them have no baseline."""
    rng = np.random.default_rng(0)
    numbers = {field.name: rng.gamma(2, size=20) for field in fields(Realised)}
    series = np.repeat([0, 1, 2, 1], 5)
    numbers |= {"series": series, "night": np.arange(20) % 4, "lead": np.arange(20) % 5 + 1}
    numbers["scale"] = np.where(series == 2, 0, 1.0 + series)
    for name in [name for name in numbers if name.startswith("base_")]:
        numbers[name][::2] = np.nan
    return Realised(**numbers)


def test_scores_are_those_of_the_obvious_loop(rows):
    told = scores_of(rows)

    of_series = [
        np.mean(
            [
                e / s
                for e, s, k in zip(rows.absolute_error, rows.scale, rows.series, strict=True)
                if k == one
            ]
        )
        for one in (0, 1)
    ]
    assert told.rows == 20
    assert told.mase == pytest.approx(np.mean(of_series))
    assert told.wql == pytest.approx(sum(rows.pinball) / sum(rows.absolute_y))
    assert told.coverage == pytest.approx(sum(rows.covered) / 20)
    assert told.bias == pytest.approx(sum(rows.error) / sum(rows.absolute_y))


def test_the_baseline_is_judged_and_compared_where_it_was_kept(rows):
    kept = rows.where(np.arange(20) % 2 == 1)
    counted = kept.scale > 0

    assert baseline_scores_of(rows).rows == 10
    assert baseline_scores_of(rows).wql == pytest.approx(
        sum(kept.base_pinball) / sum(kept.absolute_y)
    )
    assert relative_loss(rows) == pytest.approx(
        sum((kept.pinball / np.where(counted, kept.scale, 1))[counted])
        / sum((kept.base_pinball / np.where(counted, kept.scale, 1))[counted])
    )


def test_of_nothing_nothing_is_said(rows):
    nothing = rows.where(np.zeros(20, bool))

    assert scores_of(nothing).rows == 0
    assert np.isnan(scores_of(nothing)[1:]).all()
    assert np.isnan(relative_loss(nothing))


def test_rows_with_other_levels_are_scored_by_their_own():
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    wide, narrow, none = [0, np.nan, 2, np.nan, 4], [np.nan, 1, 2, 3, np.nan], [np.nan] * 5
    quantiles = np.array([wide, narrow, none, wide], np.float32)
    y = np.array([1, 1.5, 1, np.nan], np.float32)

    losses, nominal = realised_losses(y, quantiles, levels)

    assert nominal == pytest.approx([0.8, 0.5, np.nan, 0.8], nan_ok=True)
    one = scores.pinball(y[:1], np.array([[0.0, 2, 4]]), levels=(0.1, 0.5, 0.9))[0]
    other = scores.pinball(y[1:2], np.array([[1.0, 2, 3]]), levels=(0.25, 0.5, 0.75))[0]
    assert losses[1] == pytest.approx([one, other, np.nan, np.nan], nan_ok=True)


def test_without_levels_nothing_is_known():
    losses, nominal = realised_losses(np.ones(3, np.float32), np.empty((3, 0), np.float32), ())

    assert np.isnan(losses).all()
    assert np.isnan(nominal).all()


def nights(*kinds):
    """Nights by a letter each: g good, b bad, c bad coverage, w waiting, n baseline, o other."""
    made = {
        "g": ("v1", 0.8, 1.0, True),
        "b": ("v1", 1.5, 1.0, True),
        "c": ("v1", 0.8, 0.5, True),
        "w": ("v1", 9.0, 0.0, False),
        "n": ("", np.nan, np.nan, True),
        "o": ("v2", 1.5, 1.0, True),
        "u": ("v1", np.nan, np.nan, True),
    }
    first = datetime(2024, 1, 1, tzinfo=UTC)
    return [NightLoss(first + timedelta(days=day), *made[kind]) for day, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "bad"),
    [
        pytest.param("gbb", "bb", id="two in a row"),
        pytest.param("gbc", "bc", id="for different reasons"),
        pytest.param("b", "", id="one"),
        pytest.param("bgb", "", id="a good one between"),
        pytest.param("bbg", "", id="over"),
        pytest.param("bwbw", "bb", id="what cannot be judged is passed over"),
        pytest.param("bnb", "", id="the baseline between"),
        pytest.param("bo", "", id="of two versions"),
        pytest.param("bu", "", id="nothing is known of the last"),
        pytest.param("", "", id="no night"),
    ],
)
def test_only_bad_nights_in_a_row_of_one_version_ask_for_a_training(kinds, bad):
    found = bad_in_a_row(nights(*kinds), LIMITS)

    assert [fault(night, LIMITS) for night in found] == [
        fault(night, LIMITS) for night in nights(*bad)
    ]


def test_a_fault_names_every_limit_that_was_passed():
    night = NightLoss(datetime(2024, 1, 1, tzinfo=UTC), "v1", 2.0, 0.5, True)

    assert fault(night, LIMITS) == (
        "loss 2.00 times that of the baseline, accepted is 1.25 and coverage 50% of what is meant, "
        "accepted is 70%"
    )
