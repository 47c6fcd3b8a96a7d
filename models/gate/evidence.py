"""Evidence: how far a difference between two contenders is beyond chance.

Losses of two contenders in the same windows, series by origins, are paired. What chance could have
done to their difference has two sources. An origin is a draw: its storm or holiday hits all series
at once, and neighbours resemble each other, so origins are drawn again in blocks. A series is a
draw too: what one training has caught of it and the other has not lasts longer than the origins
that are judged, and would pass for proven if origins alone were drawn again.

Both deviations add up. What a single window contributes is in both, and is taken out once: the
variance of a mean over crossed rows and columns is that of the rows plus that of the columns minus
that of the cells (Owen, 2007; Cameron, Gelbach and Miller, 2011).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.panel import Bools, Ints
from models.scores import Doubles

TINY = 1e-12  # a reference without any loss cannot be beaten; this keeps the quotient finite
VALUES_AT_ONCE = 1 << 22  # drawn in memory


class Gain(NamedTuple):
    """Relative gain of one contender over another, 0.1 for a tenth less loss, and its bounds."""

    mean: float
    at_least: float
    at_most: float


@dataclass(frozen=True)
class Chance:
    """How histories are drawn again.

    Attributes:
        block_length: Origins per block.
        resamples: Number of histories.
        seed: Where the drawing starts.
    """

    block_length: int
    resamples: int = 2000
    seed: int = 7


def gain(reference: Doubles, contender: Doubles, chance: Chance, *, alpha: float) -> Gain:
    """Relative gain of a contender, and what it is at least and at most, each with 1 - alpha.

    Every origin weighs the same, and in it every series that was judged there.

    Args:
        reference: Scaled losses, NaN where a window was not judged, shape `(S, O)`.
        contender: The same of who claims to be better, NaN in the same windows.
        chance: How histories are drawn again.
        alpha: Accepted probability of each bound to be wrong.
    """
    judged = ~np.isnan(reference)
    weights = window_weights(judged)
    theirs, ours = np.where(judged, reference, 0), np.where(judged, contender, 0)
    loss = weights * theirs
    mean = float(loss.sum() - (weights * ours).sum()) / max(float(loss.sum()), TINY)
    excess = weights * (theirs - ours) - mean * loss  # what no window would have without chance
    deviations = _deviations(excess, loss, judged, chance)
    at_least, at_most = mean + np.quantile(deviations, [alpha, 1 - alpha])
    return Gain(mean, float(at_least), float(at_most))


def window_weights(judged: Bools) -> Doubles:
    """Share of each window in the mean over origins of the mean over series.

    >>> window_weights(np.array([[True, True, False], [True, False, False]])).tolist()
    [[0.25, 0.5, 0.0], [0.25, 0.0, 0.0]]
    """
    of_origin = judged.sum(axis=0)
    share = np.divide(1.0, of_origin, out=np.zeros(len(of_origin)), where=of_origin > 0)
    weights: Doubles = judged * share / max(1, int((of_origin > 0).sum()))
    return weights


def _deviations(excess: Doubles, loss: Doubles, judged: Bools, chance: Chance) -> Doubles:
    """By how much chance could have moved the gain, one value per history, shape `(R,)`."""
    rng = np.random.default_rng(chance.seed)
    origins, series = judged.any(axis=0), judged.any(axis=1)
    num_origins, num_series = int(origins.sum()), int(series.sum())
    length = chance.block_length
    histories = draw_blocks(rng, num_origins, length=length, resamples=chance.resamples)
    # A bootstrap of O origins in blocks of b sees only the share 1 - b / O of the variance.
    by_origin = _redrawn(excess.sum(axis=0)[origins], loss.sum(axis=0)[origins], histories)
    by_origin /= np.sqrt(1 - length / num_origins)
    by_series = np.zeros(chance.resamples)
    cells = 0.0
    if num_series > 1:  # one alone says nothing about how series differ
        by_series = _series_redrawn(
            rng, excess.sum(axis=1)[series], loss.sum(axis=1)[series], chance
        )
        by_series *= np.sqrt(num_series / (num_series - 1))
        cells = float((excess**2).sum()) / max(float(loss.sum()), TINY) ** 2
    rows, columns = float(by_series.var()), float(by_origin.var())
    variance = max(rows + columns - cells, rows, columns)
    # A variance that is known from so few blocks makes a normal deviation one of Student's t;
    # blocks that overlap tell half as much again as those that do not (Künsch, 1989).
    freedom = 1.5 * num_origins / length - 1
    student = np.sqrt(freedom / rng.chisquare(freedom, chance.resamples))
    stretch: Doubles = student * np.sqrt(variance / max(rows + columns, TINY**2))
    return (by_origin + by_series) * stretch


def draw_blocks(rng: np.random.Generator, count: int, *, length: int, resamples: int) -> Ints:
    """Positions drawn in circular blocks (Politis and Romano, 1992), shape `(R, count)`.

    Args:
        rng: Where the draws come from.
        count: Positions to draw from, on a circle.
        length: Neighbours that are drawn together.
        resamples: Number of histories, `R`.
    """
    starts = rng.integers(0, count, (resamples, -(-count // length), 1))
    drawn: Ints = (starts + np.arange(length)) % count
    return drawn.reshape(resamples, -1)[:, :count]


def _redrawn(excess: Doubles, loss: Doubles, drawn: Ints) -> Doubles:
    """What each history adds to the gain: its excess over its loss, shape `(R,)`."""
    added: Doubles = excess[drawn].sum(axis=1) / np.maximum(loss[drawn].sum(axis=1), TINY)
    return added


def _series_redrawn(
    rng: np.random.Generator, excess: Doubles, loss: Doubles, chance: Chance
) -> Doubles:
    """The same with series drawn one by one, in parts that fit into memory."""
    count = len(excess)
    size = max(1, VALUES_AT_ONCE // count)
    parts = [
        _redrawn(excess, loss, rng.integers(0, count, (min(size, chance.resamples - begin), count)))
        for begin in range(0, chance.resamples, size)
    ]
    return np.concatenate(parts)
