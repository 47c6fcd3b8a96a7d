"""Choose the baseline: of several, the one that did best before the night's evidence begins."""

from typing import NamedTuple

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.spec import Spec
from models.forecasters.baselines import mean_scaled_losses
from models.forecasters.statistical import SEASONS_NEEDED
from models.gate.origins import earlier_origins
from models.panel import Ints, Panel
from tasks.contenders import Contender, baseline_of
from tasks.evaluate import judge
from tasks.progress import Step, stage
from tasks.tonight import Tonight

MOST_SERIES = 200  # that several baselines are compared on, spread evenly over all
FEWEST_ORIGINS = 2


class Baseline(NamedTuple):
    """Tonight's baseline, and how it was chosen in one sentence."""

    contender: Contender
    reason: str


@task(name="choose baseline", task_run_name="choose baseline", cache_policy=NO_CACHE)
def baseline_tonight(tonight: Tonight, panel: Panel, origins: Ints) -> Baseline:
    """Take the spec's baseline, or the best of several; see `choose_baseline`."""
    if len(tonight.spec.baselines) == 1:
        return _only(tonight.spec)
    with stage("choose baseline") as step:
        return choose_baseline(tonight, panel, origins, step=step)


def choose_baseline(tonight: Tonight, panel: Panel, origins: Ints, *, step: Step) -> Baseline:
    """Of the spec's baselines, take the one with the least loss on earlier origins.

    Their forecasts end before the first origin that contenders are judged from, so that choosing
    the baseline takes nothing away from the evidence. Losses are those of the gate.

    Args:
        tonight: The night.
        panel: The series that are judged.
        origins: Slots that contenders are judged from, ascending.
        step: Told of every batch of forecasts.

    Returns:
        The baseline, and how it was chosen in one sentence.
    """
    spec = tonight.spec
    names = spec.baselines
    if len(names) == 1:
        return _only(spec)
    earlier = earlier_origins(
        panel,
        int(origins[0]) if len(origins) else panel.cutoff_slot,
        origins=spec.gate.origins,
        every=spec.origin_step,
        horizon=spec.horizon,
        least=SEASONS_NEEDED * spec.season_length,
    )
    if len(earlier) < FEWEST_ORIGINS:
        return Baseline(
            baseline_of(spec),
            f"The baseline is {names[0]}, the first that the spec names, because the histories are "
            "too short to compare baselines on earlier origins.",
        )
    rivals = [baseline_of(spec, name) for name in names]
    entries = judge(tonight, _some_series(panel), rivals, earlier, step=step)
    losses = mean_scaled_losses([entry.losses for entry in entries])
    if np.isnan(losses).any():
        return Baseline(
            rivals[0],
            f"The baseline is {names[0]}, the first that the spec names, because nothing was "
            "observed that baselines could be compared on at earlier origins.",
        )
    best, *others = np.argsort(losses, kind="stable")
    rest = ", ".join(f"{names[other]} has {losses[other]:.3f}" for other in others)
    return Baseline(
        rivals[best],
        f"The baseline is {names[best]}: over {len(earlier)} earlier origins its mean scaled loss "
        f"is {losses[best]:.3f}; {rest}.",
    )


def _only(spec: Spec) -> Baseline:
    reason = f"The baseline is {spec.baselines[0]}, the only one that the spec names."
    return Baseline(baseline_of(spec), reason)


def _some_series(panel: Panel) -> Panel:
    """At most `MOST_SERIES`, spread evenly over all."""
    if panel.num_series <= MOST_SERIES:
        return panel
    return panel.select(np.linspace(0, panel.num_series - 1, MOST_SERIES).round().astype(np.int64))
