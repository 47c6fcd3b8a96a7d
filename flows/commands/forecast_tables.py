"""How a terminal shows forecasts, and how they came into the table."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Column, Table

from data_contracts.vocabulary import (
    CUTOFF,
    DS,
    LEAD,
    MODEL_VERSION,
    QUALITY,
    UNIQUE_ID,
    Y,
    is_quantile_column,
    quantile_column,
)
from flows.console import shown
from tasks.stores.batch_history import Change

MINUTE = "%Y-%m-%d %H:%M"
Rows = Sequence[Mapping[str, Any]]


def batch_table(name: str, rows: Rows) -> Table:
    """The first rows of a batch; of its quantiles the lowest, the median and the highest."""
    quantiles = _quantiles(rows)
    table = _table(
        f"{shown(name)} · cutoff {rows[0][CUTOFF]:{MINUTE}} UTC",
        (UNIQUE_ID, DS, LEAD, *quantiles, QUALITY),
    )
    for row in rows:
        when, numbers = f"{row[DS]:{MINUTE}}", [_number(row[name]) for name in quantiles]
        table.add_row(shown(row[UNIQUE_ID]), when, str(row[LEAD]), *numbers, row[QUALITY])
    return table


def said_table(name: str, rows: Rows) -> Table:
    """What each batch said for a step, beside what came where that is known."""
    quantiles = _quantiles(rows)
    table = _table(
        f"{shown(name)} · said for {rows[0][DS]:{MINUTE}} UTC",
        (UNIQUE_ID, LEAD, CUTOFF, *quantiles, Y, QUALITY, MODEL_VERSION),
    )
    for row in rows:
        table.add_row(
            shown(row[UNIQUE_ID]),
            str(row[LEAD]),
            f"{row[CUTOFF]:{MINUTE}}",
            *(_number(row[name]) for name in (*quantiles, Y)),
            row[QUALITY],
            shown(row[MODEL_VERSION]),
        )
    return table


def history_table(changes: Sequence[Change]) -> Table:
    """A line per publication, newest first."""
    right = [Column(name, justify="right") for name in ("version", "rows")]
    table = Table(
        right[0],
        Column("published (UTC)", no_wrap=True, min_width=len("2013-10-16 03:00")),
        Column("cutoff (UTC)", no_wrap=True, min_width=len("2013-10-16 03:00")),
        right[1],
        Column("model version", overflow="fold"),
        "by",
        "why",
        "readable",
    )
    for change in changes:
        table.add_row(
            str(change.version),
            f"{change.at:{MINUTE}}",
            f"{change.cutoff:{MINUTE}}",
            "" if change.rows is None else f"{change.rows:,}",
            shown(change.model_version or ""),
            shown(change.run_id[:8]),
            shown(change.reason or ""),
            "yes" if change.is_kept else "no",
        )
    return table


def _table(title: str, names: Sequence[str]) -> Table:
    words = (UNIQUE_ID, DS, CUTOFF, QUALITY, MODEL_VERSION)
    columns = [
        Column(
            name,
            justify="left" if name in words else "right",
            # A day that is cut off would say nothing; a version may be folded.
            min_width=len("2013-10-16 03:00") if name in (DS, CUTOFF) else None,
            overflow="fold" if name == MODEL_VERSION else "ellipsis",
        )
        for name in names
    ]
    return Table(*columns, title=title)


def _quantiles(rows: Rows) -> list[str]:
    found = [name for name in rows[0] if is_quantile_column(name)]
    return list(dict.fromkeys((found[0], quantile_column(0.5), found[-1])))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
