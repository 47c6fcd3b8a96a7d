from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.evaluation import evaluate
from models.gate.schedule import Bounds, Standing, growth, relative_loss, training_due

DAYS = timedelta(days=1)
BOUNDS = Bounds(max_age=28 * DAYS)
CALM = Standing(
    champion_age=14 * DAYS,
    since_training=14 * DAYS,
    loss_growth=(0.02, -0.01),
    drift=(0.4, 0.5),
)


@pytest.mark.parametrize(
    ("when", "changes", "train", "reason"),
    [
        pytest.param("auto", {}, False, "the champion was trained 14 days ago", id="calm"),
        pytest.param("auto", {"champion_age": None}, True, "no model is in service", id="none"),
        pytest.param("auto", {"champion_age": 28 * DAYS}, False, "up to 28", id="just young"),
        pytest.param("auto", {"champion_age": 29 * DAYS}, True, "29 days", id="too old"),
        pytest.param("auto", {"demoted": True}, True, "worse than the baseline", id="demoted"),
        pytest.param(
            "auto", {"loss_growth": (0.22, 0.3)}, True, "30% last night and 22%", id="loss"
        ),
        pytest.param(
            "auto", {"loss_growth": (0.3, 0.2)}, False, "+30%, up to +20%", id="one night"
        ),
        pytest.param("auto", {"loss_growth": (0.3,)}, False, "No training", id="first night"),
        pytest.param("auto", {"loss_growth": (None, 0.3)}, False, "No training", id="not known"),
        pytest.param(
            "auto", {"drift": (1.6, 2.0)}, True, "by 2 last night and 1.6 tonight", id="drift"
        ),
        pytest.param(
            "auto", {"drift": (2.0, 1.5)}, False, "2 times what was usual", id="one drift"
        ),
        pytest.param("auto", {"bad_nights": "two nights went"}, True, "two nights went", id="bad"),
        pytest.param("always", {"since_training": DAYS}, True, "asked for", id="asked for"),
        pytest.param("never", {"champion_age": None}, False, "says never", id="forbidden"),
    ],
)
def test_training_is_due_for_a_reason(when, changes, train, reason):
    due = training_due(when, replace(CALM, **changes), BOUNDS)

    assert due.train is train
    assert reason in due.reason
    assert due.reason.endswith(".")


CAUSES = {
    "no champion": {"champion_age": None},
    "too old": {"champion_age": 60 * DAYS},
    "demoted": {"demoted": True},
    "loss": {"loss_growth": (0.5, 0.5)},
    "drift": {"drift": (5.0, 5.0)},
    "bad nights": {"bad_nights": "the last 2 nights went badly"},
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_no_cause_makes_a_training_a_night(cause):
    standing = replace(CALM, **cause)

    trained, since = [], 100 * DAYS
    for night in range(30):  # every one of these trainings fails, or its model is rejected
        due = training_due("auto", replace(standing, since_training=since), BOUNDS)
        trained += [night] if due.train else []
        since = DAYS if due.train else since + DAYS

    assert trained == [0, 7, 14, 21, 28]


def test_the_cooldown_says_what_it_holds_up():
    standing = replace(CALM, champion_age=None, since_training=3 * DAYS)

    assert training_due("auto", standing, BOUNDS).reason == (
        "No training, although no model is in service for this cutoff: the last training was 3 "
        "days ago, and 7 have to lie between two."
    )


@pytest.mark.parametrize(
    ("since", "train"), [(8, False), (28, False), (29, True)], ids=["young", "as old", "too old"]
)
def test_models_that_wait_for_their_judgement_hold_up_the_next_until_they_are_old(since, train):
    standing = replace(CALM, demoted=True, waiting=("tcn", "v1"), since_training=since * DAYS)

    due = training_due("auto", standing, BOUNDS)

    assert due.train is train
    assert ("tcn and v1, trained before, still wait to be judged" in due.reason) is not train


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [(0.9, 0.6, 0.5), (0.6, 0.6, 0.0), (None, 0.6, None), (0.6, None, None), (0.6, 0.0, None)],
)
def test_growth_is_known_where_both_losses_are(now, then, expected):
    assert growth(now, then) == expected


@pytest.fixture
def losses(make_panel):
    """Losses of yesterday's repetition."""
    rng = np.random.default_rng(3)
    panel = make_panel([rng.normal(10, 1, 400) for _ in range(3)], horizon=24)
    origins = panel.cutoff_slot - 24 * np.arange(5, 0, -1)
    naive = SeasonalNaive((24,), horizon=24, quantile_levels=(0.1, 0.5, 0.9))
    return evaluate(naive, panel, np.arange(3), origins, season_length=24)


def test_the_relative_loss_is_that_of_the_gate_on_windows_that_both_have(losses):
    half = replace(losses, pinball=losses.pinball / 2)
    hidden = losses.pinball.copy()
    hidden[1, 2] = np.nan
    more = np.where(np.isnan(hidden), np.nan, hidden * 3)

    assert relative_loss(half, losses) == pytest.approx(0.5)
    assert relative_loss(replace(losses, pinball=more), losses) == pytest.approx(3)


def test_there_is_no_relative_loss_without_a_window_to_compare(losses):
    nothing = replace(losses, pinball=np.full_like(losses.pinball, np.nan))
    perfect = replace(losses, pinball=np.zeros_like(losses.pinball))
    fewer = replace(losses, pinball=losses.pinball[:, 1:])

    assert relative_loss(nothing, losses) is None
    assert relative_loss(losses, perfect) is None
    assert relative_loss(fewer, losses) is None
    assert relative_loss(losses, replace(losses, scale=np.zeros_like(losses.scale))) is None
