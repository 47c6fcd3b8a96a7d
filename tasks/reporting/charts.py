"""Fan charts: recent actuals in ink, the median and its bands in one hue, one chart per series."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.plain_text import visible
from data_contracts.vocabulary import (
    CUTOFF,
    DS,
    MEAN,
    QUALITY,
    SUBSTITUTED,
    UNIQUE_ID,
    Y,
    quantile_columns,
)
from tasks.reporting.drawing import HUE, INK, MUTED, RC, dress, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.floating]
PANEL_INCHES = (4.6, 2.05)
TITLE_INCHES = 0.3
PNG_DPI = 75


@dataclass(frozen=True, eq=False)
class Fan:
    """One series around one cutoff.

    Attributes:
        unique_id: Which series.
        actual_times: UTC times of the actuals, ascending, without holes, shape `(T,)`.
        actuals: Observed values, NaN where there is none, shape `(T,)`.
        times: UTC times of the forecast, shape `(H,)`.
        quantiles: Forecast, ascending along the last axis, shape `(H, Q)`.
        levels: Quantile levels, shape `(Q,)`.
        cutoff: Last time that the forecast was allowed to see.
        timezone: Zone of the time axis.
    """

    unique_id: str
    actual_times: pd.DatetimeIndex
    actuals: Floats
    times: pd.DatetimeIndex
    quantiles: Floats
    levels: tuple[float, ...]
    cutoff: pd.Timestamp
    timezone: str = "UTC"

    @property
    def middle(self) -> int:
        """Position of the level nearest to one half."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5)))


def choose(batch: pd.DataFrame, *, limit: int) -> list[str]:
    """Name the series worth drawing: the substituted ones first, then the largest forecasts.

    Args:
        batch: Rows of `forecasts.delta`.
        limit: Most series to name.

    >>> rows = {"unique_id": ["a", "b", "c"], "mean": [1.0, 3.0, 2.0]}
    >>> quality = ["substituted", "champion", "champion"]
    >>> choose(pd.DataFrame({**rows, "quality": quality}), limit=2)
    ['a', 'b']
    """
    sizes = pd.DataFrame(
        {
            UNIQUE_ID: batch[UNIQUE_ID],
            "substituted": batch[QUALITY] == SUBSTITUTED,
            "size": batch[MEAN].abs(),
        }
    )
    ranked = (
        sizes.groupby(UNIQUE_ID, sort=True)
        .agg({"substituted": "any", "size": "sum"})
        .sort_values(["substituted", "size"], ascending=False, kind="stable")
    )
    return [str(name) for name in ranked.index[:limit]]


def fans(
    batch: pd.DataFrame,
    actuals: pd.DataFrame,
    names: Sequence[str],
    *,
    levels: tuple[float, ...],
    timezone: str,
) -> list[Fan]:
    """Cut the named series out of the tables, in the order of the names.

    Args:
        batch: Rows of `forecasts.delta`.
        actuals: Columns `unique_id`, `ds` and `y`; rows may be missing or NaN.
        names: Wanted series; those without a forecast are left out.
        levels: Quantile levels of the batch.
        timezone: Zone of the time axis.
    """
    forecasts = _by_series(batch, names)
    histories = _by_series(actuals, names)
    columns = quantile_columns(levels)
    drawn = []
    for name in (name for name in names if name in forecasts):
        forecast = forecasts[name]
        times, values = _with_holes(histories.get(name, actuals.iloc[:0]))
        fan = Fan(
            unique_id=name,
            actual_times=times,
            actuals=values,
            times=pd.DatetimeIndex(forecast[DS]),
            quantiles=forecast[columns].to_numpy(float),
            levels=levels,
            cutoff=forecast[CUTOFF].iloc[0],
            timezone=timezone,
        )
        drawn.append(fan)
    return drawn


