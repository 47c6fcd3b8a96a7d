"""Where forecasts looked: in a sentence, and as weights under the past that they lie on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.attention import POSITION, WEIGHT
from data_contracts.night import Faithfulness
from data_contracts.plain_text import visible
from data_contracts.vocabulary import DS, LEAD, UNIQUE_ID, Y, quantile_column
from tasks.reporting.charts import date_axis
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg
from tasks.reporting.formats import count, percent
from tasks.reporting.stretches import Stretch, name_beside, name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (4.6, 2.3)
IN_PARTICULAR = 0.2  # share of the weight that makes a patch worth naming
MOST_NAMED = 3
MOST_DAYS = 35  # that are named each
LABEL_SHARE = 1 / 17  # of the width of the picture, that a written weight takes
ROOM = 0.035  # between bars, in their width

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Glance:
    """Where the first stretch of one forecast looked.

    Attributes:
        unique_id: Which series.
        edges: Begin of each past patch and end of the last one, UTC, ascending, shape `(T + 1,)`.
        weights: Of each patch, shape `(T,)`.
        past: Columns `ds` and `y` over the patches; NaN where nothing was observed.
        times, median: The forecast, shape `(H,)` each.
        until: End of the first stretch.
        timezone: In which people read of it.
    """

    unique_id: str
    edges: pd.DatetimeIndex
    weights: Floats
    past: pd.DataFrame
    times: pd.DatetimeIndex
    median: Floats
    until: pd.Timestamp
    timezone: str

    @property
    def coming(self) -> Stretch:
        """The first stretch of the forecast."""
        return Stretch.of(self.edges[-1], self.until, self.timezone)

    @property
    def end(self) -> pd.Timestamp:
        """Where the picture ends."""
        return max(self.until, self.times[-1])

    def patch(self, at: int) -> Stretch:
        """One of the past patches."""
        return Stretch.of(self.edges[at], self.edges[at + 1], self.timezone)

    @property
    def named(self) -> list[int]:
        """Patches worth naming, the heaviest first, of equal ones the last: one or more.

        None where nothing has a weight.
        """
        latest_first = np.argsort(-self.weights[::-1], kind="stable")[:MOST_NAMED]
        ranked = [len(self.weights) - 1 - int(back) for back in latest_first]
        heaviest = self.weights[ranked[0]]
        if heaviest <= 0:
            return []
        if heaviest < IN_PARTICULAR:
            return ranked[:1]
        # What has half as much weight as the heaviest is a second one, what has less is noise.
        return [at for at in ranked if self.weights[at] >= 0.5 * heaviest]


def glances(
    looked: pd.DataFrame, batch: pd.DataFrame, past: pd.DataFrame, *, timezone: str
) -> list[Glance]:
    """Cut single series out of the tables, in the order in which `looked` has them.

    Args:
        looked: Rows of `attention.delta` of one head.
        batch: Rows of `forecasts.delta`.
        past: Columns `unique_id`, `ds` and `y`.
        timezone: In which people read of it.
    """
    forecasts = dict(list(batch.groupby(UNIQUE_ID)))
    histories = dict(list(past.groupby(UNIQUE_ID)))
    return [
        _glance(rows, forecasts[name], histories.get(name, past.iloc[:0]), timezone)
        for name, rows in looked.groupby(UNIQUE_ID, sort=False)
        if name in forecasts
    ]


def sentence(glance: Glance) -> str:
    """What the first stretch of a forecast looks like.

    The weights are those of the mean over all heads of the network.
    """
    coming = name_of(glance.coming)
    named = [
        f"{name_beside(glance.patch(at), glance.coming)} ({percent(glance.weights[at], 0)})"
        for at in glance.named
    ]
    if not named:
        return f"{coming} looks at nothing: no value was observed in the context."
    if glance.weights.max() < IN_PARTICULAR:
        unit = glance.patch(glance.named[0]).unit
        return f"{coming} looks like many past {unit}, most of all {named[0]}."
    *others, last = named
    return f"{coming} looks like {', '.join(others)}{' and ' if others else ''}{last}."


def verdict(found: Faithfulness) -> str:
    """What came of removing patches, in one sentence.

    >>> print(verdict(Faithfulness(series=20, held=0.95, held_random=0.9, held_older=0.8,
    ...                            most=0.08, least=0.01, random=0.02)))
    Attention was put to the test on 20 series: a forecast moves by 8.0% of its width without the \
