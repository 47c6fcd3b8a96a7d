"""A probe: a few short histories and what a forecaster made of them when it was stored.

Checksums say that files are as they were written. Whether they still mean the same is another
question: a library, a driver or the code around them may have changed. So a forecaster is asked
again for what it is known to answer.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.forecasters.forecaster import Forecaster
from models.panel import Floats, Panel

NUM_SERIES = 8
# Of the usual distance between the values of a forecast. On a trained network, noise of 1 % on all
# weights made 0.2 %, more than another device or order of sums; another scaling makes far more.
ACCEPTED = 0.01
ROUNDING = 16 * float(np.finfo(np.float32).eps)  # of the level, which no float32 resolves


@dataclass(frozen=True, eq=False)
class Probe:
    """Histories and the forecasts that follow them.

    Attributes:
        panel: Up to `NUM_SERIES` series; the forecasts start at its cutoff.
        quantiles: What was forecast, shape `(S, H, Q)`.
    """

    panel: Panel
    quantiles: Floats

    @classmethod
    def of(cls, forecaster: Forecaster, panel: Panel, *, until: int, steps: int) -> "Probe":
        """Keep the end of some histories, those with most values, and forecast from there.

        Args:
            forecaster: As it will be read from disk.
            panel: Where the histories are.
            until: Slot of the last step that is kept.
            steps: Of each history, at the most.
        """
        excerpt = _excerpt(panel, until=until, steps=steps)
        return cls(excerpt, _forecast(forecaster, excerpt))

    def difference(self, forecaster: Forecaster) -> str:
        """How far a forecaster is from the stored forecasts, as a clause; empty if it is not.

        Noise of floats is accepted, a number in the place of a missing one, or none, is not.
        """
        quantiles = _forecast(forecaster, self.panel)
        if quantiles.shape != self.quantiles.shape:
            return (
                f"it forecasts an array of {quantiles.shape}, when it was stored it was "
                f"{self.quantiles.shape}"
            )
        unlike = np.isfinite(quantiles) != np.isfinite(self.quantiles)
        if unlike.any():
            return (
                f"{unlike.sum():,} of its {unlike.size:,} values are missing that were not when it "
                "was stored, or the other way round"
            )
        off = _distance(quantiles, self.quantiles)  # (S,)
        worst = int(off.argmax()) if len(off) else 0
        if not len(off) or off[worst] <= ACCEPTED:
            return ""
        return (
            f"its forecast of {self.panel.unique_ids[worst]} differs by {off[worst]:.0%} of its "
            f"spread from what it was when it was stored, accepted are {ACCEPTED:.0%}"
        )


def _distance(quantiles: Floats, expected: Floats) -> Floats:
    """Mean difference per series in units of the spread of what was expected, shape `(S,)`."""
    axes = (1, 2)
    values, meant = (np.where(np.isfinite(each), each, 0) for each in (quantiles, expected))
    difference = np.abs(values - meant).mean(axis=axes)
    beyond = np.maximum(difference - ROUNDING * np.abs(meant).mean(axis=axes), 0)
    spread = np.abs(meant - meant.mean(axis=axes, keepdims=True)).mean(axis=axes)
    with np.errstate(divide="ignore"):
        return np.divide(beyond, spread, out=np.zeros_like(beyond), where=beyond > 0)


def _forecast(forecaster: Forecaster, panel: Panel) -> Floats:
    series = np.arange(panel.num_series)
    return forecaster.predict(panel, series, np.full(panel.num_series, panel.cutoff_slot))


def _excerpt(panel: Panel, *, until: int, steps: int) -> Panel:
    """The last steps up to a slot, and the known covariates of the horizon after it."""
    lengths = panel.lengths_until(until)
    chosen = np.sort(np.argsort(-lengths, kind="stable")[:NUM_SERIES])
    chosen = chosen[lengths[chosen] > 0]
    ends = panel.rows(chosen, np.full(len(chosen), until)) + 1
    sizes = np.minimum(lengths[chosen], steps) + panel.horizon
    starts = ends + panel.horizon - sizes
    spans = [np.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    rows = np.concatenate([np.zeros(0, np.int64), *spans])
    after = np.arange(len(rows)) >= np.repeat(sizes.cumsum() - panel.horizon, sizes)
    return replace(
        panel,
        unique_ids=tuple(panel.unique_ids[k] for k in chosen),
        indptr=np.concatenate([[0], sizes.cumsum()]).astype(np.int64),
        cutoff_slot=until,
        static=panel.static[chosen],
        y=np.where(after, np.float32(np.nan), panel.y[rows]),
        observed=panel.observed[rows] & ~after,
        past=np.where(after[:, None], np.float32(np.nan), panel.past[rows]),
        known=panel.known[rows],
    )
