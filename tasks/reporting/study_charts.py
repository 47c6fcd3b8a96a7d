"""Drawings of a search: its trials one after the other."""

import math
from collections.abc import Sequence

from data_contracts.study import Trial
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg

INCHES = (9.2, 2.4)
FAR = 0.5  # of the loss of the spec as it is; trials that are worse by more lie on the edge


def history_svg(trials: Sequence[Trial]) -> str:
    """Draw the loss of every trial against that of the spec as it is; see `drawing.to_svg`.

    What was judged on some folds alone is set against the same folds.

    A dot is the mean over all folds, a cross that over the folds after which a trial was pruned.
    The dashed line is the spec as it is, the line in colour the best so far. Very bad trials lie on
    the upper edge.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    judged = [trial for trial in trials if trial.wql is not None]
    pruned = [trial for trial in trials if trial.outcome == "pruned" and trial.losses]
    reference = next(trial.losses for trial in judged if trial.as_it_is)
    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        axes = figure.add_axes((0.055, 0.13, 0.935, 0.83))
        axes.axhline(0, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        for trial in pruned:
            axes.plot(trial.number, _height(trial, reference), "x", c=MUTED, ms=5, clip_on=False)
        best = math.inf
        steps = []
        for trial in judged:
            now = _height(trial, reference)
            axes.plot(trial.number, now, "o", c=MUTED, ms=4.5, clip_on=False)
            best = min(best, now)
            steps.append((trial.number, best))
        last = max(trial.number for trial in trials)
        steps.append((last, best))
        axes.step(*zip(*steps, strict=True), where="post", color=HUE, linewidth=1.6, clip_on=False)
        winner = min(judged, key=lambda trial: (trial.wql or 0.0, trial.number))
        axes.plot(winner.number, best, "o", c=HUE, ms=6.5, clip_on=False)
        axes.set_xlim(-0.5, max(last, 1) + 0.5)
        axes.margins(y=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
        dress(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda change, _: _signed(change)))
        return to_svg(figure, "Loss of every trial, and the best so far")


def _height(trial: Trial, reference: Sequence[float]) -> float:
    """How much more it lost than the spec as it is on the same folds, in percent."""
    before = sum(reference[: len(trial.losses)]) or 1.0
    return 100 * min(sum(trial.losses) / before - 1, FAR)


def _signed(change: float) -> str:
    """Percent with a true minus sign.

    >>> _signed(-2.5), _signed(0), _signed(10.0)
    ('−2.5%', '0%', '+10%')
    """
    return f"{change:+.3g}%".replace("-", "−").replace("+0%", "0%")
