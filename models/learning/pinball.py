"""The loss that networks are trained with."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class PinballLoss(keras.losses.Loss):
    """Pinball loss per window, mean over levels and over the values that were observed.

    Koenker and Bassett (1978). In the unit of the target; sample weights bring windows of
    different size to a common one. A window without an observed value has no loss.

    Args:
        levels: Quantile levels in the order of the network's last axis, `Q`.
        units: What an error is divided by, one per target where there are several, `A` of them.

    Call arguments:
        y_true: NaN where not observed, shape `(B, H)` or `(B, H, A)`.
        y_pred: Quantiles, shape `(B, H, Q)` or `(B, H, A, Q)`.

    Returns:
        Shape `(B,)`.
    """

    def __init__(
        self,
        levels: Sequence[float],
        units: Sequence[float] = (1.0,),
        name: str = "pinball",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.levels = [float(level) for level in levels]
        self.units = [float(unit) for unit in units]

    @override
    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        seen = ops.logical_not(ops.isnan(y_true))
        error = ops.expand_dims(ops.where(seen, y_true, 0.0), axis=-1) - y_pred
        level = ops.convert_to_tensor(self.levels, dtype=error.dtype)
        loss = ops.mean(ops.maximum(level * error, (level - 1) * error), axis=-1)
        loss = loss / ops.convert_to_tensor(self.units, dtype=loss.dtype)
        counts = ops.cast(seen, loss.dtype)
        values = tuple(range(1, len(loss.shape)))
        return ops.sum(loss * counts, axis=values) / ops.maximum(ops.sum(counts, axis=values), 1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels, "units": self.units}
