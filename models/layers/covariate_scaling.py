"""Standardisation of covariates by constants that are kept with the network."""

from collections.abc import Sequence
from typing import Any

import keras
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

    Call arguments:
        covariates: Values with NaN where missing, shape `(..., F)`.

    Returns:
        Finite values of the same shape.

    Raises:
        ValueError: If there is not one positive scale per mean.
    """

    def __init__(
        self, means: Sequence[float], scales: Sequence[float], limit: float = 5.0, **kwargs: Any
    ) -> None:
        if len(means) != len(scales) or any(scale <= 0 for scale in scales):
            raise ValueError(
                "Expected a positive scale per mean, "
                f"got means={list(means)} and scales={list(scales)}."
            )
        super().__init__(**kwargs)
        self.means = [float(mean) for mean in means]
        self.scales = [float(scale) for scale in scales]
        self.limit = limit

    @override
    def call(self, covariates: Tensor) -> Tensor:
        means = ops.convert_to_tensor(self.means, dtype=covariates.dtype)
        scales = ops.convert_to_tensor(self.scales, dtype=covariates.dtype)
        filled = ops.where(ops.isnan(covariates), means, covariates)
        return ops.clip((filled - means) / scales, -self.limit, self.limit)

    @override
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"means": self.means, "scales": self.scales, "limit": self.limit}
        return {**super().get_config(), **own}
