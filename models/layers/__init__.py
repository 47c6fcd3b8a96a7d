"""Keras layers, one per file, registered as `nightcast>NAME` so that saved files outlive moves.

Shapes use `B` batch, `L` context_length, `H` horizon, `T` tokens (patches of the context), `J`
patches of the horizon, `p` patch_length, `N` heads, `Q` quantile levels.
"""

from typing import Any

Tensor = Any  # a backend tensor or a KerasTensor; Keras itself does not type them
Shape = tuple[Any, ...]  # None stands for an axis of unknown length
