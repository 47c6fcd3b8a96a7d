"""Where forecasts looked: the weights of attention, brought to patches that people know.

A network weighs past patches for every patch of the horizon, by heads, and some for every step of
it. What is kept is one weight per head, stretch of the horizon and past patch, where both are as
long as the shortest season: a day of hours, however finely the network reads them. Weights of
shorter patches add up, those of several steps ahead are averaged, so that they still sum to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.learning.settings import NetworkSettings
from models.panel import Bools, Floats, Ints, Panel
from models.windows import recent_target

TOGETHER = "mean"  # in the place of a head: of all of them
SERIES_AT_ONCE = 4096  # whose histories are in memory


@dataclass(frozen=True, eq=False)
class Look:
    """Where one head looked, or all of them together.

    Attributes:
        head: Such as `2.5`, the fifth head of the second member; `mean` for that of all.
        weights: Shape `(B, J, T)`. Over `T`, the past patches in time order of which the last ends
            at the origin, they sum to 1, or to 0 where the head found nothing observed.
        steps: Of each past patch, of which the oldest may be shorter, shape `(T,)`.
    """

    head: str
    weights: Floats
    steps: Ints

    @property
    def begins(self) -> Ints:
        """Steps from the begin of each patch to the first step after the origin, shape `(T,)`."""
        return np.cumsum(self.steps[::-1])[::-1]


@dataclass(frozen=True, eq=False)
class Attention:
    """Where the forecasts of some series looked.

    Attributes:
        looks: Of every head, and of all together.
        leads: First lead of each stretch of the horizon, shape `(J,)`.
        horizon: Steps ahead, `H`.
    """

    looks: tuple[Look, ...]
    leads: Ints
    horizon: int

    @property
    def together(self) -> Look:
        """The mean of all heads of all members."""
        return next(look for look in self.looks if look.head == TOGETHER)

    @property
    def read_by_all(self) -> Bools:
        """Past patches that lie in the context of every member, shape `(T,)`."""
        shortest = min(int(look.steps.sum()) for look in self.looks)
        return self.together.begins <= shortest

    @property
    def of_horizon(self) -> Floats:
        """Mean of all heads over the whole horizon, shape `(B, T)`."""
        lengths = np.diff(np.append(self.leads, self.horizon + 1))
        return np.einsum("bjt,j->bt", self.together.weights, lengths / self.horizon).astype(
            np.float32
        )


def attention_of(
    members: Sequence[tuple[int, list[Floats], NetworkSettings]], shares: Sequence[float]
) -> Attention:
    """Put together where the members of a forecaster looked.

    Args:
        members: Number of each member that has an attention, from 1, what `per_patch` gave for its
            batches, and its sizes.
        shares: How much each of them counts in the mean; positive.
    """
    looks: list[Look] = []
    means: list[Look] = []
    for number, batches, sizes in members:
        weights, steps = np.concatenate(batches), steps_of_patches(sizes)
        looks += [Look(f"{number}.{n + 1}", weights[:, n], steps) for n in range(weights.shape[1])]
        means.append(Look(TOGETHER, weights.mean(axis=1), steps))
    first = members[0][2]
    return Attention(
        looks=(*looks, together(means, shares)),
        leads=np.arange(1, first.horizon + 1, _stretch(first)),
        horizon=first.horizon,
    )


def per_patch(weights: Floats, sizes: NetworkSettings, steps_per_head: int) -> Floats:
    """Weights of a network by stretches of the shortest season.

    Args:
        weights: As the layer `attention` gives them, shape `(B, N * q, J', T')`.
        sizes: Of the network.
        steps_per_head: Steps of a patch of the horizon that have weights of their own, `q`; 1 where
            they share them.

    Returns:
        Shape `(B, N, J, T)`.
    """
    batch, rows, num_future, num_tokens = weights.shape
    heads = rows // steps_per_head
    split = weights.reshape(batch, heads, steps_per_head, num_future, num_tokens)
    means = _means_of_leads(sizes, steps_per_head)
    of_stretch = np.einsum("bnqjt,gqj->bngt", split, means, optimize=True)
    per_season = sizes.patches_per_season
    missing = -num_tokens % per_season
    whole = np.pad(of_stretch, ((0, 0), (0, 0), (0, 0), (missing, 0)))
    summed: Floats = whole.reshape(*whole.shape[:3], -1, per_season).sum(axis=-1)
    return summed.astype(np.float32)


def steps_of_patches(sizes: NetworkSettings) -> Ints:
    """Steps of each past patch that `per_patch` tells of, in time order, shape `(T,)`.

    >>> steps_of_patches(NetworkSettings(60, 24, (0.5,), season_lengths=(24,), patch=1)).tolist()
    [12, 24, 24]
    """
    told, stretch = sizes.num_tokens * sizes.patch_length, _stretch(sizes)
    ends = np.arange(told, 0, -stretch)
    return np.minimum(ends, stretch)[::-1].astype(np.int64)


def together(looks: Sequence[Look], shares: Sequence[float]) -> Look:
    """The mean of some looks, patches aligned by their time.

    A look that found nothing, as the short context of a series that was silent lately does, does
    not count.

    Args:
        looks: At least one; the patches of all end at the origin.
        shares: How much each counts.
    """
    longest = max(looks, key=lambda look: int(look.steps.sum()))
    num_patches = len(longest.steps)
    total = np.zeros((*longest.weights.shape[:2], num_patches))
    counted = np.zeros((*longest.weights.shape[:2], 1))
    for look, share in zip(looks, shares, strict=True):
        total[..., num_patches - len(look.steps) :] += share * look.weights
        counted += share * look.weights.sum(axis=-1, keepdims=True)
    weights = total / np.where(counted > 0, counted, 1)
    return Look(TOGETHER, weights.astype(np.float32), longest.steps)


def observed_steps(panel: Panel, series: Ints, origin: int, steps: Ints) -> Ints:
    """Steps of each past patch that were observed.

    Args:
        panel: Where the histories are.
        series: Position of each series, shape `(B,)`.
        origin: Slot at which the last patch ends.
        steps: Of each patch in time order, shape `(T,)`.

    Returns:
        Shape `(B, T)`.
    """
    starts = np.cumsum(steps) - steps
    counts = np.empty((len(series), len(steps)), np.int64)
    for begin in range(0, len(series), SERIES_AT_ONCE):
        batch = series[begin : begin + SERIES_AT_ONCE]
        target = recent_target(panel, batch, np.full(len(batch), origin), length=int(steps.sum()))
        counts[begin : begin + len(batch)] = np.add.reduceat(~np.isnan(target), starts, axis=1)
    return counts


def _stretch(sizes: NetworkSettings) -> int:
    """Steps of a season, as far as patches fill one."""
    return sizes.patch_length * sizes.patches_per_season


def _means_of_leads(sizes: NetworkSettings, steps_per_head: int) -> Floats:
    """What each row of weights counts in each stretch of the horizon, shape `(J, q, J')`.

    Steps beyond the horizon, with which its last patch is filled up, count nothing.
    """
    leads = np.arange(sizes.horizon)
    stretches = leads // _stretch(sizes)
    patches, steps = np.divmod(leads, sizes.patch_length)
    counts = np.zeros((int(stretches[-1]) + 1, steps_per_head, sizes.num_future_patches))
    np.add.at(counts, (stretches, steps % steps_per_head, patches), 1)
    means: Floats = counts / counts.sum(axis=(1, 2), keepdims=True)
    return means
