from dataclasses import replace

import numpy as np
import pytest

from models.hierarchy.grouping import Grouping
from models.hierarchy.histories import panel_of_totals, recent_totals


@pytest.fixture
def panel(make_panel):
    """Two old series, one with a gap, and one that began two steps ago."""
    made = make_panel([[1, 2, 3, 4, 5], [10, 20, np.nan, 40, 50], [100, 200]], horizon=2)
    known = np.arange(len(made.y), dtype=np.float32)[:, None]
    static = np.array([["JFK", "B6"], ["JFK", "AA"], ["EWR", "AA"]])
    return replace(
        made,
        known=known,
        known_names=("rank",),
        static=static,
        static_names=("airport", "carrier"),
    )


@pytest.fixture
def grouping(panel):
    return Grouping.of({"airport": panel.labels["airport"]}, num_series=3, total=True)


TOTALS = {
    "total all": [11, 22, np.nan, 144, 255],
    "airport EWR": [np.nan, np.nan, np.nan, 100, 200],
    "airport JFK": [11, 22, np.nan, 44, 55],
}


def test_a_total_is_known_where_all_of_its_series_that_have_begun_are(panel, grouping):
    made = recent_totals(panel, grouping, num_steps=5)
    np.testing.assert_array_equal(made, list(TOTALS.values()))


def test_before_all_series_there_is_no_total(panel, grouping):
    assert np.isnan(recent_totals(panel, grouping, num_steps=8)[:, :3]).all()


def test_totals_are_series_of_a_panel(panel, grouping):
    made = panel_of_totals(panel, grouping)

    assert made.unique_ids == tuple(TOTALS)
    assert made.lengths.tolist() == [5, 2, 5]
    for at, expected in enumerate(TOTALS.values()):
        history = made.history(at)
        np.testing.assert_array_equal(history, expected[-len(history) :])
    assert np.isnan(made.y[made.indptr[1:] - 1]).all()
    np.testing.assert_array_equal(made.observed, ~np.isnan(made.y))


def test_covariates_of_a_total_are_the_means_of_its_series(panel, grouping):
    made = panel_of_totals(panel, grouping)
    of_jfk = made.known[made.indptr[2] : made.indptr[3], 0]
    np.testing.assert_array_equal(of_jfk, np.arange(7) + 3.5)


def test_a_total_has_the_texts_that_its_series_share(panel, grouping):
    made = panel_of_totals(panel, grouping)
    assert made.static.tolist() == [["", ""], ["EWR", "AA"], ["JFK", ""]]
