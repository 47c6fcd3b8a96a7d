import keras
import numpy as np
import pytest

from models.layers.multi_head_attention import MultiHeadAttention

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(2, 3, 4)).astype("float32")  # (B, J, W)
STATES = RNG.normal(size=(2, 5, 6)).astype("float32")  # (B, T, U)
MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all-states", "masked"])
def test_it_equals_the_layer_of_keras_with_the_same_weights(mask):
    ours = MultiHeadAttention(num_heads=2, key_dim=3)
    theirs = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    ours(QUERIES, STATES)
    theirs.build(QUERIES.shape, STATES.shape)
    weights = {weight.path.split("/", 1)[1]: weight for weight in ours.weights}
    for part in ("query", "key"):
        getattr(theirs, f"{part}_dense").set_weights(
            [weights[f"head_weights/{part}_kernel"], RNG.normal(size=(2, 3))]
        )
        weights[f"head_weights/{part}_bias"].assign(getattr(theirs, f"{part}_dense").bias)
    theirs.value_dense.set_weights([weights["value_kernel"], weights["value_bias"]])
    theirs.output_dense.set_weights([weights["output_kernel"], weights["output_bias"]])

    expected = theirs(QUERIES, STATES, attention_mask=None if mask is None else mask[:, None, :])

    np.testing.assert_allclose(ours(QUERIES, STATES, mask), expected, atol=1e-5)


def test_it_keeps_what_every_layer_owes(check_layer):
    check_layer(MultiHeadAttention(num_heads=2, key_dim=3), QUERIES, STATES, MASK)


def test_masked_states_do_not_count():
    layer = MultiHeadAttention(num_heads=2, key_dim=3)
    mask = np.array([[True, True, False, False, False]] * 2)

    np.testing.assert_allclose(
        layer(QUERIES, STATES, mask), layer(QUERIES, STATES[:, :2]), rtol=1e-4, atol=1e-6
    )
