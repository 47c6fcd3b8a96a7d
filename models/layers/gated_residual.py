"""A gate through which a layer adds to its input as much as it has to say."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class GatedResidual(keras.layers.Layer):
    """The gated residual network of temporal fusion transformers (Lim et al., 2021).

    1. `hidden = elu(inputs @ W + context @ C + b)`.
    2. `said = dropout(hidden @ V + c)`.
    3. `gated = sigmoid(said @ G + d) * (said @ U + e)`.
    4. The gated part is added to the input, and the sum is normalised over its last axis.

    Args:
        units: Width of `hidden` and `said`.
        width: Of the result, `W`; by default that of the input. Where they differ, the input is
            projected before something is added to it.
        dropout: Share of `said` that training leaves out.
        seed: Where weights and dropout start.

    Call arguments:
        inputs: Shape `(B, ..., U)`.
        context: Optional, shape `(B, C)`; the same for every position of the input.

    Returns:
        Shape `(B, ..., W)`.

    Raises:
        ValueError: If a size is not positive.
    """

    def __init__(
        self,
        units: int,
        width: int | None = None,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if units < 1 or (width is not None and width < 1):
            raise ValueError(f"units and width must be positive, got {units=} and {width=}.")
        super().__init__(**kwargs)
        self.units = units
        self.width = width
        self.dropout = dropout
        self.seed = seed
        self.forget = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self.normalise = keras.layers.LayerNormalization(dtype=self.dtype_policy)

    @override
    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        hidden_shape = (*inputs_shape[:-1], self.units)
        width = self.width or inputs_shape[-1]
        self.enter = self._dense(self.units, inputs_shape, 0)
        self.say = self._dense(self.units, hidden_shape, 1)
        self.gate = self._dense(width, hidden_shape, 2)
        self.value = self._dense(width, hidden_shape, 3)
        if context_shape is not None:
            self.inform = self._dense(self.units, context_shape, 4, use_bias=False)
        self.widens = width != inputs_shape[-1]
        if self.widens:
            self.skip = self._dense(width, inputs_shape, 5)
        self.normalise.build((*inputs_shape[:-1], width))

    def _dense(self, units: int, shape: Shape, number: int, use_bias: bool = True) -> Any:
        dense = keras.layers.Dense(
            units,
            use_bias=use_bias,
            kernel_initializer=keras.initializers.GlorotUniform(self.seed + number),
            dtype=self.dtype_policy,
        )
        dense.build(shape)
        return dense

    @override
    def call(self, inputs: Tensor, context: Tensor | None = None, training: bool = False) -> Tensor:
        hidden = self.enter(inputs)
        if context is not None:
            between = tuple(range(1, len(inputs.shape) - 1))  # axes that the context lacks
            hidden = hidden + ops.expand_dims(self.inform(context), between)
        said = self.forget(self.say(ops.elu(hidden)), training=training)
        gated = ops.sigmoid(self.gate(said)) * self.value(said)
        kept = self.skip(inputs) if self.widens else inputs
        return self.normalise(kept + gated)

    @override
    def compute_output_shape(
        self, inputs_shape: Shape, context_shape: Shape | None = None
    ) -> Shape:
        return *inputs_shape[:-1], self.width or inputs_shape[-1]

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "width": self.width, "dropout": self.dropout}
        return {**super().get_config(), **own, "seed": self.seed}
