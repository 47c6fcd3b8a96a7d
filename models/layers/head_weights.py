"""Weights of multi-head attention, before anything is mixed by them."""

from typing import Any

import keras
import numpy as np
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor
from models.layers.softmax_over_time import softmax_over_time


@keras.saving.register_keras_serializable(package="nightcast")
class HeadWeights(keras.layers.Layer):
    """Where each head looks: scaled dot products of queries and keys (Vaswani et al., 2017).

    Shapes use `B` batch, `J` queries, `T` keys, `N` num_heads, `K` key_dim.

    Args:
        num_heads: Number of heads, `N`.
        key_dim: Width of the space in which a head compares, `K`.
        lags: Lag in tokens of each season, ascending; a head starts by preferring tokens that lie
            a whole number of seasons before the query, and recent ones. Empty: no notion of
            position at all.
        seed: Where the weights start.

    Call arguments:
        queries: Shape `(B, J, W)`; query `j` stands `j + 1` tokens after the last key.
        keys: Shape `(B, T, U)`.
        keys_mask: Optional, shape `(B, T)`; keys where it is False get no weight.
        queries_mask: Optional, shape `(B, J)`; queries where it is False look at nothing.

    Returns:
        Weights, shape `(B, N, J, T)`; they sum to 1 over `T`, or are all 0 where a query may look
        at nothing.

    Raises:
        ValueError: If a size is not positive.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        lags: tuple[int, ...] = (),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if num_heads < 1 or key_dim < 1:
            raise ValueError(
                f"num_heads and key_dim must be positive, got {num_heads=} and {key_dim=}."
            )
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.lags = tuple(lags)
        self.seed = seed

    @override
    def build(self, queries_shape: Shape, keys_shape: Shape) -> None:
        glorot = keras.initializers.GlorotUniform
        heads = (self.num_heads, self.key_dim)
        self.query_kernel = self.add_weight(
            (queries_shape[-1], *heads), glorot(self.seed), name="query_kernel"
        )
        self.query_bias = self.add_weight(heads, "zeros", name="query_bias")
        self.key_kernel = self.add_weight(
            (keys_shape[-1], *heads), glorot(self.seed + 1), name="key_kernel"
        )
        self.key_bias = self.add_weight(heads, "zeros", name="key_bias")
        if self.lags:
            start = self._seasonal_start(queries_shape[1], keys_shape[1])
            self.position_bias = self.add_weight(
                start.shape, lambda shape, dtype: ops.cast(start, dtype), name="position_bias"
            )

    def _seasonal_start(self, num_queries: int, num_keys: int) -> Any:
        """Bias of each head, query and key: 2 a whole season before, less for what is long ago.

        What a head forgets by half takes one short season for the first heads, two for the next,
        then four, and so on: the slopes of Press et al. (2022), where they start and not fixed.
        """
        lag = np.arange(num_queries)[:, None] + num_keys - np.arange(num_keys)  # (J, T)
        age = num_keys - 1 - np.arange(num_keys)
        start = np.empty((self.num_heads, num_queries, num_keys), np.float32)
        for head in range(self.num_heads):
            turn, season = divmod(head, len(self.lags))
            half_life = self.lags[0] * 2.0**turn
            start[head] = 2.0 * (lag % self.lags[season] == 0) - np.log(2) * age / half_life
        return start

    @override
    def call(
        self,
        queries: Tensor,
        keys: Tensor,
        keys_mask: Tensor | None = None,
        queries_mask: Tensor | None = None,
    ) -> Tensor:
        asked = ops.einsum("bjw,wnk->bjnk", queries, self.query_kernel) + self.query_bias
        offered = ops.einsum("btu,unk->btnk", keys, self.key_kernel) + self.key_bias
        scores = ops.einsum("bjnk,btnk->bnjt", asked / self.key_dim**0.5, offered)
        if self.lags:
            scores = scores + self.position_bias
        return softmax_over_time(scores, keys_mask, queries_mask)

    @override
    def compute_output_shape(
        self,
        queries_shape: Shape,
        keys_shape: Shape,
        keys_mask_shape: Shape | None = None,
        queries_mask_shape: Shape | None = None,
    ) -> Shape:
        return queries_shape[0], self.num_heads, queries_shape[1], keys_shape[1]

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"num_heads": self.num_heads, "key_dim": self.key_dim, "lags": self.lags}
        return {**super().get_config(), **own, "seed": self.seed}
