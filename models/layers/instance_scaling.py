"""Scaling of each window by its own statistics, and the way back."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor

METHODS = ("mean_std", "mean_abs", "last_season", "last_two_seasons")
MAX_LOG_GAIN = 3.0  # a learned gain can neither vanish nor explode
MAX_RISE = 100.0  # times that the last two seasons may be quieter than the whole context


@keras.saving.register_keras_serializable(package="nightcast")
class InstanceScaling(keras.layers.Layer):
    """Bring every window to a common level and spread, from its observed context alone.

    `mean_std` subtracts the mean and divides by the standard deviation (Kim et al., 2022);
    `mean_abs` divides by the mean absolute value and keeps zero at zero (Salinas et al., 2020);
    `last_season` subtracts the mean of the last season and divides by the root mean square of what
    remains, for levels that drift; `last_two_seasons` takes that root over the last two seasons
    alone, for trends along many of them. A context that is constant, or that holds nothing, is left
    in its unit.

    Args:
        method: `mean_std`, `mean_abs`, `last_season` or `last_two_seasons`.
        season_length: Steps of a season; only the last two methods ask for it.
        affine: Whether the scaled values are then multiplied by a learned gain and moved by a
            learned bias (Kim et al., 2022), which start at 1 and 0. Both are part of the center and
            the scale that are returned, so that the way back undoes them too. The gain stays
            between 1/20 and 20.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        context: Values, shape `(B, L)`.
        observed: Which of them count, shape `(B, L)`.

    Returns:
        Three tensors: scaled context with zeros where not observed `(B, L)`, center `(B, 1)` and
        scale `(B, 1)`, so that `context = scaled * scale + center` where observed.

    Raises:
        ValueError: If the method is none of these, or the season is not positive.
    """

    def __init__(
        self,
        method: str = "mean_std",
        season_length: int = 1,
        affine: bool = False,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        if method not in METHODS or season_length < 1:
            raise ValueError(
                f"Expected method to be one of {', '.join(METHODS)} and season_length >= 1, "
                f"got {method!r} and {season_length}."
            )
        super().__init__(dtype=dtype, **kwargs)
        self.method = method
        self.season_length = season_length
        self.affine = affine

    @override
    def build(self, context_shape: Shape, observed_shape: Shape) -> None:
        if self.affine:
            self.log_gain = self.add_weight((1,), "zeros", name="log_gain")
            self.bias = self.add_weight((1,), "zeros", name="bias")

    @override
    def call(self, context: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights = ops.cast(observed, context.dtype)
        mean = _mean(context, weights)  # (B, 1)
        size = _mean(ops.abs(context), weights)
        if self.method == "mean_abs":
            center, spread = ops.zeros_like(mean), size
        else:
            center = self._level(context, weights, mean)
            spread = self._spread(context - center, weights, size)
        # Rounding leaves a constant context with a spread of about 1e-7 of its size.
        scale = ops.where(spread > 1e-5 * size, spread, ops.ones_like(spread))
        if self.affine:
            # gain * (context - center) / scale + bias, as another center and scale.
            scale = scale * ops.exp(-MAX_LOG_GAIN * ops.tanh(self.log_gain / MAX_LOG_GAIN))
            center = center - self.bias * scale
        return weights * (context - center) / scale, center, scale

    def _level(self, context: Tensor, weights: Tensor, mean: Tensor) -> Tensor:
        """What is subtracted: the mean, or that of the last season where it was observed at all."""
        if self.method == "mean_std":
            return mean
        last = weights[:, -self.season_length :]
        seen = ops.any(last > 0, axis=1, keepdims=True)
        return ops.where(seen, _mean(context[:, -self.season_length :], last), mean)

    def _spread(self, away: Tensor, weights: Tensor, size: Tensor) -> Tensor:
        """What is divided by: the root mean square of the distances from the center."""
        spread = _root_mean_square(away, weights)
        if self.method != "last_two_seasons":
            return spread
        recent = slice(-2 * self.season_length, None)
        near = _root_mean_square(away[:, recent], weights[:, recent])
        moving = near > 1e-5 * size  # else they are constant, or hardly observed
        return ops.where(moving, ops.maximum(near, spread / MAX_RISE), spread)

    @override
    def compute_output_shape(self, context_shape: Shape, observed_shape: Shape) -> Any:
        return context_shape, (context_shape[0], 1), (context_shape[0], 1)

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"method": self.method, "season_length": self.season_length, "affine": self.affine}
        return {**super().get_config(), **own}


def _root_mean_square(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted over time, shape `(B, 1)`."""
    return ops.sqrt(_mean(ops.square(values), weights))


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over time, 0 where nothing weighs, shape `(B, 1)`."""
    count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
    return ops.sum(weights * values, axis=1, keepdims=True) / count


@keras.saving.register_keras_serializable(package="nightcast")
class InverseScaling(keras.layers.Layer):
    """Bring scaled values back to the unit of their window.

    Args:
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        scaled: Values, shape `(B, H, Q)`.
        center, scale: As from `InstanceScaling`, shape `(B, 1)` each.

    Returns:
        `scaled * scale + center`, shape `(B, H, Q)`.
    """

    def __init__(self, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)

    @override
    def call(self, scaled: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        return scaled * ops.expand_dims(scale, axis=-1) + ops.expand_dims(center, axis=-1)

    @override
    def compute_output_shape(
        self, scaled_shape: Shape, center_shape: Shape, scale_shape: Shape
    ) -> Shape:
        return scaled_shape
