from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from data_contracts.observations import BATCH_COLUMNS, COUNTED_ROWS, SERIES_COLUMNS
from tasks.stores import profile as module
from tasks.stores.profile import blocks_of, profile_batch, profile_series, sizes_of
from tasks.stores.recent import Spans

HORIZON, CUTOFF = 3, 500
SPANS = Spans(recent=2, month=8, season=4)
GAP = np.nan


@pytest.fixture
def build(make_panel):
    return partial(make_panel, horizon=HORIZON, cutoff_slot=CUTOFF, name="s{:03d}")


def counts_of(unique_ids):
    counts = {name: number for number, name in enumerate(COUNTED_ROWS, start=1)}
    return pd.DataFrame({"unique_id": list(unique_ids), **counts, "conflict_ds": pd.NaT})


def profile_of(panel, names=None, spans=SPANS, context_length=5):
    counts = counts_of(panel.unique_ids if names is None else names)
    sizes = sizes_of(panel, spans)
    return profile_series(panel, counts, spans, context_length=context_length, sizes=sizes)


def described(y):
    """What the profile says about one history, the obvious way."""
    places = [number for number, value in enumerate(y) if not np.isnan(value)]
    values = [float(np.float32(y[place])) for place in places]
    longest_gap = run = 0
    for value in y:
        run = run + 1 if np.isnan(value) else 0
        longest_gap = max(longest_gap, run)
    first_equal = len(values) - 1
    while first_equal > 0 and values[first_equal - 1] == values[-1]:
        first_equal -= 1
    first_slot = CUTOFF + 1 - len(y)
    return {
        "observed": len(values),
        "first_ds": pd.Timestamp((first_slot + places[0]) * 3600, unit="s", tz="UTC"),
        "last_ds": pd.Timestamp((first_slot + places[-1]) * 3600, unit="s", tz="UTC"),
        "history": len(y),
        "null_share": 1 - len(values) / len(y),
        "longest_gap": longest_gap,
        "age": len(y) - 1 - places[-1],
        "min": min(values),
        "max": max(values),
        "mean": np.mean(values),
        "std": np.std(values),
        "last": values[-1],
        "flat_tail": places[-1] - places[first_equal] + 1,
        "longest_flat": longest_flat(values[:first_equal], places),
    }


def longest_flat(values, places):
    """The steps of the longest run of equal values."""
    longest, begin = 0, 0
    for number, value in enumerate(values):
        begin = begin if number and value == values[number - 1] else places[number]
        longest = max(longest, places[number] - begin + 1)
    return longest


HISTORIES = [
    pytest.param([[1, 2, 3]], id="whole"),
    pytest.param([[1]], id="one step"),
    pytest.param([[1, GAP, GAP, 2, GAP]], id="gaps"),
    pytest.param([[1, GAP, GAP, GAP]], id="a gap up to the cutoff"),
    pytest.param([[4, 7, 7, GAP, 7, 7, GAP]], id="a flat tail with a gap in it"),
    pytest.param([[5, 5, 5]], id="flat from the beginning"),
    pytest.param([[0, 0], [0, GAP], [1, 0, 0]], id="zeros side by side"),
    pytest.param([[3, 3, GAP, 3, 0, 0, 0, 0, 1], [2, 2, 2]], id="a flat run before the last"),
    pytest.param([[4, GAP, GAP, 4, 5, GAP, 5]], id="a flat run with gaps before the last"),
    pytest.param([[9, 9], [9, 9, GAP, 9]], id="equal values across series"),
]


def check_against_loop(build, histories):
    panel = build(histories)
    profile = profile_of(panel)
    for number, y in enumerate(histories):
        for name, expected in described(y).items():
            found = profile[name].iloc[number]
            if isinstance(expected, pd.Timestamp):
                assert found == expected, name
            else:
                assert found == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("histories", HISTORIES)
def test_a_profile_is_what_a_loop_over_values_finds(build, histories):
    check_against_loop(build, histories)


@pytest.mark.parametrize("block_rows", [1, 40, 10_000])
def test_a_profile_does_not_depend_on_the_size_of_blocks(build, monkeypatch, block_rows):
    rng = np.random.default_rng(5)
    histories = [rng.integers(0, 3, size).astype(float) for size in rng.integers(1, 60, 30)]
    for y in histories:
        y[1:][rng.random(len(y) - 1) < 0.3] = GAP
    monkeypatch.setattr(module.blocks_of, "__defaults__", (block_rows,))

    check_against_loop(build, histories)


def test_columns_are_those_of_the_contract(build):
    panel = build([[1, 2], [3]])
    profile = profile_of(panel)

    assert tuple(profile.columns) == SERIES_COLUMNS
    assert tuple(profile_batch(profile, panel, SPANS, max_age=2).columns) == BATCH_COLUMNS
    assert str(profile["first_ds"].dtype) == "datetime64[us, UTC]"
    assert profile["rows"].tolist() == [1, 1]


