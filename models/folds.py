"""Folds: what a training may see, and what it is judged by.

By time each fold is judged on later days than the one before:

    learns from              embargo  judged
    ├───────────────────────┤╌╌╌╌╌╌╌┼──┼──┼──┼──┤            fold 1
    ├───────────────────────────────────┤╌╌╌╌╌╌╌┼──┼──┼──┼──┤   fold 2

Nothing after `train_until` reaches a training. The embargo of one horizon lies between that and the
first origin, because a forecast from there is made at once, while a model is weeks old when it is
used; and no target that a training has seen is near one that it is judged by.

By series each fold is judged on the series that it leaves out, as on their first nights: they have
a history, from which their contexts come, but no window of it was trained on.

    series    learns from                          embargo  judged
    a, c      ├───────────────────────────────────┤
    b                                              ╌╌╌╌╌╌╌╌┼──┼──┼──┼──┤

They are judged on days after the training nevertheless, with the same embargo. Of the days before
its end it has seen the other series, and what moved all of them alike would be known to it.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from data_contracts.errors import RefusedError
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
        left_out: Positions of the series that training may not see, and that alone are forecast,
            ascending; None trains on all and forecasts all.
    """

    train_from: int
    train_until: int
    origins: Ints
    left_out: Ints | None = None

    def learned(self, panel: Panel) -> Ints:
        """Positions of the series that training may see, ascending."""
        everything = np.arange(panel.num_series)
        return everything if self.left_out is None else np.setdiff1d(everything, self.left_out)

    def judged(self, panel: Panel) -> Ints:
        """Positions of the series that are forecast, ascending."""
        return np.arange(panel.num_series) if self.left_out is None else self.left_out


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
    spare = _spare(longest, horizon)
    num_folds = min(plan.folds, spare + 1)
    if num_folds < 2:
        return []
    origins = _origins(replace(plan, folds=num_folds), spare, last=end - horizon)
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


def folds_by_series(panel: Panel, plan: Plan, *, end: int, horizon: int, seed: int) -> list[Fold]:
    """Deal the series to folds that each leave out theirs, all with the same days.

    Series of like length are dealt to different folds, so that each has long and short ones; the
    numbers of series differ by one at most. Where the days would take more than 40 % of the longest
    history, origins first move closer together, then become fewer.

    Args:
        panel: Where the histories are.
        plan: The folds that are wanted; all learn from everything up to the same day.
        end: Slot of the last target, after which nothing is looked at.
        horizon: Steps that one forecast covers, and of the embargo.
        seed: What series of like length are dealt by.

    Returns:
        As many as are wanted, none where the histories are too short.

    Raises:
        RefusedError: If there are fewer series than folds, or less than two folds are wanted.
    """
    if not 2 <= plan.folds <= panel.num_series:
        raise RefusedError(
            f"Expected 2 to {panel.num_series} folds by series, as many as there are series at the "
            f"most, got {plan.folds}; ask for other folds, or for folds by time."
        )
    longest = int(panel.lengths_until(end).max(initial=0))
    spare = _spare(longest, horizon)
    if spare < 0:
        return []
    origins = _origins(replace(plan, folds=1), spare, last=end - horizon)
    train_until = int(origins[0]) - horizon
    dealt = _deal(panel.lengths_until(train_until), plan.folds, seed)
    return [
        Fold(end + 1 - longest, train_until, origins, left_out=np.flatnonzero(dealt == number))
        for number in range(plan.folds)
    ]


def seen(panel: Panel, fold: Fold) -> Panel:
    """The panel of what the training of a fold may learn from, but for what is after its end."""
    if fold.left_out is not None:
        panel = panel.select(fold.learned(panel))
    return since(panel, fold.train_from)


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


def _spare(longest: int, horizon: int) -> int:
    """Steps that origins may span, negative where not even one fits."""
    return int(LONGEST_SHARE * longest) - 2 * horizon  # the embargo, and the last targets


def _origins(plan: Plan, spare: int, *, last: int) -> Ints:
    """Those of all folds, equally many each, ascending."""
    every = max(1, min(plan.every, spare // max(1, plan.folds * plan.origins - 1)))
    count = plan.folds * min(plan.origins, (spare // every + 1) // plan.folds)
    return last - every * np.arange(count - 1, -1, -1, dtype=np.int64)


def _deal(lengths: Ints, num_groups: int, seed: int) -> Ints:
    """The group of every series: of so many of like length, one goes to each; shape `(S,)`."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(lengths)), -lengths))
    rounds = -(-len(lengths) // num_groups)
    hands = rng.permuted(np.tile(np.arange(num_groups), (rounds, 1)), axis=1)
    groups = np.empty(len(lengths), np.int64)
    groups[order] = hands.ravel()[: len(lengths)]
    return groups
