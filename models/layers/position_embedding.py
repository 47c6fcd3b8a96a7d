"""Where in a sequence each state stands."""

from typing import Any

import keras
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class PositionEmbedding(keras.layers.Layer):
    """Add a learned vector per position (Gehring et al., 2017).

    Args:
        seed: Where the weights start.

    Call arguments:
        states: Shape `(B, T, U)`.

    Returns:
        Shape `(B, T, U)`.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    @override
    def build(self, states_shape: Shape) -> None:
        start = keras.initializers.RandomNormal(stddev=0.02, seed=self.seed)
        self.table = self.add_weight(tuple(states_shape[1:]), start, name="table")

    @override
    def call(self, states: Tensor) -> Tensor:
        return states + self.table

    @override
    def compute_output_shape(self, states_shape: Shape) -> Shape:
        return states_shape

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
