"""Keras layers, one per file, registered as `nightcast>NAME` so that saved files outlive moves.

Shapes use `B` batch, `L` context_length, `H` horizon, `T` tokens (patches of the context), `J`
patches of the horizon, `p` patch_length, `N` heads, `Q` quantile levels.

Layers that hold values in the unit of the target or its covariates take `dtype="float32"` unless
told otherwise, so that a policy of mixed precision rounds what networks compute between them but
neither what they read nor what they say.
"""

from typing import Any

Tensor = Any  # a backend tensor or a KerasTensor; Keras itself does not type them
Shape = tuple[Any, ...]  # None stands for an axis of unknown length
