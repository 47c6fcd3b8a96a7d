"""Is attention faithful? What a forecast looked at most has to matter most to it.

A weight says how much a past patch was mixed in, and not how much the forecast depends on it
(Jain and Wallace, 2019; Wiegreffe and Pinter, 2019). So patches are removed and the change of the
forecast is measured (Samek et al., 2017; the comprehensiveness of DeYoung et al., 2020): the patch
that it looked at most, the one it looked at least, and one drawn at random. A removed patch is a
gap, which is what networks know from training. The last patch is what levels are taken from,
whatever attention does, so that the same is asked again of the patches before it.
"""

from dataclasses import dataclass, replace

import numpy as np

from data_contracts.night import Faithfulness
from models.attention import observed_steps
from models.forecasters.forecaster import Forecaster
from models.panel import Bools, Floats, Ints, Panel
from models.scores import Doubles


def faithfulness(
    forecaster: Forecaster, panel: Panel, weights: Floats, steps: Ints, *, seed: int
) -> Faithfulness | None:
    """Remove patches from the context of every series, and compare what that changes.

    Series of which fewer than two patches were observed, or that looked at all of them alike, have
    nothing to compare and do not count. A patch that is removed is not observed: its target is
    gone, covariates and everything before it stay.

    Args:
        forecaster: Whose forecasts from the cutoff of the panel are meant.
        panel: All series that are asked, `S` of them.
        weights: Where each forecast looked, shape `(S, T)`.
        steps: Of each past patch in time order, shape `(T,)`; the last ends at the cutoff.
        seed: Draws the random patches.

    Returns:
        None where no series counts.
    """
    there = observed_steps(panel, np.arange(panel.num_series), panel.cutoff_slot, steps) > 0
    counts = _differ(weights, there)
    if not counts.any():
        return None
    kept = np.flatnonzero(counts)
    panel, weights, there = panel.select(kept), weights[kept], there[kept]
    forecasts = _Forecasts.of(forecaster, panel, steps)
    most, least = _highest(weights, there), _highest(-weights, there)
    drawn = _drawn(there, most, np.random.default_rng(seed))
    changes = [forecasts.change_without(patches) for patches in (most, least, drawn)]
    return Faithfulness(
        series=len(kept),
        held=_share(changes[0] > changes[1]),
        held_random=_share(changes[0] > changes[2]),
        held_older=_held_older(forecasts, weights, there),
        most=forecasts.in_widths(changes[0]),
        least=forecasts.in_widths(changes[1]),
        random=forecasts.in_widths(changes[2]),
    )


def without_patches(panel: Panel, steps: Ints, patches: Ints) -> Panel:
    """The panel as if one patch of each series had not been observed.

    Args:
        panel: Copied where it changes.
        steps: Of each past patch in time order, shape `(T,)`; the last ends at the cutoff.
        patches: Which patch of each series, shape `(S,)`.
    """
    ends = panel.cutoff_slot + 1 - (int(steps.sum()) - np.cumsum(steps))  # slot after each patch
    y, observed = panel.y.copy(), panel.observed.copy()
    for number, patch in enumerate(patches):
        slots = np.arange(ends[patch] - steps[patch], ends[patch])
        rows = panel.rows(np.array(number), slots)
        rows = rows[rows >= panel.indptr[number]]
        y[rows], observed[rows] = np.nan, False
    return replace(panel, y=y, observed=observed)


@dataclass(frozen=True, eq=False)
class _Forecasts:
    """What is forecast for some series, to be compared with what it is without a patch."""

    forecaster: Forecaster
    panel: Panel
    steps: Ints
    whole: Floats  # (S, H, Q)

    @classmethod
    def of(cls, forecaster: Forecaster, panel: Panel, steps: Ints) -> "_Forecasts":
        return cls(forecaster, panel, steps, _predict(forecaster, panel))

    def change_without(self, patches: Ints) -> Doubles:
        """Mean change over steps and levels without one patch of each series, shape `(S,)`."""
        panel = without_patches(self.panel, self.steps, patches)
        moved = _predict(self.forecaster, panel).astype(np.float64)
        change: Doubles = np.abs(moved - self.whole).mean(axis=(1, 2))
        return change

    def in_widths(self, changes: Doubles) -> float:
        """Their mean in widths of the widest interval, over the series that have one."""
        width = (self.whole[..., -1] - self.whole[..., 0]).mean(axis=1)
        ratios = changes[width > 0] / width[width > 0]
        return float(ratios.mean()) if len(ratios) else float("nan")


def _predict(forecaster: Forecaster, panel: Panel) -> Floats:
    origins = np.full(panel.num_series, panel.cutoff_slot)
    return forecaster.predict(panel, np.arange(panel.num_series), origins)


def _held_older(forecasts: _Forecasts, weights: Floats, there: Bools) -> float | None:
    """Share of the series where it holds among the patches before the last one."""
    older = there & (np.arange(weights.shape[1]) < weights.shape[1] - 1)
    asked = _differ(weights, older)
    if not asked.any():
        return None
    most, least = (forecasts.change_without(_highest(w, older)) for w in (weights, -weights))
    return _share((most > least)[asked])


def _differ(weights: Floats, there: Bools) -> Bools:
    """Series with two patches that they did not look at alike, shape `(S,)`."""
    highest = np.where(there, weights, -np.inf).max(axis=1)
    lowest = np.where(there, weights, np.inf).min(axis=1)
    unlike: Bools = highest > lowest
    return unlike & (there.sum(axis=1) > 1)


def _highest(values: Floats, there: Bools) -> Ints:
    return np.where(there, values, -np.inf).argmax(axis=1)


def _drawn(there: Bools, other_than: Ints, random: np.random.Generator) -> Ints:
    """One of the patches that are there, each as likely as another, but for one."""
    lots = random.random(there.shape)
    lots[np.arange(len(there)), other_than] = -1
    return _highest(lots.astype(np.float32), there)


def _share(held: Bools) -> float:
    return float(held.mean())
