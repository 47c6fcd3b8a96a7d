"""Some of the rows of forecasts: those of one series, those of one lead."""

from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import SpecError
from data_contracts.vocabulary import LEAD, UNIQUE_ID


def selected(rows: pa.Table, *, series: str | None = None, lead: int | None = None) -> pa.Table:
    """The rows of a series and a lead, at least one.

    Args:
        rows: Forecasts, at least one.
        series: Which one; None takes all.
        lead: Which one; None takes all.

    Raises:
        SpecError: If there is no such row; it says what there is.
    """
    if series is not None:
        rows = _only(rows, UNIQUE_ID, series) or _refuse_series(rows, series)
    if lead is not None:
        rows = _only(rows, LEAD, lead) or _refuse_lead(rows, lead)
    return rows


def _only(rows: pa.Table, name: str, value: str | int) -> pa.Table | None:
    found = rows.filter(pc.equal(rows[name], pa.scalar(value, rows[name].type)))
    return found if found.num_rows else None


def _refuse_series(rows: pa.Table, series: str) -> pa.Table:
    there = pc.unique(rows[UNIQUE_ID]).to_pylist()
    near = sorted(get_close_matches(series, there, n=3, cutoff=0.0))
    raise SpecError(
        f"--series: expected one of the {len(there):,} series here, such as "
        f"{', '.join(map(repr, near))}, got {series!r}."
    )


def _refuse_lead(rows: pa.Table, lead: int) -> pa.Table:
    span = pc.min_max(rows[LEAD]).as_py()
    raise SpecError(
        f"--lead: expected one from {span['min']} to {span['max']} that is here, got {lead}."
    )
