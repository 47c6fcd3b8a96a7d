"""The evidence of the gate: each gain with what it is at least and at most."""

from collections.abc import Mapping
from typing import NamedTuple

from data_contracts.plain_text import visible
from tasks.reporting.drawing import HUE, INK, MUTED, RC, to_svg

GAIN, AT_LEAST, AT_MOST = ".gain_over_", "_at_least", "_at_most"
WIDTH, ROW_INCHES, MARGIN_INCHES = 6.4, 0.3, 0.55
MAX_ROWS = 12


class Gain(NamedTuple):
    """Relative gain of one contender over another, 0.1 for a tenth less loss, and its bounds."""

    contender: str
    reference: str
    mean: float
    at_least: float
    at_most: float

    @property
    def is_proven(self) -> bool:
        """Whether it is above zero beyond doubt."""
        return self.at_least > 0


def gains(numbers: Mapping[str, float]) -> list[Gain]:
    """The gains among the numbers of a decision, in their order.

    >>> numbers = {"a.loss": 0.5, "a.gain_over_b": 0.1}
    >>> numbers |= {"a.gain_over_b_at_least": 0.02, "a.gain_over_b_at_most": 0.18}
    >>> gains(numbers)
    [Gain(contender='a', reference='b', mean=0.1, at_least=0.02, at_most=0.18)]
    """
    found = []
    for name, mean in numbers.items():
        contender, _, reference = name.partition(GAIN)
        bounds = numbers.get(name + AT_LEAST), numbers.get(name + AT_MOST)
        if reference and bounds[0] is not None and bounds[1] is not None:
            found.append(Gain(contender, reference, mean, bounds[0], bounds[1]))
    return found


def svg(shown: list[Gain]) -> str:
    """Draw gains one below the other as an `<svg>` element; see `drawing.to_svg`.

    A gain that is proven lies to the right of zero with its whole line, and is drawn in colour.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = shown[:MAX_ROWS]
    height = MARGIN_INCHES + ROW_INCHES * len(shown)
    with rc_context(RC):
        figure = Figure(figsize=(WIDTH, height))
        bottom = 0.32 / height
        axes = figure.add_axes((0.42, bottom, 0.55, 1 - bottom - 0.06 / height))
        for row, gain in enumerate(shown):
            colour = HUE if gain.is_proven else MUTED
            axes.plot([gain.at_least, gain.at_most], [row, row], c=colour, lw=2, clip_on=False)
            axes.plot(gain.mean, row, "o", c=colour, ms=5, clip_on=False)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        names = [visible(f"{gain.contender} over {gain.reference}")[:44] for gain in shown]
        axes.set_yticks(range(len(shown)), names)
        for label in axes.get_yticklabels():
            label.set_parse_math(False)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda gain, _: f"{100 * gain + 0.0:.3g}%"))
        axes.tick_params(length=0, labelcolor=MUTED, pad=4)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(MUTED)
        return to_svg(figure, "Gains with their bounds; proven ones lie right of zero")