def svg(fan: Fan) -> str:
    """Draw one series as an `<svg>` element whose colours are CSS variables.

    The same fan gives the same text. The name of the series is not in it.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(RC):
        figure = Figure(figsize=PANEL_INCHES)
        _draw(figure.add_axes((0.075, 0.11, 0.917, 0.85)), fan)
        return to_svg(figure, f"Forecast of {visible(fan.unique_id)} after its recent actuals")


def png(drawn: Sequence[Fan], *, num_columns: int = 3) -> bytes:
    """Draw several series as small multiples in one PNG picture, with their names."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    num_columns = min(num_columns, len(drawn))
    num_rows = -(-len(drawn) // num_columns)
    width, height = PANEL_INCHES[0], PANEL_INCHES[1] + TITLE_INCHES
    picture = io.BytesIO()
    with rc_context(RC):
        figure = Figure(figsize=(num_columns * width, num_rows * height))
        FigureCanvasAgg(figure)
        for position, fan in enumerate(drawn):
            row, column = divmod(position, num_columns)
            left, bottom = (column + 0.075) / num_columns, (num_rows - row - 0.9) / num_rows
            axes = figure.add_axes((left, bottom, 0.89 / num_columns, 0.76 / num_rows))
            title = axes.set_title(
                _short(visible(fan.unique_id)), loc="left", fontsize=9.5, color=INK
            )
            title.set_parse_math(False)
            _draw(axes, fan)
        figure.savefig(picture, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return picture.getvalue()


def central_pairs(levels: tuple[float, ...]) -> list[tuple[int, int]]:
    """Positions of the levels that bound a central interval, the widest first.

    >>> central_pairs((0.1, 0.3, 0.5, 0.7, 0.8, 0.9))
    [(0, 5), (1, 3)]
    """
    complements = {round(1 - level, 9): position for position, level in enumerate(levels)}
    pairs = ((k, complements.get(round(level, 9), k)) for k, level in enumerate(levels))
    return [(lower, upper) for lower, upper in pairs if lower < upper]


def _by_series(table: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    wanted = table[table[UNIQUE_ID].isin(list(names))].sort_values(DS)
    return {str(name): rows for name, rows in wanted.groupby(UNIQUE_ID)}


def _with_holes(history: pd.DataFrame) -> tuple[pd.DatetimeIndex, Floats]:
    """Times and values with a NaN wherever rows are missing, so that no line bridges a gap."""
    times, values = pd.DatetimeIndex(history[DS]), history[Y].to_numpy(float)
    steps = times[1:] - times[:-1]
    if not len(steps):
        return times, values
    longest = 1.6 * steps.to_series().median()  # months differ by less than that
    holes = np.flatnonzero(steps > longest) + 1
    between = times[holes - 1] + steps[holes - 1] / 2
    filled = np.insert(values, holes, np.nan)
    return pd.DatetimeIndex(times.append(between)).sort_values(), filled


def _draw(axes: "Axes", fan: Fan) -> None:
    """Bands from the widest to the narrowest, each over the last: the middle is darkest."""
    times, quantiles = _spread(fan)
    there_and_back = times.append(times[::-1])
    for lower, upper in central_pairs(fan.levels):
        outline = np.concatenate([quantiles[:, lower], quantiles[::-1, upper]])
        axes.fill(there_and_back, outline, color=HUE, alpha=0.17, linewidth=0, clip_on=False)
    axes.plot(times, quantiles[:, fan.middle], color=HUE, linewidth=1.5, clip_on=False)
    axes.plot(fan.actual_times, fan.actuals, color=INK, linewidth=0.95, clip_on=False)
    alone = _alone(fan.actuals)
    axes.plot(fan.actual_times[alone], fan.actuals[alone], ".", c=INK, ms=2.5, clip_on=False)
    border = fan.cutoff + (fan.times[0] - fan.cutoff) / 2
    axes.axvline(border, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), clip_on=False)
    start = fan.actual_times[0] if len(fan.actual_times) else border
    axes.set_xlim(start, times[-1])
    axes.set_ylim(*_limits(fan))
    date_axis(axes, fan.timezone, days=(times[-1] - start) / pd.Timedelta(days=1))
    dress(axes)


def date_axis(axes: "Axes", timezone: str, *, days: float) -> None:
    """Few dates in local time: weekdays over two weeks, days of the month over more."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    day = "%a %d" if days <= 16 else "%d %b"
    locator = AutoDateLocator(tz=timezone, minticks=3, maxticks=6)
    formatter = ConciseDateFormatter(
        locator,
        tz=timezone,
        formats=["%Y", "%b", day, "%H:%M", "%H:%M", "%H:%M:%S"],
        zero_formats=["", "%Y", day, day, "%H:%M", "%H:%M"],
        show_offset=False,
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)


def _spread(fan: Fan) -> tuple[pd.DatetimeIndex, Floats]:
    """Times and quantiles to draw: a single step is widened, or it would not be seen."""
    if len(fan.times) > 1:
        return fan.times, fan.quantiles
    half = (fan.times[0] - fan.cutoff) / 2
    return pd.DatetimeIndex([fan.times[0] - half, fan.times[0] + half]), fan.quantiles[[0, 0]]


def _alone(values: Floats) -> NDArray[np.bool_]:
    """Observed values without an observed neighbour, which a line would not show.

    >>> _alone(np.array([1.0, np.nan, 2.0, np.nan, 3.0, 4.0])).tolist()
    [True, False, True, False, False, False]
    """
    seen = np.concatenate([[False], np.isfinite(values), [False]])
    return seen[1:-1] & ~seen[:-2] & ~seen[2:]


def _limits(fan: Fan) -> tuple[float, float]:
    """Lowest and highest value of the axis; zero is in sight unless everything is far from it."""
    values = np.concatenate([fan.quantiles.ravel(), fan.actuals])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if 0 <= low <= 0.6 * high:
        return 0.0, 1.06 * high or 1.0
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _short(text: str, length: int = 44) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
