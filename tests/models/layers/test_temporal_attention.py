import numpy as np
import pytest

from models.layers.temporal_attention import TemporalAttention

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(2, 3, 4)).astype("float32")  # (B, J, W)
STATES = RNG.normal(size=(2, 5, 6)).astype("float32")  # (B, T, U)
MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)


def _obvious(layer, mask):
    query_kernel, state_kernel, bias, score_kernel = (np.asarray(w) for w in layer.weights)
    weights = np.zeros((2, layer.num_features, 3, 5))
    for b, f, j in np.ndindex(2, layer.num_features, 3):
        exponents = []
        for t in range(5):
            energy = np.tanh(QUERIES[b, j] @ query_kernel + STATES[b, t] @ state_kernel + bias)
            exponents.append(np.exp(energy @ score_kernel[:, f]) if mask[b, t] else 0.0)
        weights[b, f, j] = exponents / np.sum(exponents)
    return weights


@pytest.mark.parametrize("num_features", [1, 7], ids=["one-for-all-features", "one-per-feature"])
def test_weights_equal_an_obvious_loop(check_layer, num_features):
    layer = TemporalAttention(units=8, num_features=num_features)

    weights = check_layer(layer, QUERIES, STATES, MASK)

    layer = TemporalAttention(units=8, num_features=num_features)
    np.testing.assert_allclose(layer(QUERIES, STATES, MASK), _obvious(layer, MASK), rtol=1e-4)
    np.testing.assert_allclose(weights.sum(axis=-1), np.ones((2, num_features, 3)), rtol=1e-5)


def test_without_a_mask_all_tokens_count():
    layer = TemporalAttention(units=8)

    weights = layer(QUERIES, STATES)

    np.testing.assert_allclose(weights, _obvious(layer, np.ones((2, 5), bool)), rtol=1e-4)


def test_where_nothing_is_usable_no_token_weighs_anything():
    weights = TemporalAttention(units=8)(QUERIES, STATES, np.zeros((2, 5), bool))

    np.testing.assert_array_equal(weights, np.zeros((2, 1, 3, 5)))


@pytest.mark.parametrize("bad", [{"units": 0}, {"units": 2, "num_features": 0}])
def test_sizes_must_be_positive(bad):
    with pytest.raises(ValueError, match="must be positive"):
        TemporalAttention(**bad)
