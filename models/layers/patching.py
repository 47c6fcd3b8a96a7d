"""Grouping of steps into patches, the tokens that a network walks over."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from models.layers import Shape, Tensor


@keras.saving.register_keras_serializable(package="nightcast")
class Patching(keras.layers.Layer):
    """Cut a sequence into patches of equal length.

    A context is cut so that its last patch is whole: the oldest steps that fill no patch are left
    out. A horizon is cut so that its first patch is whole: the last one is filled up by zeros.

    Args:
        patch_length: Steps per patch, `p`.
        whole: `last` for a context, `first` for a horizon.
        dtype: In which it computes; not left to a policy of mixed precision.

    Call arguments:
        steps: Features per step, shape `(B, S, F)`.

    Returns:
        Patches in time order, shape `(B, T, p, F)`; `T` is `S / p`, rounded down for a context and
        up for a horizon.

    Raises:
        ValueError: If an argument is out of range, or a context has no whole patch.
    """

    def __init__(
        self, patch_length: int, whole: str = "last", dtype: Any = "float32", **kwargs: Any
    ) -> None:
        if patch_length < 1 or whole not in ("first", "last"):
            raise ValueError(
                f"Expected patch_length >= 1 and whole to be 'first' or 'last', "
                f"got {patch_length=} and {whole=}."
            )
        super().__init__(dtype=dtype, **kwargs)
        self.patch_length = patch_length
        self.whole = whole

    def num_patches(self, num_steps: int) -> int:
        """Patches that a sequence of so many steps is cut into."""
        if self.whole == "first":
            return -(-num_steps // self.patch_length)
        if num_steps < self.patch_length:
            raise ValueError(
                f"Expected a context of at least one patch of {self.patch_length} steps, "
                f"got {num_steps}."
            )
        return num_steps // self.patch_length

    @override
    def call(self, steps: Tensor) -> Tensor:
        num_steps, width = steps.shape[1:]
        num_patches = self.num_patches(num_steps)
        excess = num_patches * self.patch_length - num_steps
        if excess > 0:
            steps = ops.pad(steps, ((0, 0), (0, excess), (0, 0)))
        elif excess < 0:
            steps = steps[:, -excess:]
        return ops.reshape(steps, (-1, num_patches, self.patch_length, width))

    @override
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, num_steps, width = input_shape
        return batch, self.num_patches(num_steps), self.patch_length, width

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"patch_length": self.patch_length, "whole": self.whole}
        return {**super().get_config(), **own}
