import pytest

from data_contracts.errors import SpecError
from data_contracts.search import Space
from data_contracts.spec import parse_spec

FIELDS = {"source": {"uri": "a.parquet"}, "calendar": {"frequency": "h"}, "horizon": 24}


def space(ranges=None, **fields):
    return Space.of(parse_spec({**FIELDS, **fields, "tuning": {"ranges": ranges or {}}}))


@pytest.mark.parametrize("frequency", ["h", "15min", "D", "W-MON", "MS", "YS"])
def test_without_ranges_there_is_a_search_around_the_spec(frequency):
    usual = space(calendar={"frequency": frequency})

    now = usual.as_it_is
    assert now in [usual.settled(raw) for raw in usual.combinations()]
    assert 8 <= usual.size <= 100
    assert usual.changes(now) == {}


def test_values_of_the_spec_are_those_that_hold_by_default():
    assert space({"training.context_length": [168], "training.patch_length": [12]}).as_it_is == {
        "training.context_length": 336,
        "training.patch_length": 24,
    }


def test_a_spec_with_other_values_differs_in_these_alone():
    tried = space({"training.members": {"low": 1, "high": 3}, "candidates": ["tcn"]})

    spec = tried.with_values({"training.members": 3, "candidates": ("tcn",)})

    assert spec == parse_spec({**FIELDS, "candidates": ["tcn"]})


def test_values_that_contradict_each_other_are_refused():
    tried = space({"training.context_length": [12], "training.patch_length": [24]})

    with pytest.raises(SpecError, match="expected at most the context, 12 steps, got 24"):
        tried.with_values({"training.context_length": 12, "training.patch_length": 24})


@pytest.mark.parametrize(
    ("raw", "settled"),
    [
        ({"candidates": "tcn"}, {"candidates": ("tcn",)}),
        ({"candidates": ["tcn", "transformer"]}, {"candidates": ("tcn", "transformer")}),
        ({"training.context_length": None}, {"training.context_length": 336}),
        (
            {"training.context_length": 12, "training.patch_length": None},
            {"training.context_length": 12, "training.patch_length": 12},
        ),
    ],
)
def test_two_ways_to_write_a_value_are_the_same(raw, settled):
    assert space().settled(raw) == settled
