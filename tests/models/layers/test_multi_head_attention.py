import keras
import numpy as np
import pytest

from models.layers.multi_head_attention import MultiHeadAttention

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(2, 3, 4)).astype("float32")  # (B, J, W)
STATES = RNG.normal(size=(2, 5, 6)).astype("float32")  # (B, T, U)
STATES_MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
QUERIES_MASK = np.array([[1, 0, 1], [0, 1, 1]], bool)
MASKS = {
    "no-mask": {},
    "states": {"states_mask": STATES_MASK},
    "queries": {"queries_mask": QUERIES_MASK},
    "both": {"states_mask": STATES_MASK, "queries_mask": QUERIES_MASK},
    "nothing-to-see": {"states_mask": np.zeros_like(STATES_MASK)},
}


def _pair_with_the_same_weights():
    """Our layer and Keras's, with biases that are not zero."""
    ours = MultiHeadAttention(num_heads=2, key_dim=3)
    theirs = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    ours.build(QUERIES.shape, STATES.shape)
    theirs.build(QUERIES.shape, STATES.shape)
    ours.set_weights([RNG.normal(size=weight.shape) for weight in ours.weights])
    weights = {weight.path.split("/")[-1]: weight for weight in ours.weights}
    for part in ("query", "key", "value", "output"):
        dense = getattr(theirs, f"{part}_dense")
        dense.set_weights([weights[f"{part}_kernel"], weights[f"{part}_bias"]])
    return ours, theirs


def _looking(states_mask=True, queries_mask=True):
    """The mask that Keras makes of a mask of states and one of queries, shape `(B, J, T)`."""
    allowed = np.ones((2, 3, 5), bool)
    allowed &= np.reshape(states_mask, (*np.shape(states_mask)[:1], 1, -1))
    return allowed & np.reshape(queries_mask, (*np.shape(queries_mask), 1))


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
def test_it_equals_the_layer_of_keras_with_the_same_weights(masks):
    ours, theirs = _pair_with_the_same_weights()

    expected, scores = theirs(
        QUERIES, STATES, attention_mask=_looking(**masks), return_attention_scores=True
    )

    np.testing.assert_allclose(ours(QUERIES, STATES, **masks), expected, atol=1e-5)
    masks = {name.replace("states", "keys"): mask for name, mask in masks.items()}
    weights = ours.head_weights(QUERIES, STATES, **masks)
    np.testing.assert_allclose(weights, scores, atol=1e-5)


def test_a_masked_query_gives_the_last_bias_alone():
    ours, _ = _pair_with_the_same_weights()

    summaries = np.asarray(ours(QUERIES, STATES, queries_mask=QUERIES_MASK))

    np.testing.assert_allclose(summaries[~QUERIES_MASK], [ours.output_bias] * 2, rtol=1e-6)


def test_it_keeps_what_every_layer_owes(check_layer):
    layer = MultiHeadAttention(num_heads=2, key_dim=3)

    check_layer(layer, QUERIES, STATES, STATES_MASK, QUERIES_MASK)


def test_masked_states_do_not_count():
    layer = MultiHeadAttention(num_heads=2, key_dim=3)
    mask = np.array([[True, True, False, False, False]] * 2)

    np.testing.assert_allclose(
        layer(QUERIES, STATES, mask), layer(QUERIES, STATES[:, :2]), rtol=1e-4, atol=1e-6
    )
