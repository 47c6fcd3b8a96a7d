import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.forecasters.counts import level_shares, spread_ties

DECILES = tuple(k / 10 for k in range(1, 10))
COUNTS = arrays(np.int64, (5, 9), elements=st.integers(-3, 6)).map(lambda q: np.sort(q, axis=-1))


def shares_by_hand(y, quantiles, levels):
    """The published levels as the text of the module has them, one value at a time."""
    edges = [0, *levels, 1]
    below = sum(q < y for q in quantiles)
    up_to = sum(q <= y for q in quantiles)
    before = (edges[below] + edges[below + 1]) / 2
    after = (edges[up_to] + edges[up_to + 1]) / 2
    if below == 0 and up_to == len(levels):
        before, after = 0, 1
    elif below == 0 < up_to:
        before = levels[0] ** 2 / after
    elif below < up_to == len(levels):
        after = 1 - (1 - levels[-1]) ** 2 / (1 - before)
    if before == after:
        return [float(level > before) for level in levels]
    return [min(max((level - before) / (after - before), 0), 1) for level in levels]


@given(COUNTS, arrays(np.int64, 5, elements=st.integers(-4, 7)))
def test_shares_answer_to_a_loop(quantiles, y):
    shares = level_shares(y, quantiles, levels=DECILES)

    expected = [shares_by_hand(*each, DECILES) for each in zip(y, quantiles, strict=True)]
    np.testing.assert_allclose(shares, expected, atol=1e-12)


@given(COUNTS)
def test_quantiles_whose_ties_are_spread_round_to_what_they_were(quantiles):
    spread = spread_ties(quantiles, levels=DECILES)

    np.testing.assert_array_equal(np.rint(spread), quantiles)
    assert (np.diff(spread, axis=-1) > 0).all()


@given(COUNTS, arrays(np.int64, 5, elements=st.integers(-4, 7)))
def test_a_jittered_actual_lies_below_a_spread_level_as_often_as_its_share_says(quantiles, y):
    spread = spread_ties(quantiles, levels=DECILES)

    chance = np.clip(spread - y[:, None] + 0.5, 0, 1)
    np.testing.assert_allclose(chance, level_shares(y, quantiles, levels=DECILES), atol=1e-9)


def test_without_ties_a_share_is_whether_the_quantile_lies_above():
    rng = np.random.default_rng(1)
    y, quantiles = rng.normal(size=50), np.sort(rng.normal(size=(50, 9)), axis=-1)

    np.testing.assert_array_equal(
        level_shares(y, quantiles, levels=DECILES), y[:, None] < quantiles
    )


@pytest.mark.parametrize("where", ["actual", "forecast"])
def test_what_is_not_known_has_no_share(where):
    y, quantiles = np.zeros(2), np.zeros((2, 9))
    if where == "actual":
        y[0] = np.nan
    else:
        quantiles[0, 3] = np.nan

    shares = level_shares(y, quantiles, levels=DECILES)

    assert np.isnan(shares[0]).all()
    np.testing.assert_allclose(shares[1], DECILES)
