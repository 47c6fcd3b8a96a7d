"""Contract of `forecasts.delta`: one row per series and step of the horizon of one cutoff."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.frequency import Grid, Ints
from data_contracts.rules import (
    Contract,
    Rule,
    above,
    ascending,
    at_least,
    at_most,
    complete,
    equal,
    one_of,
    one_value,
    row_count,
    unique,
)
from data_contracts.spec import Spec
from data_contracts.verdicts import Severity, Verdict
from data_contracts.versions import Migration
from data_contracts.vocabulary import (
    BASELINE,
    CHAMPION,
    CUTOFF,
    CUTOFF_DATE,
    DS,
    ISSUED_AT,
    LEAD,
    MEAN,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    SUBSTITUTED,
    UNIQUE_ID,
    quantile_columns,
)

INSTANT = pa.timestamp("us", tz="UTC")
KEY = (UNIQUE_ID, CUTOFF, DS)
PARTITION_BY = (CUTOFF_DATE,)
MIGRATIONS: tuple[Migration, ...] = ()
Floats = NDArray[np.float64]

NAME = "forecasts"
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
QUALITIES = (CHAMPION, BASELINE, SUBSTITUTED)

STEPS_AFTER_CUTOFF = "steps_after_cutoff"  # as `ds` has it, NaN off the grid
DAYS_MISFILED = "days_misfiled"  # from the date of the cutoff to `cutoff_date`
WIDTH = "width"  # widest interval of a series over the horizon, NaN where its history is constant
RANGES_OUTSIDE = "ranges_outside"  # distance from the history, NaN where it is not known
SHARE_SUBSTITUTED = "share_substituted"  # of the series, the same in every row
SHARE_AWAY = "share_away"  # least share of past values unlike the only forecast, NaN without one

COMMENT = "comment"  # where Delta keeps what a column means
UNIT_OF_SOURCE = "in the unit of the source"

WHICH = "{unique_id} at {ds:%Y-%m-%d %H:%M} UTC"


COLUMNS_CONTRACT = Contract(
    NAME,
    (
        Rule(
            "columns",
            CRITICAL,
            equal("expected", "found"),
            "the batch has the columns of the table, each of its type",
            "Columns unlike those of the table: {count}, such as {column!r}: expected "
            "{expected}, got {found}.",
        ),
    ),
)


SAME_EVERYWHERE = Rule(
    "not_all_equal",
    CRITICAL,
    at_most(SHARE_AWAY, "share_left_outside"),
    "the forecasts are not all equal, unless the series have been so for a whole horizon",
    "All forecasts of the model are {only_forecast:g} at every quantile level, but in every "
    "{horizon:,} steps so far at least {share_away:.0%} of the values were others.",
    explained_by=("complete", "expected_series"),
)


ROW_RULES = (
    Rule(
        "rows",
        CRITICAL,
        row_count("expected_rows"),
        "the batch has a row per series and step",
        "The batch has {found:,} rows instead of {bound:,.0f} ({series:,} series × {horizon:,} "
        "steps); {lacking}.",
    ),
    Rule(
        "expected_series",
        CRITICAL,
        one_of(UNIQUE_ID, "expected_ids"),
        "the batch holds no series that was not asked for",
        "Rows of series that were not asked for: {count:,}, such as {unique_id}.",
        explained_by=("complete",),
    ),
    Rule(
        "unique_keys",
        CRITICAL,
        unique(*KEY),
        "no series has two rows for one step",
        "Rows that share their key with another one: {count:,}, such as " + WHICH + ".",
    ),
    Rule(
        "one_cutoff",
        CRITICAL,
        one_value(CUTOFF),
        "the batch has one cutoff",
        "The batch has {found:,} cutoffs, expected one.",
        explained_by=("rows",),
    ),
    Rule(
        "one_run",
        CRITICAL,
        one_value(RUN_ID),
        "the batch is of one run",
        "The batch is of {found:,} runs, expected one.",
        explained_by=("rows",),
    ),
    Rule(
        "filed_by_cutoff",
        CRITICAL,
        at_most(DAYS_MISFILED, 0),
        "cutoff_date is the date of the cutoff",
        "Rows whose cutoff_date is not the date of their cutoff: {count:,}, such as " + WHICH + ".",
        explained_by=("complete",),
    ),
    Rule(
        "first_lead",
        CRITICAL,
        at_least(LEAD, 1),
        "no lead is below 1",
        "Rows with a lead below 1: {count:,}, such as " + WHICH + " with {lead}.",
    ),
    Rule(
        "last_lead",
        CRITICAL,
        at_most(LEAD, "horizon"),
        "no lead is above the horizon of {bound:,.0f}",
        "Rows with a lead above the horizon of {bound:,.0f}: {count:,}, such as "
        + WHICH
        + " with {lead}.",
    ),
    Rule(
        "lead_fits_ds",
        CRITICAL,
        equal(LEAD, STEPS_AFTER_CUTOFF),
        "ds lies on the grid, lead steps after the cutoff",
        "Rows whose ds is not lead steps of {frequency!r} after the cutoff: {count:,}, such as "
        + WHICH
        + " with lead {lead} after {cutoff:%Y-%m-%d %H:%M} UTC.",
        explained_by=("complete", "first_lead", "last_lead"),
    ),
    Rule(
        "known_quality",
        CRITICAL,
        one_of(QUALITY, list(QUALITIES)),
        "quality is one of {qualities}",
        "Rows of another quality than {qualities}: {count:,}, such as " + WHICH + " with "
        "{quality!r}.",
        explained_by=("complete",),
    ),
    Rule(
        "few_substituted",
        CRITICAL,
        at_most(SHARE_SUBSTITUTED, "max_substituted_share"),
        "at most {max_substituted_share:.0%} of the series have a substitute of the baseline",
        "{substituted:,} of {series:,} series have a substitute of the baseline in the place of a "
        "forecast, accepted are {max_substituted_share:.0%}; see why they are in quarantine, or "
        "raise contracts.max_substituted_share.",
        explained_by=("known_quality",),
    ),
    Rule(
        "near_history",
        CRITICAL,
        at_most(RANGES_OUTSIDE, "max_ranges_outside"),
        "no forecast lies more than {bound:g} ranges outside its history",
        "Forecasts more than {bound:g} times the range of their history outside it: "
        "{count:,} rows, such as " + WHICH + ", {ranges_outside:.3g} ranges outside.",
        explained_by=("complete", "expected_series"),
    ),
    Rule(
        "some_spread",
        WARNING,
        above(WIDTH, 0),
        "every series that varies has intervals with a width",
        "Series whose quantiles are all equal although their history varies: {count:,} rows, such "
        "as " + WHICH + "; nothing is known of how far off such a forecast may be.",
        explained_by=("complete", "expected_series"),
    ),
    Rule(
        "usual_level",
        WARNING,
        at_most(RANGES_OUTSIDE, "told_ranges_outside"),
        "no forecast lies more than {bound:g} ranges outside its history",
        "Forecasts more than {bound:g} times the range of their history outside it: "
        "{count:,} rows, such as " + WHICH + ", {ranges_outside:.3g} ranges outside.",
        explained_by=("complete", "expected_series", "near_history"),
    ),
)


def schema(levels: tuple[float, ...]) -> pa.Schema:
    """Names, types and meanings of the columns of the table.

    Args:
        levels: Quantile levels, ascending; each is a column.
    """
    quantiles = dict(zip(quantile_columns(levels), levels, strict=True))
    return pa.schema(
        [
            _column(CUTOFF_DATE, pa.date32(), "day of the cutoff in UTC; the folder of the file"),
            _column(UNIQUE_ID, pa.string(), "which series"),
            _column(CUTOFF, INSTANT, "last ds that this forecast was allowed to see, UTC"),
            _column(DS, INSTANT, "start of the period that is forecast, UTC"),
            _column(LEAD, pa.int32(), "steps from the cutoff to ds: 1, 2, …"),
            _column(
                MEAN, pa.float32(), f"expected value, which is not the median; {UNIT_OF_SOURCE}"
            ),
            *(_column(name, pa.float32(), _below(level)) for name, level in quantiles.items()),
            _column(MODEL, pa.string(), "the kind of model that made the row"),
            _column(MODEL_VERSION, pa.string(), "the version of it, as in registry.delta"),
            _column(
                QUALITY,
                pa.string(),
                "champion: by the model in service; baseline: by a plain rule, for every series; "
                "substituted: by that rule, because this series was set aside",
            ),
            _column(ISSUED_AT, INSTANT, "when the forecast was made, UTC"),
            _column(RUN_ID, pa.string(), "the run that published the row"),
        ]
    )


def _column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """A column that is never null, with the comment that readers such as Spark show."""
    return pa.field(name, kind, nullable=False, metadata={COMMENT: meaning})


def _below(level: float) -> str:
    return f"{100 * level:g} % of the outcomes are expected to lie below this; {UNIT_OF_SOURCE}"


def validate_forecasts(
    rows: pd.DataFrame,
    spec: Spec,
    *,
    expected_ids: Sequence[str],
    history_range: pd.DataFrame | None,
    least_share_away: Callable[[float], float] | None = None,
) -> Verdict:
    """Judge a batch before it is published.

    Args:
        rows: The batch, columns as in `schema`, in any order.
        spec: Where horizon, levels and grid are.
        expected_ids: Series that the batch must hold, no more and no fewer.
        history_range: Per series `unique_id`, `min` and `max` of its observations; None where
            they are not known, and then no forecast is too far from them.
        least_share_away: Of the histories, as in `models.standstill`; asked only where all
            forecasts are equal. None: that is not known, and then they may be.
    """
    from data_contracts.expectations import judge  # takes seconds to import

    columns = judge(COLUMNS_CONTRACT, _kinds(rows, schema(spec.quantile_levels)))
    if columns.critical:
        return columns  # nothing can be said about rows whose columns are not there
    told = rows.assign(
        **{
            STEPS_AFTER_CUTOFF: _steps_after_cutoff(rows, spec.grid),
            DAYS_MISFILED: _days_misfiled(rows),
            WIDTH: _widths(rows, spec, history_range),
            RANGES_OUTSIDE: _ranges_outside(rows, spec, history_range),
            SHARE_SUBSTITUTED: _share_substituted(rows),
            SHARE_AWAY: _share_away(rows, spec, least_share_away),
        }
    )
    return columns.merge(judge(rows_contract(spec, rows, expected_ids), told))


def rows_contract(spec: Spec, rows: pd.DataFrame, expected_ids: Sequence[str]) -> Contract:
    """Rules about the rows of a batch.

    Args:
        spec: Where horizon, levels and grid are.
        rows: The batch, to name what it lacks.
        expected_ids: Series that it must hold.
    """
    expected = sorted(set(expected_ids))
    lacking = sorted(set(expected).difference(rows[UNIQUE_ID]))
    named = f"of {len(lacking):,} series nothing is there, such as {lacking[0]}" if lacking else ""
    facts = {
        "expected_ids": expected,
        "expected_rows": max(1, len(expected) * spec.horizon),  # an empty batch is never right
        "series": len(expected),
        "horizon": spec.horizon,
        "lacking": named or "every series is there",
        "frequency": spec.calendar.frequency,
        "qualities": ", ".join(QUALITIES),
        "only_forecast": _only_forecast(rows, spec),
        "substituted": _substituted(rows),
        "max_substituted_share": spec.max_substituted_share,
        "max_ranges_outside": spec.contracts.max_ranges_outside,
        "told_ranges_outside": spec.contracts.told_ranges_outside,
        # What calibrated quantiles leave outside is where equal ones may be right.
        "share_left_outside": round(1 - spec.quantile_levels[-1] + spec.quantile_levels[0], 9),
    }
    return Contract(NAME, (*_rules_of_levels(spec.quantile_levels), *ROW_RULES), facts)


def _rules_of_levels(levels: tuple[float, ...]) -> tuple[Rule, ...]:
    """The rules that look at one column per quantile level."""
    no_gaps = Rule(
        "complete",
        CRITICAL,
        complete(*schema(levels).names),
        "no value is missing or infinite",
        "Rows with a missing or infinite value: {count:,}, such as " + WHICH + ".",
    )
    if len(levels) == 1:
        return (no_gaps,)
    no_crossing = Rule(
        "ascending_quantiles",
        CRITICAL,
        ascending(*quantile_columns(levels)),
        "no quantile is below that of a lower level",
        "Rows with a quantile below that of a lower level: {count:,}, such as " + WHICH + ".",
        explained_by=("complete",),
    )
    return (no_gaps, no_crossing, SAME_EVERYWHERE)


def _kinds(rows: pd.DataFrame, expected: pa.Schema) -> pd.DataFrame:
    """A row per column of the batch or the table: which kind of value it has and should have."""
    names = list(dict.fromkeys([*expected.names, *map(str, rows.columns)]))
    wanted = {field.name: _kind_of_type(field.type) for field in expected}
    found = {str(name): _kind(rows[name]) for name in rows} if len(rows) else wanted
    return pd.DataFrame(
        {
            "column": names,
            "expected": [wanted.get(name, "no such column") for name in names],
            "found": [found[name] if name in rows else "no such column" for name in names],
        }
    )


def _kind_of_type(kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return "dates"
    if pa.types.is_timestamp(kind):
        return "times in UTC"
    if pa.types.is_integer(kind):
        return "whole numbers"
    return "numbers" if pa.types.is_floating(kind) else "text"


def _kind(values: "pd.Series[Any]") -> str:
    """Which kind of value a column has, in words."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return f"times in {values.dtype.tz}"
    kind = pd.api.types.infer_dtype(values, skipna=True)
    words = {"date": "dates", "floating": "numbers", "integer": "whole numbers", "string": "text"}
    words |= {"datetime64": "times without a zone", "empty": "nothing but missing values"}
    return words.get(kind, kind)


