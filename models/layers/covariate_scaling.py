"""Standardisation of covariates by constants that are kept among the weights."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class CovariateScaling(keras.layers.Layer):
    """Standardise each covariate, and put its mean in the place of what is missing.

    Args:
        means: One per covariate, learned from the training windows.
        scales: Standard deviations, positive, as many.
        limit: Standardised values are cut at plus and minus this, so that a broken sensor cannot
            carry the network out of the range it has seen.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        covariates: Values with NaN where missing, shape `(..., F)`.

    Returns:
        Finite values of the same shape.

    Raises:
        ValueError: If there is not one positive scale per mean.
    """

    def __init__(
        self,
        means: Sequence[float],
        scales: Sequence[float],
        limit: float = 5.0,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        if len(means) != len(scales) or any(scale <= 0 for scale in scales):
            raise ValueError(
                "Expected a positive scale per mean, "
                f"got means={list(means)} and scales={list(scales)}."
            )
        super().__init__(dtype=dtype, **kwargs)
        self.means = [float(mean) for mean in means]
        self.scales = [float(scale) for scale in scales]
        self.limit = limit

    @override
    def build(self, covariates_shape: Shape) -> None:
        self.mean = self._add_constants(self.means, "mean")
        self.scale = self._add_constants(self.scales, "scale")

    def _add_constants(self, constants: list[float], name: str) -> Any:
        """Kept as weights, so that networks of the same shapes differ in their weights alone."""
        start = np.asarray(constants, np.float32)
        return self.add_weight(
            start.shape, lambda shape, dtype: ops.cast(start, dtype), trainable=False, name=name
        )

    @override
    def call(self, covariates: Tensor) -> Tensor:
        scaled = (covariates - self.mean) / self.scale
        usual = ops.where(ops.isnan(scaled), 0.0, scaled)
        return ops.clip(usual, -self.limit, self.limit)

    @override
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"means": self.means, "scales": self.scales, "limit": self.limit}
        return {**super().get_config(), **own}
