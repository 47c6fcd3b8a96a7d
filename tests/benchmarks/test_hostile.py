import pandas as pd
import pytest

from benchmarks.hostile.__main__ import LEAST_CASES, judged, of_catalogue, of_nights
from benchmarks.hostile.catalogue import CASES
from benchmarks.hostile.material import AUTUMN, PASSED, Case, clean, last, of, put, some, write
from benchmarks.hostile.outcomes import Outcome, check, judge

BY_NAME = {case.name: case for case in CASES}


def test_the_catalogue_has_the_ways_that_it_has_to_and_each_name_once():
    assert len(CASES) >= LEAST_CASES
    assert len(BY_NAME) == len(CASES)
    assert all(case.words for case in CASES)


def test_every_way_spoils_a_copy_and_leaves_the_sample_as_it_is():
    before = clean(AUTUMN).copy()

    for case in CASES:
        case.spoil(clean(case.cut).copy())

    pd.testing.assert_frame_equal(clean(AUTUMN), before)


@pytest.mark.parametrize(
    "name",
    ["truncated", "text in y", "null series", "too late", "rows in another order", "some nulls"],
)
def test_a_way_ends_as_expected(name):
    (found,) = judged([BY_NAME[name]], nights=False)

    assert found.complaints == ()


@pytest.mark.parametrize("name", ["null series", "large offset", "too late"])
def test_a_night_publishes_a_whole_batch_or_none(name):
    (found,) = judged([BY_NAME[name]], nights=True)

    assert found.trouble == ()


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        (Outcome("passed"), "passed and not quarantine"),
        (Outcome("traceback"), "traceback and not quarantine"),
        (Outcome("quarantine", frozenset({"alive"}), frozenset({"LGA-UA"})), "observed is silent"),
        (Outcome("quarantine", frozenset({"observed"}), frozenset({"x"})), "aside are x and not"),
    ],
    ids=["silence", "traceback", "another rule", "another series"],
)
def test_what_is_not_as_expected_is_said_and_counted(outcome, complaint):
    found = judge(BY_NAME["null series"], outcome)

    assert complaint in found.complaints[0]
    assert any(figure.falls_short for figure in of_catalogue([found], 0.1))


def test_a_night_in_trouble_falls_short():
    found = judge(BY_NAME["some nulls"], Outcome("passed"), ["no forecast for a"])

    assert [figure.falls_short for figure in of_nights([found])] == [False, True]


def test_a_panel_that_is_not_the_clean_one_is_noticed(tmp_path):
    case = Case("x", "x", PASSED, put(some(of("EWR-UA"), 1), 9), same_panel=True)

    assert judge(case, check(case, write(case, tmp_path))).complaints == (
        "the panel is not that of clean data",
    )


def test_the_last_hours_end_at_the_cutoff():
    chosen = clean(AUTUMN)[last(3)(clean(AUTUMN))]

    assert sorted(set(chosen["ds"])) == [
        AUTUMN.cutoff - k * pd.Timedelta(hours=1) for k in (2, 1, 0)
    ]
