"""Drawings of a search: its trials one after the other."""

import math
from collections.abc import Sequence

from data_contracts.study import Trial
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg

INCHES = (9.2, 2.4)
FAR = 1.6  # times the loss of the spec as it is, beyond which trials are drawn at the edge


def history_svg(trials: Sequence[Trial]) -> str:
    """Draw the loss of every trial, and the best so far, as an `<svg>`; see `drawing.to_svg`.

    A dot is the mean over all folds, a cross that over the folds after which a trial was pruned.
    The dashed line is the spec as it is. Very bad trials lie on the upper edge.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    judged = [trial for trial in trials if trial.wql is not None]
    pruned = [trial for trial in trials if trial.outcome == "pruned" and trial.losses]
    before = next(trial.wql for trial in judged if trial.as_it_is)
    edge = FAR * (before or 1.0)
    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        axes = figure.add_axes((0.055, 0.13, 0.935, 0.83))
        axes.axhline(before, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        for trial in pruned:
            height = min(sum(trial.losses) / len(trial.losses), edge)
            axes.plot(trial.number, height, "x", c=MUTED, ms=5, clip_on=False)
        best = math.inf
        steps = []
        for trial in judged:
            loss = trial.wql or 0.0
            axes.plot(trial.number, min(loss, edge), "o", c=MUTED, ms=4.5, clip_on=False)
            best = min(best, loss)
            steps.append((trial.number, best))
        last = max(trial.number for trial in trials)
        steps.append((last, best))
        axes.step(*zip(*steps, strict=True), where="post", color=HUE, linewidth=1.6, clip_on=False)
        winner = min(judged, key=lambda trial: (trial.wql or 0.0, trial.number))
        axes.plot(winner.number, winner.wql, "o", c=HUE, ms=6.5, clip_on=False)
        axes.set_xlim(-0.5, max(last, 1) + 0.5)
        axes.margins(y=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
        dress(axes)
        return to_svg(figure, "Loss of every trial, and the best so far")
