from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.spec import Contracts
from tasks.stores.rows_aside import count_by_series, describe, find_strays, to_set_aside, without

HORIZON, CUTOFF = 2, 60
GAP = np.nan


@pytest.fixture
def build(make_panel):
    """A panel of some histories with a covariate, the number of the row, and a static text."""

    def act(*histories):
        panel = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF, name="s{}")
        return replace(
            panel,
            past=np.arange(len(panel.y), dtype=np.float32)[:, None],
            past_names=("row",),
            static=np.array([[f"of {k}"] for k in range(panel.num_series)], np.str_),
            static_names=("place",),
        )

    return act


def wave(size=40):
    return np.arange(size) % 7.0


def spoilt(y, **values):
    y = y.copy()
    for place, value in values.items():
        y[int(place[1:])] = value
    return y


def strays(panel, **contracts):
    found = describe(panel, find_strays(panel, Contracts(**contracts)))
    return list(zip(found["unique_id"], found["expectation"], found["value"], strict=True))


def test_ordinary_values_are_no_strays(build):
    assert strays(build(wave(), [1, GAP, 900], np.zeros(30))) == []


@pytest.mark.parametrize(
    ("contracts", "value", "name"),
    [
        ({"min_value": 0}, -1, "in_bounds"),
        ({"max_value": 6}, 6.5, "in_bounds"),
        ({"numbers": "whole"}, 2.5, "whole_numbers"),
        ({}, 999, "no_spikes"),
        ({}, -999, "no_spikes"),
    ],
    ids=["below", "above", "a fraction", "high", "low"],
)
def test_a_value_that_breaks_a_rule_is_a_stray(build, contracts, value, name):
    panel = build(wave(), spoilt(wave(), _5=value))
    assert strays(panel, **contracts) == [("s1", name, value)]


def test_a_value_on_the_bound_is_none(build):
    y = np.float32(0.1) + wave() / 10
    assert strays(build(y), min_value=0.1, max_value=float(np.float32(0.1) + 0.6)) == []


def test_what_breaks_two_rules_is_set_aside_once(build):
    panel = build(spoilt(wave(), _5=-999))
    assert strays(panel, min_value=0) == [("s0", "in_bounds", -999)]


def test_a_spike_is_seen_beside_another_one(build):
    panel = build(spoilt(wave(400), _5=1e9, _90=1e9, _200=-1e9))
    assert [value for *_, value in strays(panel)] == [1e9, 1e9, -1e9]


@pytest.mark.parametrize("value", [-999, 1e9])
def test_a_sentinel_in_each_tenth_row_is_not_what_is_usual(build, value):
    y = wave(400)
    y[5::10] = value
    assert [told for *_, told in strays(build(y))] == [value] * 40


def test_where_most_values_are_zero_rare_large_ones_are_usual(build):
    y = np.zeros(400)
    y[5::20] = 500
    assert strays(build(y)) == []


@pytest.mark.parametrize(
    ("severity", "found", "aside"),
    [("off", 0, 0), ("note", 1, 0), ("warning", 1, 0), ("quarantine", 1, 1), ("critical", 1, 1)],
)
def test_a_spike_is_found_and_set_aside_as_the_spec_wants_it(build, severity, found, aside):
    contracts = Contracts(severity={"no_spikes": severity}, max_value=1e8)
    strays = find_strays(build(spoilt(wave(), _5=1e7, _9=2e8)), contracts)
    assert len(strays) == 1 + found
    assert len(to_set_aside(strays, contracts)) == 1 + aside


def test_the_step_and_the_bound_of_a_stray_are_told(build):
    panel = build(wave(), spoilt(wave(20), _5=-3))
    found = describe(panel, find_strays(panel, Contracts(min_value=0)))
    assert found["ds"].tolist() == [pd.Timestamp((CUTOFF - 19 + 5) * 3600, unit="s", tz="UTC")]
    assert found["bound"].tolist() == [0]


def test_strays_are_counted_by_series_and_rule(build):
    panel = build(wave(), spoilt(wave(), _5=-3, _6=8, _7=900))
    counts = count_by_series(panel, find_strays(panel, Contracts(min_value=0, max_value=7)))
    assert counts.loc["s1"].to_dict() == {"out_of_bounds": 3, "not_whole": 0, "spikes": 0}
    assert counts.loc["s0"].sum() == 0


def test_without_them_they_were_not_observed(build):
    panel = build(wave(), spoilt(wave(), _5=-3))
    left = without(panel, find_strays(panel, Contracts(min_value=0)))
    assert np.flatnonzero(np.isnan(left.history(1))).tolist() == [5]
    assert not left.observed[left.indptr[1] + 5]
    np.testing.assert_array_equal(left.history(0), wave().astype(np.float32))


def test_a_series_begins_at_its_first_value_that_is_left(build):
    panel = build(spoilt(wave(), _0=-1, _1=-1), wave(10), [-1, -1])
    rows = panel.past[:, 0].copy()
    left = without(panel, find_strays(panel, Contracts(min_value=0)))

    assert left.unique_ids == ("s0", "s1")
    assert left.static.ravel().tolist() == ["of 0", "of 1"]
    assert left.lengths.tolist() == [38, 10]
    np.testing.assert_array_equal(left.history(0), wave()[2:].astype(np.float32))
    np.testing.assert_array_equal(left.past[:, 0], np.r_[rows[2:42], rows[42:54]])
    assert left.observed[left.indptr[:-1]].all()


def test_a_high_season_that_comes_again_is_no_spike(build):
    rng = np.random.default_rng(2)
    y = rng.poisson(200, 83).astype(float)
    y[11::12] = rng.poisson(3000, 6)
    assert strays(build(y)) == []


def test_a_month_of_counts_that_comes_again_is_no_word_for_missing(build):
    rng = np.random.default_rng(4)
    y = rng.poisson(2, 800).astype(float)
    for begin in (70, 435):
        y[begin : begin + 29] = rng.poisson(150, 29)
    assert strays(build(y)) == []


@pytest.mark.parametrize(
    "extremes",
    [{"_90": 300, "_91": 320, "_92": 310}, {"_20": 300, "_300": 310}],
    ids=["a promotion", "bulk orders"],
)
def test_what_lasts_or_comes_again_is_no_spike(build, extremes):
    assert strays(build(spoilt(wave(400), **extremes))) == []


def test_a_word_for_missing_is_seen_wherever_it_stands(build):
    panel = build(spoilt(wave(400), _5=-999, _6=-999, _7=-999, _300=-999, _301=9999, _302=9999))
    assert [value for *_, value in strays(panel)] == [-999] * 4 + [9999] * 2
