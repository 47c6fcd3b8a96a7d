import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from data_contracts.night import Faithfulness
from tasks.reporting.artifacts import markdown
from tasks.reporting.attention import glances, sentence, svg, verdict
from tasks.reporting.page import render_page

CUTOFF = pd.Timestamp("2013-12-11T04:00Z")  # Tuesday 10 Dec, 23:00 in New York
HOUR = pd.Timedelta(hours=1)
FOUND = Faithfulness(
    series=20, held=0.95, held_random=0.9, held_older=0.8, most=0.08, least=0.01, random=0.02
)


def rows_of(name, weights, step="1h", steps=24, leads=(1,), cutoff=CUTOFF):
    """Weights of patches, the last one first."""
    positions = np.arange(1, len(weights) + 1)
    begins = cutoff + pd.Timedelta(step) * (1 - steps * positions)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "unique_id": name,
                    "lead": lead,
                    "position": positions,
                    "ds": pd.DatetimeIndex(begins),
                    "steps": steps,
                    "weight": np.array(weights, np.float32),
                }
            )
            for lead in leads
        ],
        ignore_index=True,
    )


def batch_of(name, step="1h", horizon=24, cutoff=CUTOFF):
    leads = np.arange(1, horizon + 1)
    times = pd.DatetimeIndex(cutoff + leads * pd.Timedelta(step))
    return pd.DataFrame({"unique_id": name, "lead": leads, "ds": times, "q50": 2.0})


def past_of(name, step="1h", steps=24 * 14, cutoff=CUTOFF):
    times = cutoff - pd.Timedelta(step) * np.arange(steps)[::-1]
    return pd.DataFrame(
        {"unique_id": name, "ds": pd.DatetimeIndex(times), "y": np.sin(np.arange(steps))}
    )


def glance_of(
    weights,
    name="JFK",
    *,
    step="1h",
    steps=24,
    horizon=24,
    leads=(1,),
    cutoff=CUTOFF,
    timezone="America/New_York",
):
    looked = rows_of(name, weights, step, steps, leads, cutoff)
    batch = batch_of(name, step, horizon, cutoff)
    past = past_of(name, step, steps * len(weights), cutoff)
    return glances(looked, batch, past, timezone=timezone)[0]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param(
            [0.41, 0.2, 0, 0, 0, 0, 0.1, 0.23, 0.06],
            "Wednesday 11 Dec looks like last Tuesday, 10 Dec (41%) and the Tuesday before last, "
            "3 Dec (23%).",
            id="two days",
        ),
        pytest.param(
            [0, 0, 0, 0, 0, 0, 1],
            "Wednesday 11 Dec looks like last Wednesday, 4 Dec (100%).",
            id="one day",
        ),
        pytest.param(
            [0.3, 0.25, 0.25, 0.25],
            "Wednesday 11 Dec looks like last Tuesday, 10 Dec (30%), last Monday, 9 Dec (25%) and "
            "last Sunday, 8 Dec (25%).",
            id="no more than three",
        ),
        pytest.param(
            [0.1] * 9 + [0.11],
            "Wednesday 11 Dec looks like many past days, most of all the Sunday before last, "
            "1 Dec (11%).",
            id="none in particular",
        ),
        pytest.param(
            [0.0] * 4,
            "Wednesday 11 Dec looks at nothing: no value was observed in the context.",
            id="nothing",
        ),
    ],
)
def test_the_days_that_weigh_most_are_named(weights, expected):
    assert sentence(glance_of(weights)) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param(
            {"step": "15min", "steps": 96, "horizon": 96, "cutoff": CUTOFF + HOUR / 4},
            "Wednesday 11 Dec looks like last Tuesday, 10 Dec (90%).",
            id="quarters of an hour",
        ),
        pytest.param(
            {"step": "1D", "steps": 7, "horizon": 28, "leads": (1, 8, 15, 22)},
            "The week from Wed 11 Dec looks like the week from Wed 4 Dec (90%).",
            id="days, the first of four weeks",
        ),
        pytest.param(
            {"step": "7D", "steps": 52, "horizon": 13},
            "The time from 17 Dec 2013 to 18 Mar 2014 looks like the year from 18 Dec 2012 (90%).",
            id="weeks",
        ),
    ],
)
def test_other_frequencies_have_other_words(sizes, expected):
    assert sentence(glance_of([0.9, 0.1], **sizes)) == expected


@pytest.mark.parametrize(
    "glance",
    [
        pytest.param(glance_of([0.41, 0.3, 0.29]), id="days"),
        pytest.param(glance_of([0.0] * 3), id="nothing observed"),
        pytest.param(glance_of([1.0]), id="a single patch"),
        pytest.param(glance_of([0.02] * 50), id="more days than letters"),
        pytest.param(glance_of([0.5, 0.5], horizon=1), id="a single step"),
        pytest.param(glance_of([0.5, 0.5], step="1D", steps=7, horizon=7), id="weeks"),
        pytest.param(glance_of([0.5, 0.5], name="<b>&$x$"), id="hostile"),
    ],
)
def test_any_glance_can_be_drawn(glance):
    drawing = svg(glance)

    assert ElementTree.fromstring(drawing).tag == "svg"
    assert not re.search(r"#[0-9a-f]{6}\b|nan", drawing)
    assert drawing == svg(glance)


def test_the_test_is_told_with_its_numbers():
    assert "in 19 of the series (in 80% where the last patch is left alone)" in verdict(FOUND)
    assert "So it does not explain" not in verdict(FOUND)


def test_what_could_not_be_asked_is_not_told():
    blind = FOUND.model_copy(update={"held_older": None, "most": float("nan")})

    assert "in 19 of the series, more than" in verdict(blind)
    assert "moves by n/a of its width" in verdict(blind)


@pytest.mark.parametrize("share", ["held", "held_random"])
def test_attention_that_fails_its_test_is_not_praised(share):
    failed = FOUND.model_copy(update={share: 0.5})

    assert verdict(failed).endswith("So it does not explain these forecasts.")


def test_the_page_and_the_artifact_say_where_forecasts_looked(make_page):
    looked = rows_of("JFK", [0.7, 0.2, 0.1])
    page = make_page(
        night={"faithfulness": FOUND},
        looked=looked,
        context=past_of("JFK"),
        batch=make_page().batch.assign(lead=lambda rows: rows.groupby("unique_id").cumcount() + 1),
    )

    told = "Wednesday 11 Dec looks like last Tuesday, 10 Dec (70%)."
    assert told in render_page(page)
    assert verdict(FOUND) in render_page(page)
    assert told.replace("(", "\\(").replace(")", "\\)") in markdown(page)
    assert "put to the test on 20 series" in markdown(page)


def test_a_night_of_the_baseline_has_no_such_section(make_page):
    assert "looked" not in render_page(make_page())
    assert "looked" not in markdown(make_page())
