import numpy as np
import pytest

from models.hierarchy.grouping import Grouping

LABELS = {"airport": ("JFK", "EWR", "JFK", ""), "carrier": ("B6", "B6", "AA", "AA")}


@pytest.fixture
def grouping():
    return Grouping.of(LABELS, num_series=4, total=True)


def test_there_is_a_total_for_every_label_and_one_of_all(grouping):
    named = list(zip(grouping.levels, grouping.labels, grouping.sizes.tolist(), strict=True))
    assert named == [
        ("total", "all", 4),
        ("airport", "(no label)", 1),
        ("airport", "EWR", 1),
        ("airport", "JFK", 2),
        ("carrier", "AA", 2),
        ("carrier", "B6", 2),
    ]


def test_sums_are_those_of_the_matrix_however_many_series_there_are():
    rng = np.random.default_rng(0)
    labels = {"shop": [f"s{k}" for k in rng.integers(0, 40, 1500)]}
    grouping = Grouping.of(labels, num_series=1500, total=True)
    values = rng.normal(size=(1500, 3, 2))

    made = grouping.sums(values)

    np.testing.assert_allclose(made, np.einsum("ns,shq->nhq", grouping.matrix(), values))


def test_parts_add_up_to_the_whole(grouping):
    values, sums = np.arange(8.0).reshape(4, 2), np.zeros((6, 2))
    grouping.add(sums, values[:3], begin=0)
    grouping.add(sums, values[3:], begin=3)

    np.testing.assert_array_equal(sums, grouping.sums(values))


def test_a_series_without_a_value_leaves_its_totals_without_one(grouping):
    made = grouping.sums(np.array([1.0, np.nan, 1, 1]))
    assert dict(zip(grouping.labels, np.isnan(made).tolist(), strict=True)) == {
        "all": True,
        "(no label)": False,
        "EWR": True,
        "JFK": False,
        "AA": False,
        "B6": True,
    }


def test_no_totals_are_no_totals():
    assert Grouping.of({}, num_series=3, total=False).num_totals == 0