def _steps_after_cutoff(rows: pd.DataFrame, grid: Grid) -> Floats:
    """Steps from the cutoff to `ds`, NaN where one of them is no step of the grid, `(rows,)`."""
    slots, on_grid = grid.slots(_instants(rows[DS]))
    origins, origin_on_grid = grid.slots(_instants(rows[CUTOFF]))
    return np.where(on_grid & origin_on_grid, (slots - origins).astype(float), np.nan)


def _days_misfiled(rows: pd.DataFrame) -> Floats:
    """Days between the date of the cutoff and `cutoff_date`, NaN where one is missing."""
    filed = pd.to_datetime(rows[CUTOFF_DATE], utc=True)
    days = (filed - rows[CUTOFF].dt.normalize()).dt.total_seconds().abs() / 86_400
    return np.asarray(days, float)


def _widths(rows: pd.DataFrame, spec: Spec, history: pd.DataFrame | None) -> Floats:
    """Widest interval of the series of each row; NaN where it may well be 0, `(rows,)`."""
    names = quantile_columns(spec.quantile_levels)
    if history is None or len(names) == 1:
        return np.full(len(rows), np.nan)
    width = (rows[names[-1]] - rows[names[0]]).groupby(rows[UNIQUE_ID]).transform("max")
    varying = history.loc[history["max"] > history["min"], UNIQUE_ID]
    return np.where(rows[UNIQUE_ID].isin(varying), width, np.nan)


