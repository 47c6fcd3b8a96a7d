import pyarrow as pa
import pytest

from data_contracts.attention import broken_sums


def rows_of(weights, observed=(24, 24, 24), **columns):
    usual = {
        "unique_id": ["JFK"] * 3,
        "head": ["mean"] * 3,
        "lead": [1, 1, 1],
        "observed": list(observed),
        "weight": pa.array(weights, pa.float32()),
    }
    return pa.table({**usual, **columns})


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(rows_of([0.5, 0.2, 0.3]), id="sum of one"),
        pytest.param(rows_of([0.5, 0.2, 0.30005]), id="rounded"),
        pytest.param(rows_of([0, 0, 0], observed=(0, 0, 0)), id="nothing observed"),
        pytest.param(rows_of([1, 1, 1], head=["1.1", "1.2", "mean"]), id="a sum per head"),
        pytest.param(rows_of([1, 1, 1], lead=[1, 25, 49]), id="a sum per stretch"),
    ],
)
def test_weights_that_sum_to_one_or_to_nothing_are_accepted(rows):
    assert broken_sums(rows) == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        pytest.param(rows_of([0.5, 0.2, 0.2]), "sum to 1, or to 0", id="too little"),
        pytest.param(rows_of([0.5, 0.4, 0.3]), "sum to 1, or to 0", id="too much"),
        pytest.param(rows_of([0, 0, 0]), "sum to 1, or to 0", id="nothing of what was observed"),
        pytest.param(rows_of([1.2, -0.2, 0]), "no weight below 0 or missing", id="negative"),
        pytest.param(rows_of([float("nan"), 0, 1]), "no weight below 0 or missing", id="NaN"),
        pytest.param(rows_of([None, 0, 1]), "no weight below 0 or missing", id="null"),
        pytest.param(
            rows_of([0.5, 0.2, 0.3], observed=(0, 24, 24)), "without an observation", id="on a gap"
        ),
    ],
)
def test_other_weights_are_named(rows, sentence):
    told = broken_sums(rows)

    assert len(told) == 1
    assert sentence in told[0]
    assert told[0].endswith("such as those of JFK, head mean, lead 1.")
