from datetime import timedelta

import pytest

from models.schedule import training_due


@pytest.mark.parametrize(
    ("when", "age", "train", "reason"),
    [
        pytest.param("auto", None, True, "no model is in service", id="no champion"),
        pytest.param("auto", 28, False, "up to 28", id="old enough to mention, not to replace"),
        pytest.param("auto", 29, True, "more than 28", id="too old"),
        pytest.param("always", 1, True, "asked for", id="asked for"),
        pytest.param("never", None, False, "says never", id="forbidden"),
    ],
)
def test_training_is_due_for_a_reason(when, age, train, reason):
    champion_age = None if age is None else timedelta(days=age)

    due = training_due(when, champion_age=champion_age, max_age=timedelta(days=28))

    assert due.train is train
    assert reason in due.reason
