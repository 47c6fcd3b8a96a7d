"""A softmax over time that is asked by the future."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor
from models.layers.softmax_over_time import softmax_over_time


@keras.saving.register_keras_serializable(package="nightcast")
class TemporalAttention(keras.layers.Layer):
    """Weigh past tokens for every query: the additive attention of Bahdanau et al. (2015).

    1. `energy = tanh(states @ W + queries @ U + b)`, one vector per query and token.
    2. `scores = energy @ v`: `v` holds a vector per feature, or one that all features share.
    3. A softmax over the tokens that hold anything.

    Shapes use `B` batch, `T` tokens, `J` queries, `U` width of the states, `F` num_features.

    Args:
        units: Width of the space in which tokens are compared.
        num_features: Weights per query and token, `F`; 1 is one weight shared by all features.
        seed: Where the weights start.

    Call arguments:
        queries: Shape `(B, J, W)`.
        states: Shape `(B, T, U)`.
        states_mask: Optional, shape `(B, T)`; tokens where it is False get no weight.

    Returns:
        Weights, shape `(B, F, J, T)`; they sum to 1 over `T`, or are all 0 where no token may be
        looked at.

    Raises:
        ValueError: If a size is not positive.
    """

    def __init__(self, units: int, num_features: int = 1, seed: int = 0, **kwargs: Any) -> None:
        if units < 1 or num_features < 1:
            raise ValueError(
                f"units and num_features must be positive, got {units=} and {num_features=}."
            )
        super().__init__(**kwargs)
        self.units = units
        self.num_features = num_features
        self.seed = seed

    @override
    def build(self, queries_shape: Shape, states_shape: Shape) -> None:
        glorot = keras.initializers.GlorotUniform
        self.query_kernel = self.add_weight(
            (queries_shape[-1], self.units), glorot(self.seed), name="query_kernel"
        )
        self.state_kernel = self.add_weight(
            (states_shape[-1], self.units), glorot(self.seed + 1), name="state_kernel"
        )
        self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.score_kernel = self.add_weight(
            (self.units, self.num_features), glorot(self.seed + 2), name="score_kernel"
        )

    @override
    def call(self, queries: Tensor, states: Tensor, states_mask: Tensor | None = None) -> Tensor:
        asked = ops.expand_dims(ops.matmul(queries, self.query_kernel), axis=2)  # (B, J, 1, units)
        offered = ops.expand_dims(ops.matmul(states, self.state_kernel), axis=1)  # (B, 1, T, units)
        energy = ops.tanh(asked + offered + self.bias)
        scores = ops.einsum("bjtu,uf->bfjt", energy, self.score_kernel)
        return softmax_over_time(scores, states_mask)

    @override
    def compute_output_shape(
        self, queries_shape: Shape, states_shape: Shape, states_mask_shape: Shape | None = None
    ) -> Shape:
        return queries_shape[0], self.num_features, queries_shape[1], states_shape[1]

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "num_features": self.num_features, "seed": self.seed}
        return {**super().get_config(), **own}
