"""The softmax of attention, over tokens that may be masked or single."""

from keras import ops

from models.layers import Tensor


def softmax_over_time(
    scores: Tensor, tokens_mask: Tensor | None = None, queries_mask: Tensor | None = None
) -> Tensor:
    """Weights that sum to 1 over the last axis, or are 0 where nothing may be looked at.

    Computed in float32 whatever the scores are in. Keras's own warns where the last axis has length
    one, which a short context makes quite usual.

    Args:
        scores: Shape `(B, N, J, T)`.
        tokens_mask: Optional, shape `(B, T)`; tokens where it is False get no weight.
        queries_mask: Optional, shape `(B, J)`; queries where it is False look at nothing.

    Returns:
        As `scores`, in their dtype.
    """
    allowed = ops.ones_like(scores, dtype="bool")
    if tokens_mask is not None:
        allowed = ops.logical_and(allowed, tokens_mask[:, None, None, :])
    if queries_mask is not None:
        allowed = ops.logical_and(allowed, queries_mask[:, None, :, None])
    precise = ops.where(allowed, ops.cast(scores, "float32"), -1e9)
    highest = ops.stop_gradient(ops.max(precise, axis=-1, keepdims=True))
    powers = ops.where(allowed, ops.exp(precise - highest), 0.0)
    # The highest token has the power 1: only where nothing is allowed the sum is below a half.
    total = ops.maximum(ops.sum(powers, axis=-1, keepdims=True), 0.5)
    return ops.cast(powers / total, scores.dtype)
