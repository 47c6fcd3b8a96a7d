import numpy as np
import pytest
from keras import ops

from models.layers.softmax_over_time import softmax_over_time

SCORES = np.array([[[[0.0, np.log(3.0), 80.0]], [[5.0, 5.0, -80.0]]]], "float32")  # (1, 2, 1, 3)
TOKENS = np.array([[True, True, False]])

low_precision = pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])


@low_precision
def test_masked_tokens_weigh_nothing_by_hand_in_any_precision(dtype):
    weights = softmax_over_time(ops.cast(SCORES, dtype), ops.convert_to_tensor(TOKENS))

    assert ops.dtype(weights) == dtype
    expected = [[[[0.25, 0.75, 0.0]], [[0.5, 0.5, 0.0]]]]
    np.testing.assert_allclose(ops.cast(weights, "float32"), expected, atol=2e-3)


@low_precision
def test_where_nothing_may_be_looked_at_all_weights_are_zero(dtype):
    scores = ops.cast(SCORES, dtype)
    nothing = ops.convert_to_tensor(np.zeros((1, 3), bool))
    no_query = ops.convert_to_tensor(np.zeros((1, 1), bool))

    for weights in (softmax_over_time(scores, nothing), softmax_over_time(scores, None, no_query)):
        np.testing.assert_array_equal(ops.cast(weights, "float32"), np.zeros(SCORES.shape))


@pytest.mark.parametrize("size", [1e4, 1e30], ids=str)
def test_scores_of_any_size_give_weights_that_sum_to_one(size):
    weights = np.asarray(softmax_over_time(ops.convert_to_tensor(size * (SCORES - 1))))

    np.testing.assert_allclose(weights.sum(axis=-1), np.ones((1, 2, 1)), rtol=1e-6)
