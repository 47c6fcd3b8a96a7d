"""The level of some past patches, the shape of others."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class LevelAndShape(keras.layers.Layer):
    """Put several mixtures of past patches together to one patch, level and shape apart.

    A series keeps the level of its last days and the shape of its last weeks, so the heads that
    know one best are seldom those that know the other. Each mixture is split into its mean over
    the patch and what remains; two softmaxes over the heads, asked by what is known about the
    patch, weigh both. They start out equal, which is the mean of all mixtures.

    Call arguments:
        mixtures: One patch per head, shape `(B, J, p, N)`.
        told: What is known about each patch, shape `(B, J, W)`.

    Returns:
        One patch, shape `(B, J, p, 1)`.
    """

    @override
    def build(self, mixtures_shape: Shape, told_shape: Shape) -> None:
        heads = mixtures_shape[-1]
        for part in ("level", "shape"):
            kernel = self.add_weight((told_shape[-1], heads), "zeros", name=f"{part}_kernel")
            bias = self.add_weight((heads,), "zeros", name=f"{part}_bias")
            setattr(self, f"_{part}", (kernel, bias))

    @override
    def call(self, mixtures: Tensor, told: Tensor) -> Tensor:
        levels = ops.mean(mixtures, axis=2, keepdims=True)
        level = ops.sum(levels * self._shares(told, self._level), axis=-1, keepdims=True)
        shapes = (mixtures - levels) * self._shares(told, self._shape)
        return level + ops.sum(shapes, axis=-1, keepdims=True)

    def _shares(self, told: Tensor, weights: tuple[Any, Any]) -> Tensor:
        """How much each head counts, shape `(B, J, 1, N)`."""
        kernel, bias = weights
        return ops.expand_dims(ops.softmax(ops.matmul(told, kernel) + bias, axis=-1), axis=2)

    @override
    def compute_output_shape(self, mixtures_shape: Shape, told_shape: Shape) -> Shape:
        return *mixtures_shape[:-1], 1
