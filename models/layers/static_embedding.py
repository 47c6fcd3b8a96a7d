"""Learned vectors for what does not change about a series."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class StaticEmbedding(keras.layers.Layer):
    """One vector per value of each static column, side by side.

    Code 0 stands for a value that training did not see. In training a share of the codes is put to
    0, so that the network learns what to do when it knows nothing.

    Args:
        sizes: Number of codes per column, the unknown included.
        width: Length of each vector, `E`.
        forget: Share of codes that training takes for unknown.
        seed: Where weights and forgetting start.

    Call arguments:
        codes: Integers, shape `(B, C)`.

    Returns:
        Vectors, shape `(B, C * E)`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        width: int = 4,
        forget: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = [int(size) for size in sizes]
        self.width = width
        self.forget = forget
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @override
    def build(self, codes_shape: Shape) -> None:
        self.tables = [
            self.add_weight(
                (size, self.width),
                keras.initializers.RandomNormal(stddev=0.05, seed=self.seed + column),
                name=f"table_{column}",
            )
            for column, size in enumerate(self.sizes)
        ]

    @override
    def call(self, codes: Tensor, training: bool = False) -> Tensor:
        if training:
            drawn = keras.random.uniform(ops.shape(codes), seed=self.seed_generator)
            codes = ops.where(drawn < self.forget, ops.zeros_like(codes), codes)
        columns = [ops.take(table, codes[:, at], axis=0) for at, table in enumerate(self.tables)]
        return ops.concatenate(columns, axis=-1)

    @override
    def compute_output_shape(self, codes_shape: Shape) -> Shape:
        return codes_shape[0], len(self.sizes) * self.width

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "width": self.width, "forget": self.forget, "seed": self.seed}
        return {**super().get_config(), **own}
