"""The softmax of attention, over tokens that may be masked or single."""

from keras import ops

from models.layers import Tensor

HIDDEN = -1e9  # a score that is lost beside any other


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
    precise = ops.cast(scores, "float32")
    if tokens_mask is not None:
        hidden = ops.where(tokens_mask, 0.0, HIDDEN)
        precise = precise + hidden[:, None, None, :]
    weights = _softmax(precise)
    if tokens_mask is not None:
        anything = ops.any(tokens_mask, axis=-1)[:, None, None, None]
        weights = weights * ops.cast(anything, "float32")
    if queries_mask is not None:
        weights = weights * ops.cast(queries_mask, "float32")[:, None, :, None]
    return ops.cast(weights, scores.dtype)


def _softmax(scores: Tensor) -> Tensor:
    """The backend's own, which passes once over what may be the largest tensor of a network."""
    return ops.softmax(scores) if scores.shape[-1] != 1 else ops.ones_like(scores)
