"""Level and trend of a series, in the units of a window."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor

LIMIT = 10.0  # scaled values beyond it are cut; a level far away says no more than that it is far


@keras.saving.register_keras_serializable(package="nightcast")
class HoltScaling(keras.layers.Layer):
    """Scale level and trend as the context of the window, a trend by what it adds in a season.

    Args:
        season_length: Steps of that season.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        states: Level, and trend per step, NaN where there is none yet, shape `(B, L, 2)`.
        center, scale: As from `InstanceScaling`, shape `(B, 1)` each.

    Returns:
        Finite values of the same shape, 0 where there was no state.

    Raises:
        ValueError: If the season is not positive.
    """

    def __init__(self, season_length: int = 1, dtype: Any = "float32", **kwargs: Any) -> None:
        if season_length < 1:
            raise ValueError(f"Expected season_length >= 1, got {season_length}.")
        super().__init__(dtype=dtype, **kwargs)
        self.season_length = season_length

    @override
    def call(self, states: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        level = states[..., 0] - center
        trend = states[..., 1] * self.season_length
        scaled = ops.stack([level, trend], axis=-1) / ops.expand_dims(scale, axis=-1)
        usual = ops.where(ops.isnan(scaled), 0.0, scaled)
        return ops.clip(usual, -LIMIT, LIMIT)

    @override
    def compute_output_shape(
        self, states_shape: Shape, center_shape: Shape, scale_shape: Shape
    ) -> Shape:
        return states_shape

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "season_length": self.season_length}
