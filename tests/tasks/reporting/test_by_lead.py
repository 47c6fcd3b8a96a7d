import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tasks.reporting.by_lead import coverage_svg, error_svg
from tasks.reporting.page import render_page

WHO = "attention_lstm", "challenger"


def leads_of(horizon=24, mase=0.6, coverage=0.8, raw=0.7):
    parts = [
        pd.DataFrame(
            {
                "model": model,
                "role": role,
                "lead": np.arange(1, horizon + 1),
                "mase": factor * mase,
                "coverage": coverage,
                "raw_coverage": raw,
            }
        )
        for model, role, factor in (("seasonal_naive", "baseline", 1.5), (*WHO, 1.0))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    "leads",
    [
        pytest.param(leads_of(), id="a day of hours"),
        pytest.param(leads_of(horizon=2), id="two leads"),
        pytest.param(leads_of(horizon=500), id="more leads than dots"),
        pytest.param(leads_of(mase=0.0, coverage=0.0), id="zero"),
        pytest.param(leads_of(mase=np.nan, coverage=np.nan), id="never observed"),
    ],
)
def test_any_scores_by_lead_can_be_drawn(leads):
    for drawing in (error_svg(leads, *WHO), coverage_svg(leads, *WHO, nominal=0.8)):
        assert ElementTree.fromstring(drawing).tag == "svg"
        assert not re.search(r"#[0-9a-f]{6}\b|nan", drawing)


def test_the_baseline_stands_beside_a_network_and_alone_by_itself():
    assert "var(--ink)" in error_svg(leads_of(), *WHO)
    assert "var(--ink)" not in error_svg(leads_of(), "seasonal_naive", "baseline")


def test_coverage_before_the_adjustment_is_drawn_where_there_was_one(make_page):
    grey = "stroke: var(--muted); stroke-width: 1.4"
    assert grey in coverage_svg(leads_of(), *WHO, nominal=0.8)
    assert grey not in coverage_svg(leads_of(raw=np.nan), *WHO, nominal=0.8)
    assert "without what past errors taught" in render_page(make_page(lead_scores=leads_of()))


def test_the_page_shows_accuracy_by_lead_of_who_published(make_page):
    page = render_page(make_page(lead_scores=leads_of()))
    assert "Accuracy by lead" in page
    assert "attention_lstm in colour, the baseline in ink" in page
    assert "Accuracy by lead" not in render_page(make_page())