past patch that it looked at most, by 1.0% without the one that it looked at least, by 2.0% \
without a random one; more than without the least in 19 of the series (in 80% where the last \
patch is left alone), more than without the random one in 18.
    """
    most, least, random = (percent(part) for part in (found.most, found.least, found.random))
    held, held_random = (round(share * found.series) for share in (found.held, found.held_random))
    older = found.held_older
    alone = "" if older is None else f" (in {percent(older, 0)} where the last patch is left alone)"
    told = (
        f"Attention was put to the test on {count(found.series, 'series', 'series')}: a forecast "
        f"moves by {most} of its width without the past patch that it looked at most, by {least} "
        f"without the one that it looked at least, by {random} without a random one; more than "
        f"without the least in {held:,} of the series{alone}, more than without the random one in "
        f"{held_random:,}."
    )
    doubtful = min(found.held, found.held_random) <= 0.5
    return f"{told} So it does not explain these forecasts." if doubtful else told


def svg(glance: Glance) -> str:
    """Draw the past with what the forecast looked at in colour, and the weights below.

    The same glance gives the same text.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(RC):
        figure = Figure(figsize=INCHES)
        _draw_past(figure.add_axes((0.075, 0.4, 0.917, 0.58)), glance)
        _draw_weights(figure.add_axes((0.075, 0.1, 0.917, 0.2)), glance)
        return to_svg(figure, f"Where the forecast of {visible(glance.unique_id)} looked")


def _glance(
    rows: pd.DataFrame, forecast: pd.DataFrame, past: pd.DataFrame, timezone: str
) -> Glance:
    leads = np.sort(rows[LEAD].unique())
    first = rows[rows[LEAD] == leads[0]].sort_values(POSITION, ascending=False)
    forecast = forecast.sort_values(DS)
    times = pd.DatetimeIndex(forecast[DS])
    begins = pd.DatetimeIndex(first[DS])
    after = forecast.loc[forecast[LEAD] == leads[1], DS].iloc[0] if len(leads) > 1 else None
    # The last step of a batch is as long as the one before it; a single one as long as its patch.
    step = times[-1] - times[-2] if len(times) > 1 else times[0] - begins[-1]
    return Glance(
        unique_id=str(first[UNIQUE_ID].iloc[0]),
        edges=pd.DatetimeIndex([*begins, times[0]]),
        weights=first[WEIGHT].to_numpy(float),
        past=past[past[DS] >= begins[0]],
        times=times,
        median=forecast[quantile_column(0.5)].to_numpy(float),
        until=times[-1] + step if after is None else after,
        timezone=timezone,
    )


def _draw_past(axes: "Axes", glance: Glance) -> None:
    """Past values, those looked at most in ink on colour, and the forecast as it goes on."""
    times, values = pd.DatetimeIndex(glance.past[DS]), glance.past[Y].to_numpy(float)
    axes.plot(times, values, color=MUTED, linewidth=0.7, clip_on=False)
    for at in glance.named:
        begin, end = glance.edges[at], glance.edges[at + 1]
        inside = (times >= begin) & (times <= end)
        axes.axvspan(begin, end, color=HUE, alpha=0.16, linewidth=0)
        axes.plot(times[inside], values[inside], color=INK, linewidth=1.1, clip_on=False)
    axes.plot(glance.times, glance.median, color=HUE, linewidth=1.5, clip_on=False)
    axes.axvline(glance.edges[-1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set_xlim(glance.edges[0], glance.end)
    dress(axes)
    axes.set_xticks([])


def _draw_weights(axes: "Axes", glance: Glance) -> None:
    """A bar per past patch, as wide as the patch."""
    widths = glance.edges[1:] - glance.edges[:-1]
    middles = glance.edges[:-1] + widths / 2
    for at, weight in enumerate(glance.weights):
        alpha = 0.9 if at in glance.named else 0.35
        axes.bar(middles[at], weight, (1 - ROOM) * widths[at], color=HUE, alpha=alpha)
    place = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    for at in _labelled(glance):
        weight = glance.weights[at]
        axes.annotate(percent(weight, 0), (middles[at], weight), (0, 2), color=INK, **place)
    axes.set_xlim(glance.edges[0], glance.end)
    axes.set_ylim(0, max(glance.weights.max(), 1e-9) * 1.05)
    dress(axes)
    axes.set_yticks([])
    _name_days(axes, glance)


def _labelled(glance: Glance) -> list[int]:
    """Those named patches whose weight can be written without touching that of a heavier one."""
    apart = LABEL_SHARE * (len(glance.weights) + 1)  # in patches
    labelled: list[int] = []
    for at in glance.named:
        if all(abs(at - other) >= apart for other in labelled):
            labelled.append(at)
    return labelled


def _name_days(axes: "Axes", glance: Glance) -> None:
    """Weekdays below the bars where they are days and there is room, else some dates."""
    stretches = [*map(glance.patch, range(len(glance.weights))), glance.coming]
    days = [stretch.day for stretch in stretches]
    if None in days or len(days) > MOST_DAYS:
        span = (glance.end - glance.edges[0]) / pd.Timedelta(days=1)
        date_axis(axes, glance.timezone, days=span)
        return
    letters = 2 if len(days) <= MOST_DAYS / 2 else 1
    middles = [(stretch.begin + (stretch.end - stretch.begin) / 2) for stretch in stretches]
    axes.set_xticks(middles, [f"{day:%a}"[:letters] for day in days if day])
    axes.get_xticklabels()[-1].set_color(HUE)