def test_a_step_counts_as_ahead_where_all_that_is_known_ahead_is_there(build):
    panel = build([[1, 2], [3], [4, 5, 6]])
    known = np.zeros((len(panel.y), 2), np.float32)
    ends = panel.indptr[1:]
    known[ends[0] - 1, 0] = known[ends[0] - 3, 1] = GAP
    known[ends[1] - HORIZON : ends[1]] = GAP
    known[: ends[0] - HORIZON] = GAP  # before the cutoff

    profile = profile_of(replace(panel, known=known), [*panel.unique_ids, "x"])

    assert profile["ahead"].tolist() == [1, 0, 3, 0]
    assert profile_of(panel)["ahead"].tolist() == 3 * [HORIZON]


def test_the_covariate_that_lacks_most_of_the_context_is_what_is_told(build):
    panel = build([[1, 2, 3, 4, 5, 6, 7], [1, 2]])
    past = np.zeros((len(panel.y), 2), np.float32)
    past[[3, 5, 6], 0] = GAP  # two steps before the cutoff, and another one
    past[0, 1] = GAP  # before the context
    profile = profile_of(replace(panel, past=past))

    assert profile["covered"].tolist() == [pytest.approx(2 / 5), 1]
    assert profile["covariate_age"].tolist() == [2, 0]


def test_a_covariate_that_was_never_there_is_as_old_as_the_context(build):
    panel = build([[1, 2, 3, 4, 5, 6, 7], [1, 2]])
    past = np.full((len(panel.y), 1), GAP, np.float32)
    profile = profile_of(replace(panel, past=past))

    assert profile["covered"].tolist() == [0, 0]
    assert profile["covariate_age"].tolist() == [5, 2]


@pytest.mark.parametrize("role", ["past", "known"])
def test_recent_covariates_are_measured_in_ranges_of_their_history(build, role):
    panel = build([np.arange(12), np.arange(12), np.arange(12), np.arange(4)])
    values = np.zeros((len(panel.y), 2), np.float32)
    for series, (before, recent) in enumerate([(2, 7), (4, -10), (0, 9), (1, 99)]):
        begin, end = panel.indptr[series], panel.indptr[series + 1] - HORIZON
        values[begin, 1] = before  # so that the history goes from 0 to it
        values[end - 1, 1] = recent
        values[end : end + HORIZON] = 1e9  # nobody knows it yet, or it is another rule's business
    profile = profile_of(replace(panel, **{role: values}))

    # The third never changed before, and the fourth has too little history.
    assert profile["covariate_spike"].tolist() == [2.5, 2.5, 0, 0]


def test_a_covariate_that_is_missing_is_not_far_off(build):
    panel = build([np.arange(12)])
    past = np.full((len(panel.y), 1), GAP, np.float32)

    assert profile_of(replace(panel, past=past))["covariate_spike"].tolist() == [0]


@pytest.mark.parametrize(
    ("y", "fractions"),
    [
        ([*range(14), 1.5, 2.5], 2),
        ([*range(14), 1.5, GAP], 1),
        ([*range(4), 0.5, *range(11)], 0),
        ([*range(16)], 0),
        ([*range(7), 0.5], 0),
    ],
    ids=["new", "new and missing", "long known", "none", "a short history"],
)
def test_fractions_are_new_where_a_month_of_whole_numbers_came_before(build, y, fractions):
    assert profile_of(build([y]))["fractions"].tolist() == [fractions]


def test_a_series_that_was_never_observed_has_no_age_and_no_values(build):
    profile = profile_of(build([[1, 2]]), ["never", "s000"])
    never = profile.iloc[0]

    assert never["unique_id"] == "never"
    assert (never["observed"], never["history"], never["null_share"]) == (0, 0, 1)
    assert never[["first_ds", "last_ds", "age", "min", "mean"]].isna().all()


def test_a_batch_sums_its_series_and_takes_the_freshest(build):
    panel = build([[1, 2, 3, GAP, GAP, GAP], [1, GAP], [1, 2]])
    profile = profile_of(panel, ["empty", *panel.unique_ids])
    batch = profile_batch(profile, panel, SPANS, max_age=2)

    assert len(batch) == 1
    sums = {name: 4 * number for number, name in enumerate(COUNTED_ROWS, start=1)}
    del sums["nulls"]
    told = batch.iloc[0].dropna().to_dict()
    assert told == {
        "series": 4,
        **sums,
        "observed": 6,
        "age": 0,
        "longest_history": 6,
        "series_ending": 1,
        "recent_values": 3,
    }


def test_blocks_cover_every_series_once():
    indptr = np.cumsum([0, *np.random.default_rng(1).integers(1, 50, 200)])
    blocks = list(blocks_of(indptr, rows=90))

    assert [block[0] for block in blocks] == [0, *(block[1] for block in blocks[:-1])]
    assert blocks[-1][1] == 200
    for begin, end in blocks:
        assert end == begin + 1 or indptr[end] - indptr[begin] <= 90
