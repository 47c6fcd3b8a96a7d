"""Windows: what a forecaster sees of the panel, gathered per batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.panel import Bools, Floats, Ints, Panel


@dataclass(frozen=True, eq=False)
class Windows:
    """A batch of windows; `B` windows, `L` context_length, `H` horizon.

    Attributes:
        context: Target up to the origin, 0 where not observed, shape `(B, L)`.
        observed: Where `context` holds an observation, shape `(B, L)`.
        past: Covariates up to the origin, NaN where missing, shape `(B, L, P)`.
        known: Covariates known ahead, NaN where missing, shape `(B, L + H, K)`.
        target: Target after the origin, NaN where not observed, shape `(B, H)`; only training and
            evaluation look at it.
        auxiliary: Wanted past covariates after the origin, NaN where missing, shape `(B, H, A)`;
            only training wants any.
    """

    context: Floats
    observed: Bools
    past: Floats
    known: Floats
    target: Floats
    auxiliary: Floats


def gather(
    panel: Panel,
    series: Ints,
    origins: Ints,
    *,
    context_length: int,
    horizon: int,
    auxiliary: Sequence[int] = (),
) -> Windows:
    """Copy one batch of windows out of the panel.

    A history shorter than the context is padded on the left with unobserved steps.

    Args:
        panel: Where to look; may be memory-mapped.
        series: Position of each window's series, shape `(B,)`.
        origins: Slot of the last step of each window's context, shape `(B,)`.
        context_length: Steps of context, `L`.
        horizon: Steps of target, `H`, at most the panel's.
        auxiliary: Positions of the past covariates that are targets too, `A` of them.
    """
    offsets = np.arange(1 - context_length, horizon + 1)
    rows, inside = _rows(panel, series[:, None], origins[:, None] + offsets)  # (B, L + H)
    y = panel.y[rows]
    observed = panel.observed[rows] & inside
    past_rows = rows[:, :context_length]
    later = panel.past[rows[:, context_length:, None], np.array(auxiliary, np.int64)]  # (B, H, A)
    return Windows(
        context=np.where(observed, y, 0)[:, :context_length],
        observed=observed[:, :context_length],
        past=_take(panel.past, past_rows, inside[:, :context_length]),
        known=_take(panel.known, rows, inside),
        target=np.where(observed, y, np.nan)[:, context_length:].astype(np.float32),
        auxiliary=np.where(inside[:, context_length:, None], later, np.float32(np.nan)),
    )


def recent_target(panel: Panel, series: Ints, origins: Ints, *, length: int) -> Floats:
    """The target up to each origin, NaN where not observed, shape `(B, length)`.

    Args:
        panel: Where to look; may be memory-mapped.
        series: Position of each window's series, shape `(B,)`.
        origins: Slot of the last step that each window may see, shape `(B,)`.
        length: Steps up to and including the origin.
    """
    return observed_at(panel, series[:, None], origins[:, None] + np.arange(1 - length, 1))


def observed_at(panel: Panel, series: Ints, slots: Ints) -> Floats:
    """The target of each series at each slot, NaN where it was not observed.

    Args:
        panel: Where to look; may be memory-mapped.
        series: Positions of the series, any shape.
        slots: Slots, broadcast against `series`.
    """
    rows, inside = _rows(panel, series, slots)
    target: Floats = np.where(inside & panel.observed[rows], panel.y[rows], np.float32(np.nan))
    return target


def at_slots(panel: Panel, values: Floats, series: Ints, slots: Ints) -> Floats:
    """What some rows of a panel hold beside it, NaN where a series has no such row.

    Args:
        panel: Whose rows they are.
        values: Of each row, shape `(N, F)`.
        series: Position of each window's series, shape `(B,)`.
        slots: Shape `(B, L)`.

    Returns:
        Shape `(B, L, F)`.
    """
    return _take(values, *_rows(panel, series[:, None], slots))


def _rows(panel: Panel, series: Ints, slots: Ints) -> tuple[Ints, Bools]:
    """Rows of some slots, and which series have them; the first row in the place of those."""
    rows = panel.rows(series, slots)
    begin, end = panel.indptr[series], panel.indptr[series + 1]
    inside = (rows >= begin) & (rows < end)
    return np.where(inside, rows, begin), inside


def _take(values: Floats, rows: Ints, inside: Bools) -> Floats:
    return np.where(inside[..., None], values[rows], np.float32(np.nan))
