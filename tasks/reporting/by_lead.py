"""How accuracy and coverage change with the lead."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from data_contracts.vocabulary import BASELINE, LEAD
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg
from tasks.reporting.scoreboard import COVERAGE, MASE, MODEL, RAW, ROLE

INCHES = (4.6, 2.05)
MAX_POINTS = 60  # beyond, a dot per lead would be a blot


class Line(NamedTuple):
    """One column over the lead, in one colour."""

    rows: pd.DataFrame
    column: str
    colour: str


def error_svg(leads: pd.DataFrame, model: str, role: str) -> str:
    """Draw MASE over the lead, of one contender in colour and of the baseline in ink.

    Args:
        leads: Columns `model`, `role`, `lead`, `mase`, `coverage` and `raw_coverage`.
        model: Who is drawn.
        role: In which role.
    """
    lines = [Line(_of(leads, model, role), MASE, HUE)]
    if role != BASELINE:
        lines.insert(0, Line(leads[leads[ROLE] == BASELINE], MASE, INK))
    return _svg(lines, f"Error of {model} by lead, beside the baseline")


def coverage_svg(leads: pd.DataFrame, model: str, role: str, *, nominal: float) -> str:
    """Draw the share of actuals inside the widest interval over the lead, and what is meant.

    What it would have been without an adjustment is drawn in grey.
    """
    rows = _of(leads, model, role)
    lines = [Line(rows, RAW, MUTED)] if rows[RAW].notna().any() else []
    lines.append(Line(rows, COVERAGE, HUE))
    return _svg(lines, f"Coverage of {model} by lead", nominal=nominal)


def _of(leads: pd.DataFrame, model: str, role: str) -> pd.DataFrame:
    return leads[(leads[MODEL] == model) & (leads[ROLE] == role)]


def _svg(lines: list[Line], label: str, *, nominal: float | None = None) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        axes = figure.add_axes((0.1, 0.11, 0.88, 0.84))
        lowest, highest = 1.0, 0.0
        for rows, column, colour in lines:
            values = rows[column].to_numpy(float)
            dots = "." if len(rows) <= MAX_POINTS else ""
            axes.plot(rows[LEAD], values, marker=dots, c=colour, lw=1.4, ms=4, clip_on=False)
            lowest = min(lowest, float(np.nanmin(values, initial=1.0)))
            highest = max(highest, float(np.nanmax(values, initial=0.0)))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.set_ylim(0, 1.06 * highest or 1.0)
        dress(axes)
        if nominal is not None:
            axes.set_ylim(0.5 if lowest > 0.5 else 0, 1)
            axes.axhline(nominal, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        return to_svg(figure, label)
