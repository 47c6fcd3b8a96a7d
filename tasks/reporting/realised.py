"""How good the published forecasts of the last weeks were, for the page of a night."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from data_contracts.realised import OfLeads, OfModel, OfNight, Realised
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg
from tasks.reporting.formats import count, local_day, number, percent

INCHES = (4.6, 2.05)
FEWEST = 2  # nights that a picture is worth


class Look(NamedTuple):
    """What is known of the nights before.

    Attributes:
        models: By model, over the last 7 and 28 days.
        leads: Over the last 28 days, by lead.
        nights: Of the last 28 days, ascending.
    """

    models: tuple[OfModel, ...]
    leads: tuple[OfLeads, ...]
    nights: tuple[OfNight, ...]


class Row(NamedTuple):
    """One line of the table, ready to be printed."""

    label: str
    note: str
    mase: str
    baseline_mase: str
    wql: str
    baseline_wql: str
    gain: str
    tone: str
    coverage: str
    baseline_coverage: str
    bias: str


class Night(NamedTuple):
    """A night that was bad, in words."""

    day: str
    fault: str


class View(NamedTuple):
    """The section of the page.

    Attributes:
        note: What it is about, in half a sentence.
        models, leads: Lines of the two tables.
        bad: Nights that were bad, the latest first.
        pictures: Title and drawing of what went on over the nights.
    """

    note: str
    models: tuple[Row, ...]
    leads: tuple[Row, ...]
    bad: tuple[Night, ...]
    pictures: tuple[tuple[str, str, Markup], ...]


def view(look: Look | None, *, timezone: str) -> View | None:
    """What the page shows, None where nothing was scored yet.

    Args:
        look: What is known.
        timezone: Zone in which people of these series live.
    """
    if look is None or not look.models:
        return None
    last = local_day(look.nights[-1].cutoff, timezone)
    bad = [night for night in reversed(look.nights) if night.fault]
    return View(
        note=f"published forecasts against what came, up to the night of {last}; below each score "
        "that of the baseline that would have been published",
        models=tuple(_of_model(score) for score in look.models),
        leads=tuple(_of_leads(score) for score in look.leads),
        bad=tuple(Night(local_day(night.cutoff, timezone), night.fault) for night in bad),
        pictures=tuple(_pictures(look.nights, timezone)),
    )


def error_svg(nights: Sequence[OfNight], timezone: str) -> str:
    """Draw MASE over the nights, of what was published in colour and of the baseline in ink."""
    lines = [
        ([night.baseline_mase for night in nights], INK),
        ([night.mase for night in nights], HUE),
    ]
    return _svg(nights, lines, "Realised error by night, beside the baseline", timezone)


def coverage_svg(nights: Sequence[OfNight], timezone: str) -> str:
    """Draw the share of actuals inside the widest interval over the nights, and what is meant."""
    lines = [([night.coverage for night in nights], HUE)]
    nominal = float(np.nanmean([night.nominal_coverage for night in nights]))
    return _svg(nights, lines, "Realised coverage by night", timezone, nominal=nominal)


def _of_model(score: OfModel) -> Row:
    return _row(score.model, f"last {score.days} days · {count(score.nights, 'night')}", score)


def _of_leads(score: OfLeads) -> Row:
    return _row(f"{score.first_lead} to {score.last_lead}", "", score)


def _row(label: str, note: str, score: Realised) -> Row:
    return Row(
        label,
        note,
        mase=number(score.mase),
        baseline_mase=number(score.baseline_mase),
        wql=number(score.wql, 4),
        baseline_wql=number(score.baseline_wql, 4),
        gain=percent(score.gain, signed=True),
        tone="worse" if score.gain < 0 else "better" if score.gain > 0 else "",
        coverage=f"{percent(score.coverage)} of {percent(score.nominal_coverage, 0)}",
        baseline_coverage=percent(score.baseline_coverage),
        bias=percent(score.bias, signed=True),
    )


def _pictures(nights: Sequence[OfNight], timezone: str) -> list[tuple[str, str, Markup]]:
    if len(nights) < FEWEST:
        return []
    nominal = percent(float(np.nanmean([night.nominal_coverage for night in nights])), 0)
    error, coverage = error_svg(nights, timezone), coverage_svg(nights, timezone)
    ringed = "; ringed: bad nights" if any(night.fault for night in nights) else ""
    return [
        ("MASE by night", f"published in colour, the baseline in ink{ringed}", Markup(error)),
        ("Coverage by night", f"dashed: the {nominal} that are meant{ringed}", Markup(coverage)),
    ]


def _svg(
    nights: Sequence[OfNight],
    lines: Sequence[tuple[list[float], str]],
    label: str,
    timezone: str,
    *,
    nominal: float | None = None,
) -> str:
    from matplotlib import rc_context
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    days = pd.DatetimeIndex([night.cutoff for night in nights]).tz_convert(timezone)
    bad = np.array([bool(night.fault) for night in nights])
    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        axes = figure.add_axes((0.1, 0.14, 0.88, 0.81))
        for values, colour in lines:
            axes.plot(days, values, marker=".", c=colour, lw=1.4, ms=4, clip_on=False)
        ours = np.array(lines[-1][0], float)
        axes.plot(days[bad], ours[bad], "o", mfc="none", mec=HUE, ms=9, mew=1.1, clip_on=False)
        locator = AutoDateLocator(minticks=3, maxticks=7, tz=timezone)
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=timezone, show_offset=False)
        axes.xaxis.set_major_formatter(formatter)
        highest = np.nanmax(np.array([values for values, _ in lines]), initial=0.0)
        axes.set_ylim(0, 1.06 * highest or 1.0)
        dress(axes)
        if nominal is not None:
            lowest = float(np.nanmin(ours, initial=1.0))
            axes.set_ylim(0.5 if lowest > 0.5 else 0, 1)
            axes.axhline(nominal, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        return to_svg(figure, label)
