"""Contract of the observations: rules about a profile of them, however many rows they have.

Two frames describe the observations up to the cutoff; `tasks.stores.profile` computes them.

A row per series (`SERIES_COLUMNS`):

    unique_id     which series
    rows          rows in the source
    nulls         rows without a value in the source
    observed      steps with a value
    first_ds      first step with a value, NaT if there is none
    last_ds       last step with a value, NaT if there is none
    history       steps from first_ds to the cutoff
    null_share    share of the history without a value
    longest_gap   longest run of steps without a value, the end included
    age           steps from the last value to the cutoff, NaN if there is none
    duplicates    rows that repeat the step of another row
    off_grid      rows whose timestamp is no step of the grid
    infinite      rows with an infinite value
    min, max, mean, std   of the values, NaN if there are none
    flat_tail     steps of the run of equal values at the end
    ahead         steps after the cutoff with a value of every covariate known ahead

One row about all of them (`BATCH_COLUMNS`):

    series, rows, observed, duplicates, off_grid, infinite   sums over the series
    age              of the newest value of all, NaN if there is none
    longest_history  steps of the longest history
    series_ending    series whose last value is older than accepted
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data_contracts.frequency import Grid
from data_contracts.rules import Contract, Rule, above, at_least, at_most, complete, row_count
from data_contracts.spec import Spec
from data_contracts.verdicts import Severity, Verdict
from data_contracts.vocabulary import UNIQUE_ID

SERIES_COLUMNS = (
    UNIQUE_ID, "rows", "nulls", "observed", "first_ds", "last_ds", "history", "null_share",
    "longest_gap", "age", "duplicates", "off_grid", "infinite", "min", "max", "mean", "std",
    "flat_tail", "ahead",
)  # fmt: skip
BATCH_COLUMNS = (
    "series", "rows", "observed", "duplicates", "off_grid", "infinite", "age", "longest_history",
    "series_ending",
)  # fmt: skip

NAME = "observations"
COUNTED = ("duplicates", "off_grid", "infinite")
NEEDED = (
    "rows",
    "observed",
    "history",
    "null_share",
    "longest_gap",
    "age",
    "std",
    "flat_tail",
    "ahead",
)
MANY_MISSING = 0.05  # share of missing steps that a person should know of
FEW_EQUAL = 7  # equal values in a row that surprise nobody, whatever the frequency
CRITICAL, QUARANTINE, WARNING = Severity.CRITICAL, Severity.QUARANTINE, Severity.WARNING

UNREADABLE = ("some_series", "some_values", "on_grid")  # with these, all else is a consequence
BATCH_RULES = (
    Rule(
        "one_batch",
        CRITICAL,
        row_count(1),
        "the profile of all series has one row",
        "The profile of all series has {found} rows, expected one; report this, because it is "
        "a fault of the program and not of the data.",
    ),
    Rule(
        "some_series",
        CRITICAL,
        at_least("series", 1),
        "there is a series",
        "No series has a row at or before the cutoff {cutoff}: {uri} is empty, or all of it is "
        "later; give data, or a later --as-of.",
        explained_by=("one_batch",),
    ),
    Rule(
        "on_grid",
        CRITICAL,
        at_most("off_grid", 0),
        "every timestamp lies on the grid of calendar.frequency",
        "Timestamps off the grid of calendar.frequency {frequency!r} in {timezone}: {off_grid:,}, "
        "such as {such_off_grid}; name the frequency and the timezone of the "
        "data (a week that begins on Monday is W-MON), or aggregate it to one row per step.",
    ),
    Rule(
        "unique_keys",
        CRITICAL,
        at_most("duplicates", 0),
        "no series has two rows for one step",
        "Rows that repeat the series and the timestamp of another row: {duplicates:,}, such as "
        "{such_duplicates}; keep one row per series and step, or name in source.available_at "
        "the column that says when each row became known, and the latest one counts.",
    ),
    Rule(
        "finite_values",
        CRITICAL,
        at_most("infinite", 0),
        "no value is infinite",
        "Infinite values of {y!r}: {infinite:,}, such as {such_infinite}; write a number, "
        "or nothing where the value is unknown.",
    ),
    Rule(
        "some_values",
        CRITICAL,
        at_least("observed", 1),
        "a value was observed",
        "None of the {series:,} series has a value of {y!r} at or before the cutoff {cutoff}: "
        "all of its {rows:,} rows are empty; check that source.columns.y names the right "
        "column.",
        explained_by=("some_series", "on_grid", "finite_values"),
    ),
    Rule(
        "complete_profile",
        CRITICAL,
        complete(*BATCH_COLUMNS),
        "the profile of all series has a number everywhere",
        "The profile of all series lacks a number; report this, because it is a fault of the "
        "program and not of the data.",
        explained_by=("some_series", "some_values"),
    ),
    Rule(
        "fresh",
        CRITICAL,
        at_most("age", "max_age"),
        "the newest value is at most {bound:,.0f} steps old",
        "The newest value is of {newest}, {age:,.0f} steps before the cutoff {cutoff}; at most "
        "{bound:,.0f} are accepted (contracts.max_age). Wait for new data, or pass --as-of "
        "{end_of_data} to forecast from the end of this data.",
        explained_by=UNREADABLE,
    ),
    Rule(
        "one_window",
        CRITICAL,
        at_least("longest_history", "window"),
        "the longest history holds one window of {bound:,.0f} steps",
        "The longest history is {longest_history:,.0f} steps, but one window needs "
        "{bound:,.0f}: a context of {context_length:,} and a horizon of {horizon:,}; give a "
        "longer history, or lower training.context_length or horizon.",
        explained_by=UNREADABLE,
    ),
    Rule(
        "few_aside",
        CRITICAL,
        at_most("aside_share", "max_quarantine_share"),
        "at most {bound:.0%} of the series are set aside",
        "{aside:,} of {series:,} series would be set aside ({aside_share:.1%}), at most "
        "{bound:.0%} are accepted (contracts.max_quarantine_share); the first of them: "
        "{reason}",
        explained_by=(*UNREADABLE, "fresh", "one_window"),
    ),
)

REASONS = ("observed", "alive", "one_season", "few_missing", "short_gaps", "resolved")
MOST_COARSE = 0.1  # smallest step between two values of single precision, per standard deviation
SERIES_RULES = (
    Rule(
        "observed",
        QUARANTINE,
        at_least("observed", 1),
        "every series has a value",
        "{unique_id}: none of its {rows:,} rows has a value.",
    ),
    Rule(
        "complete_series_profile",
        CRITICAL,
        complete(*NEEDED),
        "the profile of every observed series has a number everywhere",
        "The profile of {unique_id} lacks a number; report this, because it is a fault of the "
        "program and not of the data.",
        explained_by=("observed",),
    ),
    Rule(
        "alive",
        QUARANTINE,
        at_most("age", "max_age"),
        "no series ends more than {bound:,.0f} steps before the cutoff",
        "{unique_id}: its last value is of {last_ds:%Y-%m-%d %H:%M} UTC, {age:,.0f} steps "
        "before the cutoff, at most {bound:,.0f} are accepted (contracts.max_age).",
        explained_by=("observed",),
    ),
    Rule(
        "one_season",
        QUARANTINE,
        at_least("history", "shortest_season"),
        "every history holds the shortest season of {bound:,.0f} steps",
        "{unique_id}: its history is {history:,.0f} steps, at least {bound:,.0f} are needed, "
        "the shortest of season_lengths.",
        explained_by=("observed", "alive"),
    ),
    Rule(
        "few_missing",
        QUARANTINE,
        at_most("null_share", "max_null_share"),
        "no series lacks more than {bound:.0%} of its values",
        "{unique_id}: {missing:,.0f} of {history:,.0f} steps have no value "
        "({null_share:.1%}), at most {bound:.0%} are accepted (contracts.max_null_share).",
        explained_by=("observed", "alive"),
    ),
    Rule(
        "short_gaps",
        QUARANTINE,
        at_most("longest_gap", "max_gap"),
        "no series has a gap of more than {bound:,.0f} steps",
        "{unique_id}: its longest gap is {longest_gap:,.0f} steps, at most {bound:,.0f} are "
        "accepted (contracts.max_gap).",
        explained_by=("observed", "alive"),
    ),
    Rule(
        "resolved",
        QUARANTINE,
        at_most("coarseness", MOST_COARSE),
        "no series changes too little for the seven digits that are kept",
        "{unique_id}: values around {max:g} that change by {std:g} need more than the seven "
        "digits that are kept; subtract a constant, or write them in another unit.",
        explained_by=("observed", "alive"),
    ),
    Rule(
        "varying",
        WARNING,
        above("std", 0),
        "no series is constant",
        "Series that never change: {count:,}, such as {unique_id}, which is always {min:g}.",
        explained_by=REASONS,
    ),
    Rule(
        "moving",
        WARNING,
        at_most("flat_tail", "flat"),
        "no series ends with more than {bound:,.0f} equal values",
        "Series that stopped moving: {count:,}, such as {unique_id}, whose last "
        "{flat_tail:,.0f} values are equal.",
        explained_by=("varying", *REASONS),
    ),
    Rule(
        "dense",
        WARNING,
        at_most("null_share", MANY_MISSING),
        "no series lacks more than {bound:.0%} of its values",
        "Series without a value at more than {bound:.0%} of their steps: {count:,}, such as "
        "{unique_id} with {missing:,.0f} of {history:,.0f} ({null_share:.1%}).",
        explained_by=REASONS,
    ),
    Rule(
        "known_ahead",
        WARNING,
        at_least("ahead", 1),
        "the covariates known ahead reach into the horizon",
        "Series without {known} on any of the {horizon:,} steps after the cutoff: {count:,}, such "
        "as {unique_id}; the mean is taken in their place, though models learned from the real "
        "ones, so give rows for these steps or move the columns to covariates.past.",
        explained_by=REASONS,
    ),
)


def validate_observations(
    profile: pd.DataFrame,
    batch: pd.DataFrame,
    examples: Mapping[str, str],
    spec: Spec,
    cutoff: pd.Timestamp,
) -> Verdict:
    """Judge what is known at a cutoff.

    Args:
        profile: A row per series, `SERIES_COLUMNS`.
        batch: One row, `BATCH_COLUMNS`.
        examples: First offending row in words, for `duplicates`, `off_grid` and `infinite`.
        spec: Where the thresholds are.
        cutoff: Last step that may be seen, UTC.
    """
    from data_contracts.expectations import judge  # takes seconds to import

    told = profile.assign(
        missing=profile["history"] - profile["observed"], coarseness=_coarseness(profile)
    )
    series = judge(series_contract(spec), told)
    aside = series.quarantined
    facts = {
        "cutoff": _moment(cutoff),
        "newest": "unknown",
        "end_of_data": "a later instant",
        "aside": len(aside),
        "reason": next(iter(aside.values()))[0].sentence if aside else "",
        **{f"such_{kind}": examples.get(kind, "one not noted") for kind in COUNTED},
    }
    newest = profile["last_ds"].max()
    if not pd.isna(newest):
        facts |= {"newest": _moment(newest), "end_of_data": _as_of_after(newest, spec.grid)}
    share = len(aside) / max(1, len(profile))
    together = judge(batch_contract(spec, facts), batch.assign(aside_share=share))
    if any(finding.expectation == "fresh" for finding in together.critical):
        series = _without("alive", series)  # where everything is old, no series is to blame
    return together.merge(series)


def _without(rule: str, verdict: Verdict) -> Verdict:
    told = tuple(finding for finding in verdict.findings if finding.expectation != rule)
    return verdict.model_copy(update={"findings": told})


def batch_contract(spec: Spec, facts: Mapping[str, object]) -> Contract:
    """Rules about all series together; each of them stops the night.

    Args:
        spec: Where the thresholds are.
        facts: What the sentences name beside the columns: `cutoff`, `newest`, `end_of_data`,
            `aside`, `reason` and an example `such_...` per counted kind.
    """
    # Where rows carry the instant at which they became known, a repeated key is a correction.
    dropped = "" if spec.source.available_at is None else "unique_keys"
    rules = tuple(rule for rule in BATCH_RULES if rule.name != dropped)
    return Contract(NAME, rules, {**_facts(spec), **facts})


def series_contract(spec: Spec) -> Contract:
    """Rules about each series: a broken one is set aside, a suspicious one is named."""
    return Contract(NAME, SERIES_RULES, _facts(spec))


def _facts(spec: Spec) -> dict[str, object]:
    """What bounds and sentences say about the spec."""
    return {
        "uri": spec.source.uri,
        "y": spec.source.columns.y,
        "known": " and ".join(spec.covariates.known),
        "frequency": spec.calendar.frequency,
        "timezone": spec.grid.timezone,
        "context_length": spec.context_length,
        "horizon": spec.horizon,
        "window": spec.context_length + spec.horizon,
        "max_age": spec.max_age,
        "max_gap": spec.max_gap,
        "max_null_share": spec.contracts.max_null_share,
        "max_quarantine_share": spec.contracts.max_quarantine_share,
        "shortest_season": spec.seasons[0],
        "flat": max(spec.season_length, FEW_EQUAL),
    }


def _coarseness(profile: pd.DataFrame) -> "pd.Series[float]":
    """Distance of neighbouring single-precision numbers at the largest value, per deviation.

    A large constant counts as too coarse: nobody can tell whether it was one.
    """
    profile = profile.reindex(columns=["min", "max", "std"])  # one that lacks them is refused
    largest = profile[["min", "max"]].abs().max(axis=1).astype(np.float32)
    step = pd.Series(np.spacing(largest.to_numpy()), index=profile.index, dtype=np.float64)
    deviation = profile["std"].astype(np.float64)
    coarse: pd.Series[float] = (step / deviation).where(
        deviation > 0, np.where(step > 1, np.inf, 0)
    )
    return coarse.where(profile["std"].notna())


def _moment(instant: pd.Timestamp) -> str:
    return f"{instant.tz_convert('UTC'):%Y-%m-%d %H:%M} UTC"


def _as_of_after(newest: pd.Timestamp, grid: Grid) -> str:
    """The `--as-of` that makes a timestamp the cutoff."""
    instant = np.array([newest.value // 1000])  # `value` is in nanoseconds
    slots, _ = grid.slots(instant)
    return f"{grid.timestamps(slots + 1)[0]:%Y-%m-%dT%H:%MZ}"
