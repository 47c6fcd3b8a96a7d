"""Components of a context, in the units of that context."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class ComponentScaling(keras.layers.Layer):
    """Scale the components of a context as the context itself, so that they still add up to it.

    The first one carries the level, and the center is taken from it alone. What was not observed is
    0 in all of them, as it is in the scaled context.

    Args:
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        components: Which add up to the context, shape `(B, L, M)`.
        observed: Which steps of the context count, shape `(B, L)`.
        center, scale: As from `InstanceScaling`, shape `(B, 1)` each.

    Returns:
        Shape `(B, L, M)`.
    """

    def __init__(self, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)

    @override
    def call(self, components: Tensor, observed: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        slowest = components[..., :1] - ops.expand_dims(center, axis=-1)
        moved = ops.concatenate([slowest, components[..., 1:]], axis=-1)
        seen = ops.expand_dims(ops.cast(observed, moved.dtype), axis=-1)
        return seen * moved / ops.expand_dims(scale, axis=-1)

    @override
    def compute_output_shape(
        self,
        components_shape: Shape,
        observed_shape: Shape,
        center_shape: Shape,
        scale_shape: Shape,
    ) -> Shape:
        return components_shape
