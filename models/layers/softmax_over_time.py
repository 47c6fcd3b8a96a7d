"""The softmax of attention, over tokens that may be masked or single."""

from keras import ops

from models.layers import Tensor


def softmax_over_time(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Weights that are positive and sum to 1 over the last axis.

    Keras's own warns where that axis has length one, which a short context makes quite usual.

    Args:
        scores: Shape `(B, N, J, T)`.
        mask: Optional, shape `(B, T)`; tokens where it is False get no weight. Where it is False
            everywhere all tokens weigh the same.
    """
    if mask is not None:
        scores = ops.where(mask[:, None, None, :], scores, -1e9)
    powers = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)
