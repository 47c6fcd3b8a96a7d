"""Several forecasts made into one."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.errors import RefusedError
from models.panel import Floats, Ints
from models.scores import Doubles

WEIGHTS: Final = "weights"
ROUNDS = 300
RATE = 0.3


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each member says of windows that none has learned from, and what came.

    Weights learn from nothing else: on windows that it knows the member looks best that remembers
    most.

    Attributes:
        forecasts: Quantiles of each member, shape `(M, B, H, Q)`.
        target: What came, NaN where not observed, shape `(B, H)`.
        importance: How much each window counts, not negative, shape `(B,)`.
        origins: Slot of the last step that each forecast saw, shape `(B,)`.
        learned_until: Slot of the last step that any member had learned from when it forecast a
            window, shape `(B,)`.

    Raises:
        RefusedError: If a member has learned from the target of a window.
    """

    forecasts: Floats
    target: Floats
    importance: Floats | Doubles
    origins: Ints
    learned_until: Ints

    def __post_init__(self) -> None:
        known = np.flatnonzero(self.origins < self.learned_until)
        if len(known):
            first = known[0]
            raise RefusedError(
                "Expected windows that begin after what the members learned from to learn weights "
                f"on, got one from slot {self.origins[first]} of members that learned up to slot "
                f"{self.learned_until[first]}; leave it out."
            )


def combine(forecasts: Floats, weights: tuple[float, ...] = ()) -> Floats:
    """One forecast of several, level by level.

    Args:
        forecasts: Ascending quantiles of each member, shape `(M, ..., Q)`.
        weights: Non-negative with sum 1, one per member; without any, the median.

    Returns:
        Ascending quantiles, shape `(..., Q)`.
    """
    if weights:
        fused = np.tensordot(np.asarray(weights, np.float32), forecasts, axes=1)
    else:
        fused = np.median(forecasts, axis=0)
    return np.sort(fused, axis=-1)


def equal_weights(members: int) -> tuple[float, ...]:
    """What is best where nothing is known of the members."""
    return (1 / members,) * members


def learn_weights(held_out: HeldOut, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Weights of the members with the least pinball loss on windows that none has trained on.

    The loss of a weighted mean is convex in the weights, and exponentiated gradients stay
    non-negative with sum one (Kivinen and Warmuth, 1997). The mean over the rounds starts from
    equal weights and moves no farther than the evidence carries it.

    Args:
        held_out: These windows.
        levels: Quantile levels, `Q` of them.

    Returns:
        Non-negative, sum 1, `M` of them; equal where nothing was observed.
    """
    target = held_out.target
    members = len(held_out.forecasts)
    seen = ~np.isnan(target)
    quantiles = held_out.forecasts[:, seen].astype(np.float64)  # (M, n, Q)
    unit = np.broadcast_to(held_out.importance[:, None], target.shape)[seen][:, None]
    y = target[seen].astype(np.float64)[:, None]
    level = np.asarray(levels)
    if not len(y):
        return equal_weights(members)
    weights = np.full(members, 1 / members)
    total = np.zeros(members)
    for turn in range(ROUNDS):
        slope = np.where(y < np.tensordot(weights, quantiles, axes=1), 1 - level, -level) * unit
        gradient: Doubles = np.einsum("mnq,nq->m", quantiles, slope)
        gradient -= weights @ gradient
        size = np.abs(gradient).max()
        if size > 0:
            step = RATE / np.sqrt(turn + 1)
            weights = weights * np.exp(-step * gradient / size)
            weights /= weights.sum()
        total += weights
    return tuple((total / total.sum()).tolist())
