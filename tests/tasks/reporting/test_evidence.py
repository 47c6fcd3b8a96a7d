import re
from xml.etree import ElementTree

import pytest

from data_contracts.night import Decision
from tasks.reporting.evidence import MAX_ROWS, Gain, gains, svg
from tasks.reporting.page import render_page

NUMBERS = {
    "baseline.loss": 0.5,
    "tcn.loss": 0.4,
    "tcn.gain_over_champion": 0.02,
    "tcn.gain_over_champion_at_least": -0.01,
    "tcn.gain_over_champion_at_most": 0.05,
    "tcn.gain_over_baseline": 0.2,
    "tcn.gain_over_baseline_at_least": 0.15,
    "tcn.gain_over_baseline_at_most": 0.25,
}


def test_only_a_gain_whose_lower_bound_is_above_zero_is_proven():
    assert [(gain.reference, gain.is_proven) for gain in gains(NUMBERS)] == [
        ("champion", False),
        ("baseline", True),
    ]


def test_a_proven_gain_is_drawn_in_colour():
    (doubtful, proven) = gains(NUMBERS)
    assert "var(--hue)" in svg([proven])
    assert "var(--hue)" not in svg([doubtful])


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param([Gain("a", "b", 0.0, 0.0, 0.0)], id="no width"),
        pytest.param([Gain("a", "b", -50.0, -90.0, 0.9)], id="far out"),
        pytest.param([Gain("<b>$x_{$", "b", 0.1, 0.0, 0.2)], id="a hostile name"),
        pytest.param([Gain(f"v{k}", "b", 0.1, 0.0, 0.2) for k in range(99)], id="very many"),
    ],
)
def test_any_gain_can_be_drawn(shown):
    drawing = svg(shown)
    assert ElementTree.fromstring(drawing).tag == "svg"
    assert not re.search(r"#[0-9a-f]{6}\b|nan", drawing)
    assert drawing.count(" over ") == min(len(shown), MAX_ROWS)


def test_the_page_shows_the_evidence_where_there_is_any(make_page):
    decided = Decision(
        outcome="kept", reason="So.", champion="v1", previous="v1", origins=14, numbers=NUMBERS
    )
    assert "tcn over champion" in render_page(make_page(night={"decision": decided}))
    assert "beyond doubt" not in render_page(make_page())
