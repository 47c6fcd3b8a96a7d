import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from data_contracts.realised import OfLeads, OfModel, OfNight
from tasks.reporting.page import render_page
from tasks.reporting.realised import Look, coverage_svg, error_svg, view

ZONE = "America/New_York"


def score(**changes):
    known = {
        "rows": 480,
        "mase": 0.7,
        "wql": 0.1,
        "coverage": 0.78,
        "nominal_coverage": 0.8,
        "bias": 0.01,
        "baseline_mase": 0.9,
        "baseline_wql": 0.12,
        "baseline_coverage": 0.81,
        "gain": 0.2,
    }
    return known | changes


def look(*faults, **changes):
    """One night per fault, in words or empty."""
    first = pd.Timestamp("2013-10-01T03:00Z")
    nights = tuple(
        OfNight(
            cutoff=first + pd.Timedelta(days=day),
            model_version="v1",
            judged=True,
            fault=fault,
            **score(**changes),
        )
        for day, fault in enumerate(faults)
    )
    model = OfModel(model="<b>lstm</b>", days=7, nights=len(faults), **score(**changes))
    leads = OfLeads(first_lead=1, last_lead=6, **score(**changes))
    return Look((model,), (leads,), nights)


NOTHING = dict.fromkeys(("mase", "baseline_mase", "coverage", "gain"), np.nan)


@pytest.mark.parametrize(
    "nights",
    [
        pytest.param(look("", "").nights, id="two nights"),
        pytest.param(look(*[""] * 28).nights, id="four weeks"),
        pytest.param(look("", "bad").nights, id="a bad one"),
        pytest.param(look("", "", mase=0.0, baseline_mase=0.0, coverage=0.0).nights, id="zero"),
        pytest.param(look("", "", **NOTHING).nights, id="nothing known"),
    ],
)
def test_any_nights_can_be_drawn(nights):
    for drawing in (error_svg(nights, ZONE), coverage_svg(nights, ZONE)):
        assert ElementTree.fromstring(drawing).tag == "svg"
        assert not re.search(r"#[0-9a-f]{6}\b|nan", drawing)


def test_bad_nights_are_listed_the_latest_first_and_ringed():
    shown = view(look("", "too much loss", "too little coverage"), timezone=ZONE)

    assert [(night.day, night.fault) for night in shown.bad] == [
        ("Wed 2 Oct 2013", "too little coverage"),
        ("Tue 1 Oct 2013", "too much loss"),
    ]
    assert all("ringed: bad nights" in remark for _, remark, _ in shown.pictures)


def test_without_a_scored_night_nothing_is_shown_and_one_is_no_picture():
    assert view(None, timezone=ZONE) is None
    assert view(Look((), (), ()), timezone=ZONE) is None
    assert view(look(""), timezone=ZONE).pictures == ()


def test_a_loss_beyond_the_baseline_is_worse():
    (row,) = view(look("", gain=-0.1), timezone=ZONE).models

    assert (row.gain, row.tone) == ("−10.0%", "worse")
    assert (row.mase, row.baseline_mase, row.coverage) == ("0.700", "0.900", "78.0% of 80%")


def test_the_page_says_how_good_it_was_where_that_is_known(make_page):
    page = render_page(make_page(look_back=look("", "loss 2 times")))

    assert "How good it was" in page
    assert "loss 2 times" in page
    assert "&lt;b&gt;lstm&lt;/b&gt;" in page
    assert "How good it was" not in render_page(make_page())
