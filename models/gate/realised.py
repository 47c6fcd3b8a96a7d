"""Realised accuracy: what published forecasts came to, in a few numbers, and which nights were bad.

Rows are forecasts of one step of one series whose actual is known: `N` of them. Those of the
baseline are what it would have published with the same batch, and NaN where that was not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import NamedTuple, Self

import numpy as np

from models import scores
from models.gate.evaluation import step_losses
from models.panel import Bools, Floats, Ints
from models.scores import Doubles

LEAST_OBSERVED = 0.5  # share of a night's rows whose actual is known before it is judged


@dataclass(frozen=True, eq=False)
class Realised:
    """Losses row by row, shape `(N,)` each.

    Attributes:
        series: Which series, int64; numbers as small as there are series.
        night: Which cutoff, int64, likewise.
        lead: Steps after the cutoff, int64.
        absolute_error, error, pinball, absolute_y, covered, nominal, scale: See
            `data_contracts.accuracy`.
        base_absolute_error, base_error, base_pinball, base_covered: The same of the baseline.
    """

    series: Ints
    night: Ints
    lead: Ints
    absolute_error: Doubles
    error: Doubles
    pinball: Doubles
    absolute_y: Doubles
    covered: Doubles
    nominal: Doubles
    scale: Doubles
    base_absolute_error: Doubles
    base_error: Doubles
    base_pinball: Doubles
    base_covered: Doubles

    def where(self, mask: Bools) -> Self:
        """Some of the rows."""
        return type(self)(*(getattr(self, field.name)[mask] for field in fields(self)))


class Scores(NamedTuple):
    """Rows in a few numbers; NaN where there is nothing to take a mean of.

    Attributes:
        rows: Number of rows.
        mase: Mean over series of the mean of absolute error over scale; series without a scale are
            left out.
        wql: Sum of pinball loss over the sum of |y|.
        coverage: Mean of `covered`.
        nominal_coverage: What it was meant to be.
        bias: Sum of errors over the sum of |y|.
    """

    rows: int
    mase: float
    wql: float
    coverage: float
    nominal_coverage: float
    bias: float


class NightLoss(NamedTuple):
    """How the network's part of one published batch did.

    Attributes:
        cutoff: Of the night.
        version: Of the network; empty where the baseline published.
        loss_ratio: `relative_loss`, NaN where it is not known.
        coverage: Share of actuals inside the widest interval, relative to what is meant.
        judged: Whether the horizon is over and enough of the actuals are known.
    """

    cutoff: datetime
    version: str
    loss_ratio: float
    coverage: float
    judged: bool


class Limits(NamedTuple):
    """What is accepted of a night.

    Attributes:
        max_loss_ratio: Loss of the network per loss of the baseline.
        min_coverage: Coverage relative to what is meant.
        bad_nights: Bad nights in a row that ask for a training.
    """

    max_loss_ratio: float
    min_coverage: float
    bad_nights: int


def realised_losses(
    y: Floats, quantiles: Floats, levels: tuple[float, ...]
) -> tuple[Doubles, Doubles]:
    """Losses of forecasts that may differ in the levels that they have.

    Args:
        y: What came, NaN where it was not observed, shape `(N,)`.
        quantiles: What was published, NaN where a row has no such level, shape `(N, Q)`.
        levels: Levels of the last axis, ascending.

    Returns:
        `step_losses`, shape `(5, N)`, NaN where nothing was observed or forecast, and the nominal
        coverage of each row, shape `(N,)`.
    """
    losses, nominal = np.full((5, len(y)), np.nan), np.full(len(y), np.nan)
    marks, kinds = np.unique(np.packbits(~np.isnan(quantiles), axis=1), axis=0, return_inverse=True)
    for kind in range(len(marks)):
        rows = np.flatnonzero(kinds.ravel() == kind)
        there = np.flatnonzero(~np.isnan(quantiles[rows[0]]))
        own = tuple(levels[k] for k in there)
        if 0.5 not in own:
            continue
        nominal[rows] = scores.nominal_coverage(own)
        published = quantiles[np.ix_(rows, there)]
        losses[:, rows] = step_losses(y[rows].astype(np.float64), published, own)
    return losses, nominal


def scores_of(rows: Realised) -> Scores:
    """Condense what was published into the scores that people compare."""
    return _scores(rows, rows.absolute_error, rows.error, rows.pinball, rows.covered)


def baseline_scores_of(rows: Realised) -> Scores:
    """Condense what the baseline would have published, on the rows for which that is known."""
    known = rows.where(np.isfinite(rows.base_absolute_error))
    return _scores(
        known, known.base_absolute_error, known.base_error, known.base_pinball, known.base_covered
    )


def relative_loss(rows: Realised) -> float:
    """Loss of what was published per loss of the baseline, on the rows for which both are known.

    The loss is that of the gate: pinball over the scale of MASE. NaN where there are no such rows,
    or the baseline made no error.
    """
    theirs, ours = (_over(loss, rows.scale) for loss in (rows.base_pinball, rows.pinball))
    both = np.isfinite(theirs) & np.isfinite(ours)
    total = float(theirs[both].sum())
    return float(ours[both].sum()) / total if total > 0 else float("nan")


def fault(night: NightLoss, limits: Limits) -> str:
    """What is bad about a night, in words; empty where nothing is or nothing can be said.

    >>> limits = Limits(max_loss_ratio=1.25, min_coverage=0.7, bad_nights=2)
    >>> fault(NightLoss(datetime(2024, 1, 1), "v1", 1.5, 0.98, True), limits)
    'loss 1.50 times that of the baseline, accepted is 1.25'
    """
    if not night.judged or not night.version:
        return ""
    faults = []
    if night.loss_ratio > limits.max_loss_ratio:
        faults.append(
            f"loss {night.loss_ratio:.2f} times that of the baseline, accepted is "
            f"{limits.max_loss_ratio:g}"
        )
    if night.coverage < limits.min_coverage:
        faults.append(
            f"coverage {night.coverage:.0%} of what is meant, accepted is {limits.min_coverage:.0%}"
        )
    return " and ".join(faults)


def bad_in_a_row(nights: Sequence[NightLoss], limits: Limits) -> tuple[NightLoss, ...]:
    """The last nights that were judged, if they are bad, enough of them, and of one version.

    Nights that cannot be judged yet, or of which nothing arrived, are passed over. One that the
    baseline published ends a row, and so does another version: what a model did says nothing of
    the one after it.

    Args:
        nights: Ascending.
        limits: What is accepted.

    Returns:
        As many as `limits.bad_nights` asks for, ascending; none where a training is not asked for.
    """
    last = [night for night in nights if night.judged or not night.version][-limits.bad_nights :]
    enough = len(last) == limits.bad_nights and len({night.version for night in last}) == 1
    return tuple(last) if enough and all(fault(night, limits) for night in last) else ()


def _scores(
    rows: Realised, absolute_error: Doubles, error: Doubles, pinball: Doubles, covered: Doubles
) -> Scores:
    scaled = _over(absolute_error, rows.scale)
    counted = np.isfinite(scaled)
    size = rows.series.max(initial=-1) + 1
    count = np.bincount(rows.series[counted], minlength=size)
    total = np.bincount(rows.series[counted], scaled[counted], minlength=size)
    means = total[count > 0] / count[count > 0]
    amount = float(rows.absolute_y.sum())
    return Scores(
        rows=len(rows.series),
        mase=_mean(means),
        wql=float(pinball.sum()) / amount if amount > 0 else float("nan"),
        coverage=_mean(covered),
        nominal_coverage=_mean(rows.nominal),
        bias=float(error.sum()) / amount if amount > 0 else float("nan"),
    )


def _over(loss: Doubles, scale: Doubles) -> Doubles:
    return np.divide(loss, scale, out=np.full(len(loss), np.nan), where=scale > 0)


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else float("nan")
