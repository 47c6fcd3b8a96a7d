"""Scaling of each window by its own statistics, and the way back."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor

METHODS = ("mean_std", "mean_abs")


@keras.saving.register_keras_serializable(package="nightcast")
class InstanceScaling(keras.layers.Layer):
    """Bring every window to a common level and spread, from its observed context alone.

    `mean_std` subtracts the mean and divides by the standard deviation (Kim et al., 2022, without
    the learned affine map); `mean_abs` divides by the mean absolute value and keeps zero at zero
    (Salinas et al., 2020). A context that is constant, or that holds nothing, is left in its unit.

    Args:
        method: `mean_std` or `mean_abs`.

    Call arguments:
        context: Values, shape `(B, L)`.
        observed: Which of them count, shape `(B, L)`.

    Returns:
        Three tensors: scaled context with zeros where not observed `(B, L)`, center `(B, 1)` and
        scale `(B, 1)`, so that `context = scaled * scale + center` where observed.

    Raises:
        ValueError: If the method is not one of the two.
    """

    def __init__(self, method: str = "mean_std", **kwargs: Any) -> None:
        if method not in METHODS:
            raise ValueError(f"Expected method to be one of {', '.join(METHODS)}, got {method!r}.")
        super().__init__(**kwargs)
        self.method = method

    @override
    def call(self, context: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights = ops.cast(observed, context.dtype)
        count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
        mean = ops.sum(weights * context, axis=1, keepdims=True) / count  # (B, 1)
        size = ops.sum(weights * ops.abs(context), axis=1, keepdims=True) / count
        if self.method == "mean_abs":
            center, spread = ops.zeros_like(mean), size
        else:
            center = mean
            deviation = weights * (context - mean)
            spread = ops.sqrt(ops.sum(ops.square(deviation), axis=1, keepdims=True) / count)
        # Rounding leaves a constant context with a spread of about 1e-7 of its size.
        scale = ops.where(spread > 1e-5 * size, spread, ops.ones_like(spread))
        return weights * (context - center) / scale, center, scale

    @override
    def compute_output_shape(self, context_shape: Shape, observed_shape: Shape) -> Any:
        return context_shape, (context_shape[0], 1), (context_shape[0], 1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "method": self.method}


@keras.saving.register_keras_serializable(package="nightcast")
class InverseScaling(keras.layers.Layer):
    """Bring scaled values back to the unit of their window.

    Call arguments:
        scaled: Values, shape `(B, H, Q)`.
        center, scale: As from `InstanceScaling`, shape `(B, 1)` each.

    Returns:
        `scaled * scale + center`, shape `(B, H, Q)`.
    """

    @override
    def call(self, scaled: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        return scaled * ops.expand_dims(scale, axis=-1) + ops.expand_dims(center, axis=-1)

    @override
    def compute_output_shape(
        self, scaled_shape: Shape, center_shape: Shape, scale_shape: Shape
    ) -> Shape:
        return scaled_shape
