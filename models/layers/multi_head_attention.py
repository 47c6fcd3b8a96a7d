"""Multi-head attention from projections, heads and masks."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor
from models.layers.head_weights import HeadWeights


@keras.saving.register_keras_serializable(package="nightcast")
class MultiHeadAttention(keras.layers.Layer):
    """Summarise states for every query by several heads (Vaswani et al., 2017).

    1. Each head weighs the states for each query (`HeadWeights`).
    2. It takes the mean of the projected states under these weights.
    3. The heads lie side by side and are projected to the width of the queries.

    Shapes use `B` batch, `J` queries, `T` states, `N` num_heads, `K` key_dim.

    Args:
        num_heads: Number of heads, `N`.
        key_dim: Width of one head, `K`.
        seed: Where the weights start.

    Call arguments:
        queries: Shape `(B, J, W)`.
        states: Keys and values, shape `(B, T, U)`.
        states_mask: Optional, shape `(B, T)`; states where it is False are not looked at.
        queries_mask: Optional, shape `(B, J)`; queries where it is False look at nothing.

    Returns:
        Summaries, shape `(B, J, W)`; the bias of the last projection alone where a query may look
        at nothing.

    Raises:
        ValueError: If a size is not positive.
    """

    def __init__(self, num_heads: int, key_dim: int, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head_weights = HeadWeights(
            num_heads, key_dim, seed=seed, name="head_weights", dtype=self.dtype_policy
        )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.seed = seed

    @override
    def build(self, queries_shape: Shape, states_shape: Shape) -> None:
        self.head_weights.build(queries_shape, states_shape)
        glorot = keras.initializers.GlorotUniform
        heads = (self.num_heads, self.key_dim)
        width = queries_shape[-1]
        self.value_kernel = self.add_weight(
            (states_shape[-1], *heads), glorot(self.seed + 2), name="value_kernel"
        )
        self.value_bias = self.add_weight(heads, "zeros", name="value_bias")
        self.output_kernel = self.add_weight(
            (*heads, width), glorot(self.seed + 3), name="output_kernel"
        )
        self.output_bias = self.add_weight((width,), "zeros", name="output_bias")

    @override
    def call(
        self,
        queries: Tensor,
        states: Tensor,
        states_mask: Tensor | None = None,
        queries_mask: Tensor | None = None,
    ) -> Tensor:
        masks = {"keys_mask": states_mask, "queries_mask": queries_mask}
        weights = self.head_weights(queries, states, **masks)  # (B, N, J, T)
        values = ops.einsum("btu,unk->btnk", states, self.value_kernel) + self.value_bias
        heads = ops.einsum("bnjt,btnk->bjnk", weights, values)
        return ops.einsum("bjnk,nkw->bjw", heads, self.output_kernel) + self.output_bias

    @override
    def compute_output_shape(
        self,
        queries_shape: Shape,
        states_shape: Shape,
        states_mask_shape: Shape | None = None,
        queries_mask_shape: Shape | None = None,
    ) -> Shape:
        return queries_shape

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"num_heads": self.num_heads, "key_dim": self.key_dim, "seed": self.seed}
        return {**super().get_config(), **own}
