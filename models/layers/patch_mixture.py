"""Attention over raw past patches: what the future is expected to resemble."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class PatchMixture(keras.layers.Layer):
    """Mix past patches step by step under given attention, and say how far they differ.

    Only observed steps count: at each step of the patch the weights are shared out again among the
    patches that were observed there. Where none was, the mean is 0 and the spread is 1, which is
    what instance scaling calls usual.

    Args:
        per_step: Whether each step of a patch has weights of its own.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        weights: Attention, shape `(B, N, J, T)`, or `(B, N * p, J, T)` where `per_step`.
        patches: Scaled values, 0 where not observed, shape `(B, T, p)`.
        observed: 1 where observed, else 0, shape `(B, T, p)`.

    Returns:
        Mean and standard deviation under the weights, shape `(B, J, p, N)` each.
    """

    def __init__(self, per_step: bool = False, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.per_step = per_step

    @override
    def call(self, weights: Tensor, patches: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        if self.per_step:  # (B, N * p, J, T) -> (B, N, p, J, T)
            length = patches.shape[-1]
            heads = weights.shape[1] // length
            weights = ops.reshape(weights, (-1, heads, length, *weights.shape[2:]))
            mix = "bnpjt,btpm->bjpnm"
        else:
            mix = "bnjt,btpm->bjpnm"
        # Once for all three: the weights may be the largest tensor of a network.
        moments = ops.stack([observed, patches * observed, ops.square(patches) * observed], axis=-1)
        share, total, squares = ops.unstack(ops.einsum(mix, weights, moments), axis=-1)
        seen = ops.maximum(share, 1e-6)
        mean, square = total / seen, squares / seen
        # A tiny floor keeps the gradient of the root finite where all patches agree.
        spread = ops.sqrt(ops.maximum(square - ops.square(mean), 1e-4))
        return mean, ops.where(share > 1e-6, spread, 1.0)

    @override
    def compute_output_shape(
        self, weights_shape: Shape, patches_shape: Shape, observed_shape: Shape
    ) -> Any:
        heads = weights_shape[1] // (patches_shape[-1] if self.per_step else 1)
        mixed = (weights_shape[0], weights_shape[2], patches_shape[-1], heads)
        return mixed, mixed

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "per_step": self.per_step}
