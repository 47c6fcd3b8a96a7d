"""How tonight's trainings went: the loss on held-out windows, epoch by epoch."""

from collections.abc import Sequence
from typing import NamedTuple

from models.learning.curves import Curve
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg
from tasks.reporting.formats import count

INCHES = (4.6, 2.05)


class Learned(NamedTuple):
    """The training of one forecaster.

    Attributes:
        name: Of the forecaster.
        curves: One per member.
    """

    name: str
    curves: tuple[Curve, ...]


def summary(learned: Learned) -> str:
    """What the drawing shows, in one line.

    >>> summary(Learned("tcn", (Curve((0.9, 0.7), (0.8, 0.6), best=1, seconds=3.2),)))
    '1 member, held-out loss 0.800 to 0.600, 2 epochs, 3 s'
    """
    curves = learned.curves
    held = [curve for curve in curves if curve.held_out]
    first = sum(curve.held_out[0] for curve in held) / len(held)
    best = sum(curve.held_out[curve.best] for curve in held) / len(held)
    epochs = count(sum(len(curve.training) for curve in curves), "epoch")
    members = count(len(curves), "member")
    seconds = sum(curve.seconds for curve in curves)
    return f"{members}, held-out loss {first:.3f} to {best:.3f}, {epochs}, {seconds:.0f} s"


def svg(learned: Learned) -> str:
    """Draw the curves of one forecaster as an `<svg>` element; see `drawing.to_svg`.

    Solid is the loss on held-out windows, of the members that were held to them; dashed that of the
    training. A dot marks the epoch that was best.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        axes = figure.add_axes((0.085, 0.11, 0.89, 0.85))
        for curve in learned.curves:
            epochs = range(1, len(curve.training) + 1)
            dashes = (0, (3, 2))
            axes.plot(epochs, curve.training, c=MUTED, lw=1, ls=dashes, clip_on=False)
            if len(epochs) == 1:  # as of a warm start: no line to see
                axes.plot(1, curve.training[0], "_", c=MUTED, ms=8, clip_on=False)
            if not curve.held_out:
                continue
            axes.plot(epochs, curve.held_out, c=HUE, lw=1.2, alpha=0.8, clip_on=False)
            axes.plot(curve.best + 1, curve.held_out[curve.best], "o", c=INK, ms=3, clip_on=False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        longest = max(len(curve.training) for curve in learned.curves)
        axes.set_xlim(1 if longest > 1 else 0.5, longest if longest > 1 else 1.5)
        axes.margins(y=0.08)
        dress(axes)
        return to_svg(figure, f"Loss of {learned.name} over the epochs of its training")


def worth_drawing(trained: Sequence[Learned]) -> list[Learned]:
    """Those of which any epoch is known."""
    return [learned for learned in trained if any(curve.held_out for curve in learned.curves)]
