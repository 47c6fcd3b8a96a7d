"""How series miss together: past steps as templates of the next ones.

Whether a total is as uncertain as its series together, or much less, depends on whether they miss
on the same side: a storm is one for all airports. Each step of a past forecast is a template: where
in its own forecast did every series come out, the rank among all such steps? A scenario of a coming
step takes these ranks and, of each series, the values of its present forecast that have them. So
every series keeps its forecast as it is published, and they go together as they did (the Schaake
shuffle: Clark et al., 2004; empirical copula coupling: Schefzik, Thorarinsdottir and Gneiting,
2013). Nothing is assumed of the shape: that bad days are worse for all than good days are good is
in the templates, and a normal copula would not have it.

All leads of all origins are templates of every step; those of one lead alone would be too few.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np

from models.panel import Bools, Floats, Ints
from models.scores import Doubles

MOST = 1000  # templates that are used; the places of a total are then right within 1 %
FEWEST = 400  # scenarios; fewer templates are used several times
JITTER = 1e-5  # of scores, by which ties are broken at random
SERIES_AT_ONCE = 1024  # in memory


@dataclass(frozen=True, eq=False)
class Templates:
    """Ranks of all series in `T` scenarios.

    Attributes:
        ranks: From 0 to `T - 1`, each once per series, shape `(S, T)`.
    """

    ranks: Ints

    @classmethod
    def learn(cls, scores: Floats, *, seed: int) -> Self:
        """Take the steps of past forecasts.

        Where a series was not observed, its rank is drawn at random. One that never was borrows
        the ranks of another.

        Args:
            scores: Where the actuals lay in their forecasts, such as normal scores, NaN where not
                observed, shape `(S, O, H)`.
            seed: Of what is drawn.
        """
        rng = np.random.default_rng(seed)
        steps = scores.reshape(len(scores), -1)  # (S, O * H)
        known: Bools = np.asarray((~np.isnan(steps)).any(axis=1))
        if not known.any():
            return cls.together(len(scores))
        some = np.linspace(0, steps.shape[1] - 1, min(steps.shape[1], MOST)).round()
        steps = np.tile(steps[:, some.astype(np.int64)], -(-FEWEST // len(some)))
        ranks = np.empty(steps.shape, np.int64)
        for begin in range(0, len(steps), SERIES_AT_ONCE):
            batch = slice(begin, begin + SERIES_AT_ONCE)
            ranks[batch] = _ranks(steps[batch], rng)
        ranks[~known] = ranks[_donors(known, rng)]
        return cls(ranks)

    @classmethod
    def together(cls, num_series: int) -> Self:
        """Nothing is known: all series miss on the same side, the widest that a total can be."""
        return cls(np.broadcast_to(np.arange(FEWEST), (num_series, FEWEST)))

    @classmethod
    def apart(cls, num_series: int, *, seed: int) -> Self:
        """What one series misses says nothing of the others; for comparison."""
        rng = np.random.default_rng(seed)
        return cls(rng.permuted(np.tile(np.arange(MOST), (num_series, 1)), axis=1))

    @property
    def scores(self) -> Doubles:
        """Normal scores of the ranks, ascending, shape `(T,)`."""
        count = self.ranks.shape[1]
        return np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)])


def _ranks(steps: Floats, rng: np.random.Generator) -> Ints:
    """Ranks within each row; those of NaN are spread over all of them."""
    jitter = rng.random(steps.shape, np.float32)
    drawn = np.nanmin(steps, axis=1, initial=0, keepdims=True)
    missing = np.isnan(steps)
    filled = np.where(missing, drawn, steps) + np.float32(JITTER) * jitter
    if missing.any():
        filled = np.where(missing, _others(filled, missing, rng), filled)
    return filled.argsort(axis=1).argsort(axis=1)


def _others(steps: Floats, missing: Bools, rng: np.random.Generator) -> Floats:
    """Values of other steps of the same row in the place of each."""
    observed_first = np.argsort(missing, axis=1, kind="stable")
    count = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
    drawn = (rng.random(steps.shape) * count).astype(np.int64)
    taken = np.take_along_axis(observed_first, drawn, axis=1)
    jitter = np.float32(JITTER) * rng.random(steps.shape, np.float32)
    return np.take_along_axis(steps, taken, axis=1) + jitter


def _donors(known: Bools, rng: np.random.Generator) -> Ints:
    """For each series that nothing is known of, one that something is known of."""
    return rng.choice(np.flatnonzero(known), int((~known).sum()))
