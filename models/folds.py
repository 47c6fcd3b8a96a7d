"""Folds by time: what a training may see, and the origins after it from which it is judged.

    learns from              embargo  judged
    ├───────────────────────┤╌╌╌╌╌╌╌┼──┼──┼──┼──┤            fold 1
    ├───────────────────────────────────┤╌╌╌╌╌╌╌┼──┼──┼──┼──┤   fold 2

Nothing after `train_until` reaches a training. The embargo of one horizon lies between that and the
first origin, because a forecast from there is made at once, while a model is weeks old when it is
used; and no target that a training has seen is near one that it is judged by.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.gate.origins import LONGEST_SHARE
from models.panel import Ints, Panel

Window = Literal["expanding", "rolling"]


@dataclass(frozen=True, eq=False)
class Plan:
    """The folds that are wanted.

    Attributes:
        folds: How many.
        origins: Origins in each.
        every: Steps between origins.
        window: `expanding` learns from everything before, `rolling` from the last steps of it, as
            many in every fold as the first has.
    """

    folds: int
    origins: int
    every: int
    window: Window = "expanding"


@dataclass(frozen=True, eq=False)
class Fold:
    """One of several folds.

    Attributes:
        train_from: Slot of the first step that training may see.
        train_until: Slot of the last one.
        origins: Slots of the last step that each forecast may see, ascending, shape `(O,)`.
    """

    train_from: int
    train_until: int
    origins: Ints


def folds_by_time(panel: Panel, plan: Plan, *, end: int, horizon: int) -> list[Fold]:
    """Lay folds one behind the other, so that the last target of the last one is at `end`.

    Where the steps from the end of the first training to `end` would take more than 40 % of the
    longest history, origins first move closer together, then become fewer, and then the folds do.

    Args:
        panel: Where the histories are.
        plan: The folds that are wanted.
        end: Slot after which nothing is looked at.
        horizon: Steps that one forecast covers, and of the embargo.

    Returns:
        In the order of time, with equally many origins each; none where not two folds fit.
    """
    longest = int(panel.lengths_until(end).max(initial=0))
    spare = int(LONGEST_SHARE * longest) - 2 * horizon  # the embargo, and the last targets
    num_folds = min(plan.folds, spare + 1)
    if num_folds < 2:
        return []
    every = max(1, min(plan.every, spare // max(1, num_folds * plan.origins - 1)))
    per_fold = min(plan.origins, (spare // every + 1) // num_folds)
    count = num_folds * per_fold
    origins = end - horizon - every * np.arange(count - 1, -1, -1, dtype=np.int64)
    begin = end + 1 - longest
    first_until = int(origins[0]) - horizon
    return [
        Fold(
            train_from=begin + until - first_until if plan.window == "rolling" else begin,
            train_until=until,
            origins=of_fold,
        )
        for of_fold in np.split(origins, num_folds)
        for until in [int(of_fold[0]) - horizon]
    ]


def since(panel: Panel, slot: int) -> Panel:
    """The panel without the rows before a slot, copied; series that begin later stay as they are.

    Args:
        panel: All of it.
        slot: Of the first step that is kept, at most one after the cutoff.
    """
    sizes = np.diff(panel.indptr)
    kept = np.minimum(sizes, panel.cutoff_slot + panel.horizon + 1 - slot)
    if (kept == sizes).all():
        return panel
    ends = np.cumsum(kept)
    # Every series ends at the same slot, so what is cut off lies before it.
    rows = np.arange(ends[-1]) + np.repeat(panel.indptr[1:] - ends, kept)
    return replace(
        panel,
        indptr=np.concatenate([[0], ends]).astype(np.int64),
        y=panel.y[rows],
        observed=panel.observed[rows],
        past=panel.past[rows],
        known=panel.known[rows],
    )
