from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.spec import parse_spec
from tasks.reporting.page import render_page
from tasks.reporting.totals import shown_totals

NAMES = ["JFK-B6", "EWR-UA", "JFK-<i>DL</i>"]


@pytest.fixture
def spec():
    return parse_spec(
        {
            "source": {"uri": "in.parquet"},
            "calendar": {"frequency": "h"},
            "horizon": 2,
            "covariates": {"static": ["airport", "carrier"]},
            "hierarchy": {"by": ["airport", "carrier"], "total": True},
        }
    )


@pytest.fixture
def panel(make_panel):
    made = make_panel([[1, 2, 3, 4], [10, np.nan, 30, 40], [100, 200, 300, 400]], horizon=2)
    static = np.array([["JFK", "B6"], ["EWR", "UA"], ["JFK", "B6"]])
    return replace(
        made, unique_ids=tuple(NAMES), static=static, static_names=("airport", "carrier")
    )


@pytest.fixture
def totals(panel):
    """Two steps of every total: of the airports JFK is the largest, of the carriers UA."""
    sizes = {
        ("total", "all"): 5,
        ("airport", "EWR"): 1,
        ("airport", "JFK"): 4,
        ("carrier", "UA"): 9,
        ("carrier", "B6"): 2,
    }
    cutoff = panel.grid.timestamp(panel.cutoff_slot)
    parts = [
        pd.DataFrame(
            {
                "level": level,
                "unique_id": label,
                "cutoff": cutoff,
                "ds": panel.grid.timestamps(panel.cutoff_slot + np.array([1, 2])),
                "mean": float(size),
                **{f"q{k}": float(size) for k in range(10, 100, 10)},
                "series": 2,
                "substituted": int(label == "JFK"),
            }
        )
        for (level, label), size in sizes.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def shown(spec, panel, totals):
    return shown_totals(spec, panel, pd.DataFrame({"unique_id": NAMES}), totals)


def test_the_sum_of_all_comes_first_and_then_the_largest_of_the_first_column(shown):
    assert shown.names == ("all series", "airport JFK", "airport EWR")
    assert shown.remarks["airport JFK"] == "2 series, 1 substituted"
    assert shown.remarks["all series"] == "2 series"
    assert shown.note == "3 of 5; all of them are in totals.delta"


def test_a_missing_series_is_a_gap_and_no_low_value(shown):
    values = {name: rows["y"].tail(4).tolist() for name, rows in shown.actuals.groupby("unique_id")}
    np.testing.assert_array_equal(values["airport JFK"], [101, 202, 303, 404])
    np.testing.assert_array_equal(values["all series"], [111, np.nan, 333, 444])


def test_series_that_the_batch_lacks_are_in_no_actual(spec, panel, totals):
    shown = shown_totals(spec, panel, pd.DataFrame({"unique_id": NAMES[:2]}), totals)
    of_all = shown.actuals[shown.actuals["unique_id"] == "all series"]
    assert of_all["y"].iloc[-1] == 44


def test_without_totals_nothing_is_shown(spec, panel):
    assert shown_totals(spec, panel, pd.DataFrame({"unique_id": NAMES}), None) is None


def test_the_page_draws_totals_above_the_series(make_page, shown):
    assert "<h2>Totals" not in render_page(make_page())

    document = render_page(replace(make_page(), totals=shown))

    assert document.index("<h2>Totals") < document.index("<h2>Forecasts")
    assert "<h3>airport JFK</h3>" in document
    assert "2 series, 1 substituted" in document
