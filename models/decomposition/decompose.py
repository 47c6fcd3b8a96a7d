"""Components of windows, each from its own context alone."""

import numpy as np

from models.decomposition import emd, stl, vmd
from models.decomposition.ends import cut, extended
from models.decomposition.gaps import without_gaps
from models.decomposition.settings import Decomposition
from models.panel import Bools, Floats
from models.scores import Doubles


def decompose(
    context: Floats, observed: Bools, settings: Decomposition, *, season_length: int
) -> Floats:
    """Components that sum to the context, the slowest first.

    The first one carries the level; the last one what the others leave, so that nothing is lost to
    a network per component. Gaps are filled for the decomposition, and are 0 in every component
    afterwards, as they are in the context. A window's bytes do not depend on which others lie
    beside it. A constant window is its level and zeros.

    Args:
        context: 0 where not observed, in the unit of the target, shape `(B, L)`.
        observed: Where `context` holds an observation, shape `(B, L)`.
        settings: Which method, into how many components, `M`; see `check_decomposition`.
        season_length: Steps in one season, from which gaps and ends are continued.

    Returns:
        Shape `(B, L, M)`, float32, in the unit of the target.
    """
    filled = without_gaps(context, observed, season_length=season_length)
    low, high = filled.min(axis=1, keepdims=True), filled.max(axis=1, keepdims=True)
    level = np.where(low < high, filled.mean(axis=1, keepdims=True), low)  # (B, 1)
    swing = filled - level
    components = np.zeros((*context.shape, settings.modes))  # (B, L, M)
    moving = (low < high)[:, 0]
    if moving.any():
        scale = np.abs(swing[moving]).max(axis=1, keepdims=True)
        parts = _parts(swing[moving] / scale, settings, season_length)
        components[moving] = parts * scale[..., None]
    components[..., -1] = swing - components[..., :-1].sum(axis=-1)
    components[..., 0] += level
    return np.where(observed[..., None], components, 0).astype(np.float32)


def _parts(windows: Doubles, settings: Decomposition, season_length: int) -> Doubles:
    """What the method makes of windows without gaps and level, shape `(B, L, M)`."""
    if settings.method == "stl":
        return stl.parts(windows, season_length=season_length)
    if settings.method == "vmd":
        return vmd.modes(windows, settings)
    longer = extended(windows, season_length=season_length)  # which does not help VMD
    return cut(emd.modes(longer, settings), length=windows.shape[1])
