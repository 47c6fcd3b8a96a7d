"""Something that a network shows without computing with it."""

from typing import Any

import keras
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class ShownBeside(keras.layers.Layer):
    """Pass one tensor on, and keep another among the layers of the network, where it can be read.

    Args:
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        passed: Of any shape.
        shown: Of any shape.

    Returns:
        What was passed.
    """

    def __init__(self, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)

    @override
    def call(self, passed: Tensor, shown: Tensor) -> Tensor:
        return passed

    @override
    def compute_output_shape(self, passed_shape: Shape, shown_shape: Shape) -> Shape:
        return passed_shape
