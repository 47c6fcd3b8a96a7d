"""Contract of the observations: rules about a profile of them, however many rows they have.

Two frames describe the observations up to the cutoff; `tasks.stores.profile` computes them.

A row per series (`SERIES_COLUMNS`):

    unique_id     which series
    rows          rows in the source
    nulls         rows without a value in the source
    duplicates    rows that repeat the step of another row
    conflicts     those of them with another value, and not counted where rows are corrections
    conflict_ds   first step of such rows, NaT if there is none
    off_grid      rows whose timestamp is no step of the grid
    infinite, out_of_bounds, not_whole, spikes   rows with such a value, which were set aside
    static_changes   static columns that have had another text before
    observed      steps with a value
    first_ds      first step with a value, NaT if there is none
    last_ds       last step with a value, NaT if there is none
    history       steps from first_ds to the cutoff
    null_share    share of the history without a value
    longest_gap   longest run of steps without a value, the end included
    age           steps from the last value to the cutoff, NaN if there is none
    min, max, mean, std   of the values, NaN if there are none
    last          the last value
    flat_tail     steps of the run of equal values at the end
    longest_flat  steps of the longest such run before that
    fractions     values of the last month with a fraction, 0 where earlier ones have any
    recent_size, usual_size   median size of the recent values and of those of the month before
    level_ratio   how many times the one is the other, at least 1, NaN where it is not known
    shift         change of the level over the last longest season, in deviations of such levels
    ahead         steps after the cutoff with a value of every covariate known ahead
    covered       share of the context with a value of the covariate that lacks most of it
    covariate_age steps from the newest value of the covariate that is oldest to the cutoff
    covariate_spike   how far recent covariates lie outside all of theirs before, in ranges of these

One row about all of them (`BATCH_COLUMNS`):

    series, rows, observed, duplicates, off_grid ...   sums over the series
    age              of the newest value of all, NaN if there is none
    longest_history  steps of the longest history
    series_ending    series whose last value is older than accepted
    recent_values    values in the recent steps up to the newest value
    usual_values     values in as many steps of the month before, NaN if there is no such month
    usual_series     series that had values in most of such steps
    appeared, silent series that have values in the recent steps only, or no longer
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import SpecError
from data_contracts.frequency import Grid
from data_contracts.observation_rules import BATCH_RULES, SERIES_RULES
from data_contracts.rules import Contract, Rule
from data_contracts.spec import Spec
from data_contracts.verdicts import Scope, Severity, Verdict
from data_contracts.vocabulary import UNIQUE_ID

COUNTED_ROWS = (
    "rows", "nulls", "duplicates", "conflicts", "off_grid", "infinite", "out_of_bounds",
    "not_whole", "spikes", "static_changes",
)  # fmt: skip
SERIES_COLUMNS = (
    UNIQUE_ID, *COUNTED_ROWS, "conflict_ds", "observed", "first_ds", "last_ds", "history",
    "null_share", "longest_gap", "age", "min", "max", "mean", "std", "last", "flat_tail",
    "longest_flat", "fractions", "recent_size", "usual_size", "level_ratio", "shift", "ahead",
    "covered", "covariate_age", "covariate_spike",
)  # fmt: skip
BATCH_COLUMNS = (
    "series", "rows", "observed", *COUNTED_ROWS[2:], "age", "longest_history", "series_ending",
    "recent_values", "usual_values", "usual_series", "appeared", "silent",
)  # fmt: skip

NAME = "observations"
ASIDE = {  # rows that are set aside: column, and how to call them
    "off_grid": "off the grid of calendar.frequency {frequency!r} in {timezone} (name the "
    "frequency and the timezone of the data; a week that begins on Monday is W-MON)",
    "infinite": "infinite",
    "out_of_bounds": "not {bounds}",
    "not_whole": "not whole",
    "spikes": "far outside the usual range of their series",
}
EXAMPLES = ("duplicates", "ended")
LONGER = 1.5  # times the longest run of equal values so far: the series never stood still like that
LEAST_KNOWN = 0.5  # share of the series whose sizes can tell that a unit changed
FEW_EQUAL = 7  # equal values in a row that surprise nobody, whatever the frequency


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

    profile = profile.reindex(columns=list(SERIES_COLUMNS))  # what is missing is refused below
    over = _ended(profile, batch, spec)
    told = _derived(profile[~over], spec)
    facts: dict[str, object] = {
        "cutoff": _moment(cutoff),
        "newest": "unknown",
        "end_of_data": "a later instant",
        **{f"such_{kind}": examples.get(kind, "one not noted") for kind in EXAMPLES},
    }
    newest = profile["last_ds"].max()
    if not pd.isna(newest):
        facts |= {"newest": _moment(newest), "end_of_data": _as_of_after(newest, spec.grid)}
    if over.any():
        facts["such_ended"] = profile.loc[over, UNIQUE_ID].iloc[0]
    series = judge(series_contract(spec, facts), told)
    aside = series.quarantined
    facts |= {
        "aside": len(aside),
        "told": len(told),
        "reason": next(iter(aside.values()))[0].sentence if aside else "",
    }
    whole = batch.assign(
        longest_history=np.minimum(batch["longest_history"], told["history"].max()),
        ended=int(over.sum()),
        aside_share=len(aside) / max(1, len(told)),
        volume=batch["recent_values"] / batch["usual_values"],
        series_change=_change(batch),
        **_moved(told, spec),
        **_bad_kinds(batch, examples, spec),
    )
    together = judge(batch_contract(spec, facts), whole)
    if any(finding.expectation == "fresh" for finding in together.critical):
        series = _without("alive", series)  # where everything is old, no series is to blame
    if any(finding.expectation == "one_unit" for finding in together.critical):
        series = _without("same_level", series)
    verdict = together.merge(series)
    return verdict.model_copy(update={"ended": tuple(profile.loc[over, UNIQUE_ID])})


def _ended(profile: pd.DataFrame, batch: pd.DataFrame, spec: Spec) -> "pd.Series[bool]":
    """Series that are over; none where the newest value of all is too old, too."""
    if not (batch["age"] <= spec.max_age).all():
        return pd.Series(False, index=profile.index)
    return profile["age"] > spec.ended_after


def _derived(profile: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """The profile with what follows from its columns."""
    tail, longest = profile["flat_tail"], profile["longest_flat"]
    return profile.assign(
        missing=profile["history"] - profile["observed"],
        coarseness=_coarseness(profile),
        still=tail.where(tail > LONGER * longest, 0),
    )


def _change(batch: pd.DataFrame) -> "pd.Series[float]":
    """Share of the usual series that fell silent, or by which the new ones outnumber them."""
    usual = batch["usual_series"].clip(lower=1)
    return np.maximum(batch["silent"], batch["appeared"] - usual) / usual


def _moved(profile: pd.DataFrame, spec: Spec) -> dict[str, float]:
    """How many series changed their size beyond what is accepted, and by how much in the middle.

    The share is that of the series whose size is known, if these are not too few to speak for all.
    """
    known = profile.dropna(subset="level_ratio")
    moved = known[known["level_ratio"] > spec.contracts.max_level_ratio]
    ratio = (moved["recent_size"] / moved["usual_size"]).median()
    return {
        "moved": len(moved),
        "moved_share": len(moved) / max(1, len(known), LEAST_KNOWN * len(profile)),
        "factor": float(ratio),
    }


def _bad_kinds(batch: pd.DataFrame, examples: Mapping[str, str], spec: Spec) -> dict[str, Any]:
    """How many rows are bad, of which kinds, and where the first one is."""
    facts = _facts(spec)
    kinds = [kind for kind in ASIDE if kind != "spikes" or spec.contracts.sets_spikes_aside]
    counts = {kind: int(batch[kind].sum()) for kind in kinds}
    such = {kind: f", such as {examples[kind]}" for kind in kinds if kind in examples}
    words = [
        f"{count:,} {ASIDE[kind].format(**facts)}{such.get(kind, '')}"
        for kind, count in counts.items()
        if count
    ]
    bad = sum(counts.values())
    share = bad / max(1, int(batch["rows"].sum()))
    return {"bad": bad, "bad_share": share, "bad_kinds": "; ".join(words)}


def _without(rule: str, verdict: Verdict) -> Verdict:
    told = tuple(finding for finding in verdict.findings if finding.expectation != rule)
    return verdict.model_copy(update={"findings": told})


def batch_contract(spec: Spec, facts: Mapping[str, object]) -> Contract:
    """Rules about all series together.

    Args:
        spec: Where the thresholds are.
        facts: What the sentences name beside the columns, such as `cutoff` and `newest`.
    """
    return Contract(NAME, _with_severities(BATCH_RULES, spec), {**_facts(spec), **facts})


def series_contract(spec: Spec, facts: Mapping[str, object]) -> Contract:
    """Rules about each series: a broken one is set aside, a suspicious one is named.

    Args:
        spec: Where the thresholds are.
        facts: An example `such_...` for what is counted in rows.
    """
    return Contract(NAME, _with_severities(SERIES_RULES, spec), {**_facts(spec), **facts})


def check_severities(spec: Spec) -> None:
    """Refuse a severity for a rule that does not exist, or that cannot have it.

    Raises:
        SpecError: Naming the rules whose severity may be set.
    """
    rules = {rule.name: rule for rule in (*BATCH_RULES, *SERIES_RULES)}
    free = {name: rule for name, rule in rules.items() if not rule.fixed}
    for name, severity in spec.contracts.severity.items():
        key = f"contracts.severity.{name}"
        if name in rules and name not in free:
            raise SpecError(
                f"{key}: the severity of this rule cannot be changed, it is always "
                f"{rules[name].severity}; remove this key."
            )
        if name not in free:
            close = difflib.get_close_matches(name, free, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"those are {', '.join(free)}."
            raise SpecError(f"{key}: expected a rule whose severity may be set; {hint}")
        scope = free[name].scope
        if severity == "quarantine" and scope is Scope.TABLE:
            raise SpecError(
                f"{key}: expected critical, warning, note or off for a rule about all series "
                "together, got quarantine."
            )


def _idle(spec: Spec) -> set[str]:
    """Rules for which the spec names no threshold, so that nothing can break them."""
    bounds = spec.contracts.min_value, spec.contracts.max_value
    idle = {"in_bounds"} if bounds == (None, None) else set()
    return idle | ({"whole_numbers"} if spec.contracts.numbers == "any" else set())


def _with_severities(rules: tuple[Rule, ...], spec: Spec) -> tuple[Rule, ...]:
    """The rules as the spec wants them: other severities, and without those that are off."""
    wanted, idle = spec.contracts.severity, _idle(spec)
    kept = [rule for rule in rules if wanted.get(rule.name) != "off" and rule.name not in idle]
    names = {rule.name for rule in kept}
    return tuple(
        replace(
            rule,
            severity=Severity(wanted.get(rule.name, rule.severity)),
            explained_by=tuple(name for name in rule.explained_by if name in names),
        )
        for rule in kept
    )


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
        "season_length": spec.season_length,
        "recent": spec.recent,
        "steps_ahead": math.ceil(spec.contracts.min_ahead * spec.horizon),
        "bounds": _bounds(spec),
        "spikes_aside": " and are set aside" if spec.contracts.sets_spikes_aside else "",
        **spec.contracts.model_dump(exclude={"severity"}),
        "max_age": spec.max_age,
        "max_gap": spec.max_gap,
        "max_frozen": spec.contracts.max_frozen or max(spec.recent - 1, FEW_EQUAL),
        "max_flat": spec.contracts.max_flat or max(spec.season_length, FEW_EQUAL),
        "ended_after": spec.ended_after,
    }


def _bounds(spec: Spec) -> str:
    """Where values may lie, in words."""
    low, high = spec.contracts.min_value, spec.contracts.max_value
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    if low is not None:
        return f"at or above {low:g}"
    return f"at or below {high:g}" if high is not None else "anywhere"


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
