"""Which totals the report draws, and what was observed of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.spec import ALL_SERIES, Spec
from data_contracts.vocabulary import DS, LEVEL, MEAN, SERIES, SUBSTITUTED, UNIQUE_ID, Y
from models.hierarchy.histories import recent_totals
from models.panel import Panel
from tasks.reconcile import grouping_of
from tasks.reporting.excerpts import steps_shown
from tasks.reporting.formats import count

MAX_TOTALS = 12


@dataclass(frozen=True, eq=False)
class TotalsShown:
    """Totals under the names that a person reads, such as `airport JFK`.

    Attributes:
        batch: Rows of `totals.delta` with such names.
        actuals: Columns `unique_id` with such names, `ds` (UTC) and `y`, NaN where one of the
            series was not observed.
        names: In the order in which they are drawn.
        remarks: How many series each holds.
        note: How many are drawn.
    """

    batch: pd.DataFrame
    actuals: pd.DataFrame
    names: tuple[str, ...]
    remarks: Mapping[str, str]
    note: str


def shown_totals(
    spec: Spec, panel: Panel, batch: pd.DataFrame, totals: pd.DataFrame | None
) -> TotalsShown | None:
    """The sum of all series and the largest sums of the first static column, None without any.

    Args:
        spec: What is forecast.
        panel: All series that were ever observed.
        batch: Rows of `forecasts.delta`.
        totals: Rows of `totals.delta`.
    """
    if totals is None:
        return None
    drawn = [ALL_SERIES, *[name for name in spec.hierarchy.by if name in set(totals[LEVEL])][:1]]
    rows = totals[totals[LEVEL].isin(drawn)]
    rows = rows.assign(**{UNIQUE_ID: _titles(rows[LEVEL], rows[UNIQUE_ID])})
    sizes = rows.groupby(UNIQUE_ID)[MEAN].sum()
    of_all = rows.groupby(UNIQUE_ID)[LEVEL].first() == ALL_SERIES
    order = pd.DataFrame({"first": of_all, "size": sizes.abs()})
    ranked = order.sort_values(["first", "size"], ascending=False, kind="stable").index
    names = tuple(str(name) for name in ranked[:MAX_TOTALS])
    num_totals = len(totals[[LEVEL, UNIQUE_ID]].drop_duplicates())
    return TotalsShown(
        batch=rows,
        actuals=_actuals(spec, panel, batch, names),
        names=names,
        remarks=_remarks(rows),
        note=f"{len(names)} of {num_totals}; all of them are in totals.delta",
    )


def _titles(levels: "pd.Series[Any]", labels: "pd.Series[Any]") -> "pd.Series[Any]":
    return (levels + " " + labels).where(levels != ALL_SERIES, "all series")


def _remarks(rows: pd.DataFrame) -> dict[str, str]:
    """How many series are in each total, and how many of them are substitutes."""
    first = rows.groupby(UNIQUE_ID)[[SERIES, SUBSTITUTED]].first()
    told = {}
    for name, held, substituted in first.itertuples():
        others = f", {substituted} substituted" if substituted else ""
        told[str(name)] = count(int(held), "series", "series") + others
    return told


def _actuals(spec: Spec, panel: Panel, batch: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    held = np.flatnonzero(np.isin(panel.unique_ids, batch[UNIQUE_ID].unique()))
    part = panel.select(held)
    grouping, num_steps = grouping_of(spec, part), steps_shown(spec)
    values = recent_totals(part, grouping, num_steps=num_steps)
    stamps = panel.grid.timestamps(panel.cutoff_slot + np.arange(1 - num_steps, 1))
    titles = _titles(pd.Series(grouping.levels), pd.Series(grouping.labels))
    parts = [
        pd.DataFrame({UNIQUE_ID: title, DS: stamps, Y: values[at]})
        for at, title in enumerate(titles)
        if title in names
    ]
    return pd.concat(parts, ignore_index=True)
