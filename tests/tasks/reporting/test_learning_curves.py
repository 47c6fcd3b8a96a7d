import re
from xml.etree import ElementTree

import pytest

from models.learning.curves import Curve
from tasks.reporting.learning_curves import Learned, summary, svg, worth_drawing
from tasks.reporting.page import render_page

TWO = Learned(
    "tcn+transformer",
    (
        Curve((0.9, 0.6, 0.5), (0.8, 0.5, 0.6), best=1, seconds=3.0),
        Curve((0.9, 0.7), (0.7, 0.6), best=1, seconds=2.0),
        Curve((0.8, 0.7), (), best=1, seconds=2.0),
    ),
)


def test_a_drawing_is_one_element_without_fixed_colours():
    drawing = svg(TWO)

    assert ElementTree.fromstring(drawing).tag == "svg"
    assert not re.search(r"#[0-9a-f]{6}\b", drawing)
    assert drawing == svg(TWO)


@pytest.mark.parametrize(
    "curve",
    [
        pytest.param(Curve((0.5,), (0.5,), best=0, seconds=0.1), id="one epoch"),
        pytest.param(Curve((0.0, 0.0), (0.0, 0.0), best=0, seconds=0.1), id="no loss at all"),
        pytest.param(Curve((1e9, 1.0), (1e9, 1.0), best=1, seconds=0.1), id="a steep start"),
    ],
)
def test_any_curve_can_be_drawn(curve):
    drawing = svg(Learned("tcn", (curve,)))

    ElementTree.fromstring(drawing)
    assert "nan" not in drawing


def test_the_training_loss_of_a_single_epoch_can_be_seen():
    once = Curve((0.5,), (), best=0, seconds=1.0)
    one, two = (svg(Learned("tcn", (once,) * members)).count("<use") for members in (1, 2))

    assert two == one + 1


def test_one_is_said_in_the_singular():
    once = Learned("tcn", (Curve((0.3,), (0.3,), best=0, seconds=1.0),))

    assert summary(once) == "1 member, held-out loss 0.300 to 0.300, 1 epoch, 1 s"


def test_the_line_below_sums_up_all_members():
    expected = "3 members, held-out loss 0.750 to 0.550, 7 epochs, 7 s"
    assert summary(TWO) == expected


def test_what_has_no_curve_is_not_drawn():
    assert worth_drawing([Learned("old", ()), TWO]) == [TWO]


def test_the_page_shows_the_trainings_of_its_night(make_page):
    assert "Loss of tcn+transformer" in render_page(make_page(learned=(TWO,)))
    assert "the best epoch" not in render_page(make_page())
