import numpy as np
import pytest

from models.layers.head_weights import HeadWeights

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(2, 2, 4)).astype("float32")  # (B, J, W)
KEYS = RNG.normal(size=(2, 6, 5)).astype("float32")  # (B, T, U)
KEYS_MASK = np.array([[0, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 1]], bool)
QUERIES_MASK = np.array([[1, 0], [1, 1]], bool)


def _obvious(layer, bias):
    query_kernel, query_bias, key_kernel, key_bias = (np.asarray(w) for w in layer.weights[:4])
    weights = np.zeros((2, 3, 2, 6))
    for b, n, j in np.ndindex(2, 3, 2):
        query = QUERIES[b, j] @ query_kernel[:, n] + query_bias[n]
        keys = KEYS[b] @ key_kernel[:, n] + key_bias[n]
        exponents = np.exp(keys @ query / np.sqrt(4) + bias[n, j]) * KEYS_MASK[b]
        weights[b, n, j] = exponents / exponents.sum() if QUERIES_MASK[b, j] else 0
    return weights


def test_weights_equal_an_obvious_loop(check_layer):
    layer = HeadWeights(num_heads=3, key_dim=4)

    check_layer(layer, QUERIES, KEYS, KEYS_MASK, QUERIES_MASK)

    layer = HeadWeights(num_heads=3, key_dim=4)
    weights = layer(QUERIES, KEYS, KEYS_MASK, QUERIES_MASK)
    np.testing.assert_allclose(weights, _obvious(layer, np.zeros((3, 2, 6))), rtol=1e-4)


def test_heads_start_by_preferring_whole_seasons_before_the_query_and_the_recent(check_layer):
    layer = HeadWeights(num_heads=3, key_dim=4, lags=(1, 3))

    check_layer(layer, QUERIES, KEYS, KEYS_MASK, QUERIES_MASK)

    # Six keys; the first query stands one token after the last key, the second one two.
    every, third = [[2.0] * 6] * 2, [[0, 0, 0, 2.0, 0, 0], [0, 0, 0, 0, 2.0, 0]]
    third[0][0] = third[1][1] = 2.0
    fast, slow = (-np.log(2) * np.array([5, 4, 3, 2, 1, 0]) / half_life for half_life in (1, 2))
    bias = np.array([every + fast, third + fast, every + slow])
    layer = HeadWeights(num_heads=3, key_dim=4, lags=(1, 3))
    weights = layer(QUERIES, KEYS, KEYS_MASK, QUERIES_MASK)
    np.testing.assert_allclose(layer.position_bias, bias, rtol=1e-5)
    np.testing.assert_allclose(weights, _obvious(layer, bias), rtol=1e-4)


@pytest.mark.parametrize("bad", [{"num_heads": 0, "key_dim": 1}, {"num_heads": 1, "key_dim": 0}])
def test_sizes_must_be_positive(bad):
    with pytest.raises(ValueError, match="must be positive"):
        HeadWeights(**bad)
