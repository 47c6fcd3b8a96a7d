"""Which windows training draws, and which it is held to."""

from dataclasses import dataclass

import numpy as np

from data_contracts.errors import RefusedError
from models.learning.settings import TrainingSettings
from models.panel import Ints, Panel

MAX_HELD_OUT_ORIGINS = 14
MAX_HELD_OUT_WINDOWS = 1024
MAX_HELD_OUT_STEPS = MAX_HELD_OUT_WINDOWS * 5376  # of context; 56 days of quarter hours


@dataclass(frozen=True, eq=False)
class Origins:
    """From where windows may be drawn: a range of origins per series.

    Attributes:
        first: Slot of the first origin of each series, shape `(S,)`.
        counts: Number of origins of each series, 0 or more, shape `(S,)`.
    """

    first: Ints
    counts: Ints

    @property
    def total(self) -> int:
        """Number of windows that can be drawn."""
        return int(self.counts.sum())

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Series and origins of so many windows, every window as likely as any other."""
        ends = np.cumsum(self.counts)
        drawn = rng.integers(ends[-1], size=size)
        series = np.searchsorted(ends, drawn, side="right")
        return series, self.first[series] + drawn - (ends[series] - self.counts[series])

    def align(self, series: Ints, origins: Ints, *, anchor: int, every: int) -> Ints:
        """Move origins back to the last slot that lies a multiple of `every` before `anchor`.

        An origin that has no such slot in its range stays where it is.
        """
        moved = origins - (origins - anchor) % every
        return np.where(moved >= self.first[series], moved, origins)


@dataclass(frozen=True, eq=False)
class Split:
    """What a training draws from, and what it is held to.

    Attributes:
        training: Origins whose targets lie before those of all held-out windows.
        everything: These, and all later ones.
        held_out: Series and origin of each held-out window, shape `(B,)` each.
    """

    training: Origins
    everything: Origins
    held_out: tuple[Ints, Ints]

    def learned_until(self, horizon: int) -> int:
        """Slot of the last target that the training origins see.

        Beyond the first held-out origin where the histories are too short to hold any out.
        """
        drawn = self.training.counts > 0
        return int((self.training.first + self.training.counts)[drawn].max()) - 1 + horizon


def split_origins(panel: Panel, settings: TrainingSettings, train_until: int) -> Split:
    """Hold out the windows of the last origins, for early stopping and the weights of members.

    No target of a held-out window is seen by the training origins. Where the histories are too
    short for that, training keeps all windows and is held to the last ones of them.

    Raises:
        RefusedError: If no series has a window that ends by `train_until`.
    """
    horizon, stride = settings.horizon, settings.season
    lengths = panel.lengths_until(train_until)
    least = np.minimum(settings.context_length, np.maximum(stride, lengths // 2))
    first = panel.first_slots + least - 1
    last = train_until - horizon
    counts = np.maximum(last - first + 1, 0)
    if not counts.any():
        raise RefusedError(
            f"training: expected a series of at least {stride + horizon} steps (one season and one "
            f"horizon), the longest has {int(lengths.max(initial=0))}; wait for more history."
        )
    num_origins = int(np.clip(counts.max() // (10 * stride), 1, MAX_HELD_OUT_ORIGINS))
    held_out = last - stride * np.arange(num_origins)
    before = held_out[-1] - horizon
    everything = Origins(first, counts)
    training = Origins(first, np.maximum(np.minimum(counts, before - first + 1), 0))
    if training.total == 0:
        training = everything
    series, origins = (grid.ravel() for grid in np.meshgrid(range(panel.num_series), held_out))
    usable = np.flatnonzero(origins >= first[series])
    rng = np.random.default_rng(settings.seed)
    longest = max(settings.contexts) * settings.context_length
    most = min(MAX_HELD_OUT_WINDOWS, int(MAX_HELD_OUT_STEPS // longest))  # they are one batch
    if len(usable) > most:
        usable = np.sort(rng.choice(usable, most, replace=False))
    return Split(training, everything, (series[usable], origins[usable]))