def _ranges_outside(rows: pd.DataFrame, spec: Spec, history: pd.DataFrame | None) -> Floats:
    """How far the lowest and highest forecast lie outside the history, in its ranges, `(rows,)`.

    A history that hardly moved is measured by the median range of all series; where that is 0 too
    nothing is far, and the result is NaN.
    """
    if history is None:
        return np.full(len(rows), np.nan)
    known = history.set_index(UNIQUE_ID)[["min", "max"]].astype(float)
    spread = known["max"] - known["min"]
    known["unit"] = spread.clip(lower=spread.median()).replace(0.0, np.nan)
    each = known.reindex(rows[UNIQUE_ID])
    forecasts = rows[[MEAN, *quantile_columns(spec.quantile_levels)]].to_numpy(float)
    above = forecasts.max(axis=1) - each["max"].to_numpy()
    below = each["min"].to_numpy() - forecasts.min(axis=1)
    return np.asarray(np.maximum(above, below).clip(min=0) / each["unit"].to_numpy())


def _substituted(rows: pd.DataFrame) -> int:
    """Number of series with a substitute; none where the baseline makes the batch anyway."""
    if (rows[QUALITY] == BASELINE).any():
        return 0
    return int(rows.loc[rows[QUALITY] == SUBSTITUTED, UNIQUE_ID].nunique())


def _share_substituted(rows: pd.DataFrame) -> Floats:
    """Share of the series that have a substitute, in every row the same, `(rows,)`."""
    return np.full(len(rows), _substituted(rows) / max(1, rows[UNIQUE_ID].nunique()))


def _only_forecast(rows: pd.DataFrame, spec: Spec) -> float:
    """What a model forecasts for every series, step and level; NaN where these differ."""
    names = quantile_columns(spec.quantile_levels)
    values = rows.loc[rows[QUALITY] != SUBSTITUTED, names].to_numpy(float)
    same = values.size > 0 and (values == values.flat[0]).all()
    return float(values.flat[0]) if same else np.nan


def _share_away(
    rows: pd.DataFrame, spec: Spec, least_share_away: Callable[[float], float] | None
) -> Floats:
    """Least share of past values unlike the only forecast, NaN without one, `(rows,)`."""
    only = _only_forecast(rows, spec)
    if least_share_away is None or np.isnan(only):
        return np.full(len(rows), np.nan)
    return np.full(len(rows), least_share_away(only))


def _instants(times: "pd.Series[pd.Timestamp]") -> Ints:
    """UTC microseconds since 1970, shape `(rows,)`."""
    return pd.DatetimeIndex(times).as_unit("us").asi8
