"""Quantiles that cannot cross."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class QuantileOutput(keras.layers.Layer):
    """Turn free numbers into ascending quantiles around a given center.

    The level nearest to the median moves the center freely; every other level lies a positive step
    (softplus) farther out than its neighbour, in units of the given spread. At zero the median is
    the center and a step is 0.31 spreads, as between deciles.

    Args:
        levels: Quantile levels, ascending, `Q` of them.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        free: Any numbers, shape `(..., Q)`.
        center: Where the median starts, shape `(..., 1)`.
        spread: How large a step is, positive, shape `(..., 1)`.

    Returns:
        Quantiles, ascending over the last axis, shape `(..., Q)`.

    Raises:
        ValueError: If the levels do not ascend between 0 and 1.
    """

    def __init__(self, levels: Sequence[float], dtype: Any = "float32", **kwargs: Any) -> None:
        levels = [float(level) for level in levels]
        if not levels or levels != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
            raise ValueError(f"Expected levels that ascend between 0 and 1, got {levels}.")
        super().__init__(dtype=dtype, **kwargs)
        self.levels = levels
        self.middle = min(range(len(levels)), key=lambda at: abs(levels[at] - 0.5))

    @override
    def call(self, free: Tensor, center: Tensor, spread: Tensor) -> Tensor:
        steps = spread * ops.softplus(free - 1)
        median = center + spread * free[..., self.middle : self.middle + 1]
        above = median + ops.cumsum(steps[..., self.middle + 1 :], axis=-1)
        below = median - ops.flip(ops.cumsum(ops.flip(steps[..., : self.middle], -1), -1), -1)
        return ops.concatenate([below, median, above], axis=-1)

    @override
    def compute_output_shape(
        self, free_shape: Shape, center_shape: Shape, spread_shape: Shape
    ) -> Shape:
        return free_shape

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels}
