"""Learned features of where a step lies in the day, the week and the year."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class CalendarEmbedding(keras.layers.Layer):
    """Turn the waves of several cycles into features that may ask for all of them at once.

    `(waves @ A + a) * (waves @ B + b)`: a wave of the day times one of the week tells the hours of
    a Saturday from those of a Monday, which no sum of the two can. `b` starts at 1, so that every
    feature starts as a wave and its products with the others.

    Args:
        width: Number of features, `E`.
        seed: Where the weights start.

    Call arguments:
        waves: Sines and cosines of the phases, as from `calendar_features`, shape `(..., F)`.

    Returns:
        Features, shape `(..., E)`.

    Raises:
        ValueError: If the width is not positive.
    """

    def __init__(self, width: int, seed: int = 0, **kwargs: Any) -> None:
        if width < 1:
            raise ValueError(f"width must be positive, got {width=}.")
        super().__init__(**kwargs)
        self.width = width
        self.seed = seed

    @override
    def build(self, waves_shape: Shape) -> None:
        glorot = keras.initializers.GlorotUniform
        shape = (waves_shape[-1], self.width)
        self.left_kernel = self.add_weight(shape, glorot(self.seed), name="left_kernel")
        self.left_bias = self.add_weight((self.width,), "zeros", name="left_bias")
        self.right_kernel = self.add_weight(shape, glorot(self.seed + 1), name="right_kernel")
        self.right_bias = self.add_weight((self.width,), "ones", name="right_bias")

    @override
    def call(self, waves: Tensor) -> Tensor:
        left = ops.matmul(waves, self.left_kernel) + self.left_bias
        return left * (ops.matmul(waves, self.right_kernel) + self.right_bias)

    @override
    def compute_output_shape(self, waves_shape: Shape) -> Shape:
        return *waves_shape[:-1], self.width

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "seed": self.seed}
