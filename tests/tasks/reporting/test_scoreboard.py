import numpy as np
import pandas as pd

from data_contracts.night import Decision
from tasks.reporting.scoreboard import MAX_SERIES, by_series, contenders, publisher


def table_of(mase):
    rows = [
        (name, model, role, value)
        for name, values in mase.items()
        for (model, role), value in values.items()
    ]
    return pd.DataFrame(rows, columns=["unique_id", "model", "role", "mase"])


BASELINE = ("seasonal_naive", "baseline")
CHALLENGER = ("attention_lstm", "challenger")
CHAMPION = ("attention_lstm", "champion")


def test_the_smallest_error_comes_first_and_is_best(make_page):
    rows = contenders(make_page().night)

    assert [row.score.mase for row in rows] == [0.6, 0.7, 0.8]
    assert [row.mase.is_best for row in rows] == [True, False, False]
    assert [row.wql.is_best for row in rows] == [False, True, False]
    assert [row.is_in_service for row in rows] == [True, False, False]


def test_errors_are_compared_with_the_baseline_and_coverage_with_its_nominal(make_page):
    first, _, last = contenders(make_page().night)

    assert first.mase.detail == "−25.0%"
    assert last.mase.detail == ""
    assert first.coverage.detail == "−5.0 points"


def test_each_series_is_compared_by_the_contender_that_published(make_page):
    mase = {
        "a": {BASELINE: 1.0, CHALLENGER: 0.9, CHAMPION: 5.0},
        "b": {BASELINE: 0.5, CHALLENGER: 0.6, CHAMPION: 5.0},
        "c": {BASELINE: 2.0, CHALLENGER: 1.0, CHAMPION: 5.0},
        "unknown": {BASELINE: 2.0, CHALLENGER: np.nan},
        "flat": {BASELINE: 0.0, CHALLENGER: 1.0},
        "unmatched": {CHALLENGER: 1.0},
    }

    table = by_series(make_page().night, table_of(mase))

    assert [row.unique_id for row in table.rows] == ["c", "a", "b"]
    for row in table.rows:
        ours, theirs = mase[row.unique_id][CHALLENGER], mase[row.unique_id][BASELINE]
        assert row.change == ours / theirs - 1
        assert row.contender_at == 100 * ours / 2.0
        assert row.baseline_at == 100 * theirs / 2.0
    assert (table.num_better, table.num_series) == (2, 3)


def test_where_the_baseline_published_the_best_network_is_compared(make_page):
    decision = Decision(outcome="baseline", reason="-", champion=None, previous=None, origins=14)
    night = make_page(
        night={
            "decision": decision,
            "model": "seasonal_naive",
            "model_version": "seasonal_naive",
        }
    ).night

    assert publisher(night).role == "baseline"
    assert by_series(night, table_of({"a": {BASELINE: 1.0, CHALLENGER: 0.9}})).rows


def test_of_many_series_both_ends_are_kept(make_page):
    changes = np.linspace(-0.5, 0.5, 200)
    mase = {
        f"s{k:03d}": {BASELINE: 1.0, CHALLENGER: 1 + change} for k, change in enumerate(changes)
    }

    table = by_series(make_page().night, table_of(mase))

    kept = [row.unique_id for row in table.rows]
    assert kept == [f"s{k:03d}" for k in (*range(30), *range(170, 200))]
    assert len(kept) == MAX_SERIES
    assert table.num_series == 200


def test_a_night_without_scores_has_no_comparison(make_page):
    night = make_page(night={"scores": ()}).night

    assert by_series(night, table_of({"a": {BASELINE: 1.0}})) is None
    assert by_series(make_page().night, None) is None
    assert by_series(make_page().night, table_of({"a": {BASELINE: 1.0}})) is None
