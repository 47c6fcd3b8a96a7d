"""What all drawings share: ink and one hue, axes without clutter, SVG that a page can recolour."""

import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The colours of paper. In an SVG each becomes a CSS variable, so that the page can turn dark.
INK, MUTED, RULE, HUE = "#1c2130", "#6b7284", "#e3e6ee", "#3451d1"
CSS_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)", HUE: "var(--hue)"}
CLUTTER = (
    (r"xlink:href", "href"),
    (r' id="(?![mp][0-9a-f]{10}")[^"]*"', ""),  # those of markers and clips are referred to
    (r" font-family: [^;]*;", ""),
    (r' transform="rotate\(-?0 [^"]*"', ""),
    (r'<path d="[^"]*" style="fill: none"/>', ""),
    (r"\s+", " "),
    (r"(?<=>) (?=<)", ""),
    (r"</?g/?>", ""),  # without ids they group nothing
)
RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nightcast",
    "path.simplify": True,
    "font.size": 8.5,
    "axes.linewidth": 0.7,
}


def to_svg(figure: "Figure", label: str) -> str:
    """An `<svg>` element whose colours are CSS variables; the same figure gives the same text.

    Args:
        figure: Drawn under `RC`.
        label: What a screen reader says; hostile text stays text.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    FigureCanvasSVG(figure)
    bare = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", transparent=True, metadata=bare)
    return _slim(text.getvalue(), figure.get_size_inches(), label)


def compact(value: float) -> str:
    """Write a number for an axis in few letters.

    >>> [compact(value) for value in (0.25, 40, 12_500, 3_000_000, 0)]
    ['0.25', '40', '12.5k', '3M', '0']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / 1e3 if letter == 'k' else value / size:.4g}{letter}"
    return f"{value:.4g}"


def dress(axes: "Axes") -> None:
    """Few numbers on the left, and no ink that says nothing."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axes.grid(axis="y", color=RULE, linewidth=0.7, clip_on=False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=MUTED, pad=3)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def _slim(drawing: str, inches: tuple[float, float], label: str) -> str:
    """Leave of an SVG file what a page needs: no prologue, ids, fonts or long decimals."""
    width, height = (72 * length for length in inches)
    body = drawing[drawing.index("</defs>") + len("</defs>") :]
    for pattern, instead in CLUTTER:
        body = re.sub(pattern, instead, body)
    body = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.1f}", body)
    for colour, variable in CSS_VARIABLES.items():
        body = body.replace(colour, variable)
    said = escape(label, quote=True)
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{said}">'
    return opening + body.strip()
