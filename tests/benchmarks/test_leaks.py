"""A part of the leak audit, small enough for every change; `benchmarks.leaks` is the whole.

Every decomposition is audited once beside Holt's level and trend, all scalings in each.
"""

import pytest

from benchmarks.decomposition.whole_series import decomposed_whole
from benchmarks.leaks import (
    Case,
    a_panel,
    all_cases,
    judges_what_it_learned,
    leaks,
    some_cases,
    uncompiled,
)
from models.decomposition.settings import METHODS
from models.networks import network_names

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def quickly():
    with uncompiled():
        yield


@pytest.fixture(scope="module")
def panel():
    return a_panel()


# With channels, and one network per component, which takes several times as long.
@pytest.mark.parametrize(
    "case", [*list(some_cases())[::2], Case("tcn", "stl", "networks")], ids=str
)
def test_nothing_after_the_cutoff_reaches_what_is_learned_or_forecast(case, panel):
    assert leaks(case, panel) == []


def test_a_series_that_is_decomposed_whole_is_caught(panel):
    with decomposed_whole():
        assert "forecast" in leaks(Case("tcn", "vmd"), panel)


def test_no_forecaster_is_judged_on_what_it_has_learned(panel):
    assert judges_what_it_learned(panel) == 0


def test_the_whole_audit_has_every_pair():
    cases = set(all_cases())

    assert len(cases) == len(network_names()) * (1 + 2 * len(METHODS)) * 2
    assert set(some_cases()) <= cases
