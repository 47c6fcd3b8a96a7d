"""The rules of the contract of the observations, on the frames of `data_contracts.observations`."""

from data_contracts.rules import Rule, above, at_least, at_most, complete, row_count
from data_contracts.verdicts import Scope, Severity

CRITICAL, QUARANTINE = Severity.CRITICAL, Severity.QUARANTINE
WARNING, NOTE = Severity.WARNING, Severity.NOTE
SERIES, ROWS = Scope.SERIES, Scope.ROWS

NEEDED_OF_BATCH = ("series", "rows", "observed", "age", "longest_history", "recent_values")
NEEDED = (
    "rows", "observed", "history", "null_share", "longest_gap", "age", "std", "flat_tail", "ahead",
    "covered", "covariate_age",
)  # fmt: skip

UNREADABLE = ("some_series", "some_values", "few_bad_rows")  # with these, all else is a consequence
BATCH_RULES = (
    Rule(
        "one_batch",
        CRITICAL,
        row_count(1),
        "the profile of all series has one row",
        "The profile of all series has {found} rows, expected one; report this, because it is "
        "a fault of the program and not of the data.",
        fixed=True,
    ),
    Rule(
        "some_series",
        CRITICAL,
        at_least("series", 1),
        "there is a series",
        "No series has a row at or before the cutoff {cutoff}: {uri} is empty, or all of it is "
        "later; give data, or a later as_of.",
        explained_by=("one_batch",),
        fixed=True,
    ),
    Rule(
        "few_bad_rows",
        CRITICAL,
        at_most("bad_share", "max_bad_rows"),
        "at most {bound:.0%} of the rows are set aside",
        "Rows that would have to be set aside: {bad:,} of {rows:,} ({bad_share:.1%}), at most "
        "{bound:.0%} are accepted (contracts.max_bad_rows): {bad_kinds}.",
        explained_by=("some_series",),
        fixed=True,
    ),
    Rule(
        "some_values",
        CRITICAL,
        at_least("observed", 1),
        "a value was observed",
        "None of the {series:,} series has a value of {y!r} at or before the cutoff {cutoff}: "
        "all of its {rows:,} rows are empty; check that source.columns.y names the right "
        "column.",
        explained_by=("some_series", "few_bad_rows"),
        fixed=True,
    ),
    Rule(
        "complete_profile",
        CRITICAL,
        complete(*NEEDED_OF_BATCH),
        "the profile of all series has a number everywhere",
        "The profile of all series lacks a number; report this, because it is a fault of the "
        "program and not of the data.",
        explained_by=("some_series", "some_values"),
        fixed=True,
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
        fixed=True,
    ),
    Rule(
        "one_unit",
        CRITICAL,
        at_most("moved_share", "max_moved_share"),
        "at most {bound:.0%} of the series change their size at once",
        "The size of the values of {moved:,} of {told:,} series changed by a factor of "
        "{factor:.3g} or the like within {recent:,} steps: write {y!r} in the unit of before, or "
        "in the new one for the whole history; a real change is let through by a higher "
        "contracts.max_level_ratio than {max_level_ratio:g}.",
        explained_by=(*UNREADABLE, "fresh", "one_window"),
    ),
    Rule(
        "few_aside",
        CRITICAL,
        at_most("aside_share", "max_quarantine_share"),
        "at most {bound:.0%} of the series are set aside",
        "{aside:,} of {told:,} series would be set aside ({aside_share:.1%}), at most "
        "{bound:.0%} are accepted (contracts.max_quarantine_share); the first of them: "
        "{reason}",
        explained_by=(*UNREADABLE, "fresh", "one_window", "one_unit"),
        fixed=True,
    ),
    Rule(
        "volume",
        WARNING,
        at_least("volume", "min_volume"),
        "the last {recent:,} steps have at least {bound:.0%} of the values that are usual",
        "Values in the {recent:,} steps up to {newest}: {recent_values:,}, which is {volume:.0%} "
        "of the usual {usual_values:,.0f}, at least {bound:.0%} are expected "
        "(contracts.min_volume); ask whether all of the data has arrived.",
        explained_by=(*UNREADABLE, "fresh"),
    ),
    Rule(
        "series_count",
        WARNING,
        at_most("series_change", "max_series_change"),
        "at most {bound:.0%} of the series appear or fall silent at once",
        "Against the month before, {silent:,.0f} of {usual_series:,.0f} series fell silent and "
        "{appeared:,.0f} appeared in the {recent:,} steps up to {newest}, more than the "
        "{bound:.0%} that are usual (contracts.max_series_change); were series renamed?",
        explained_by=(*UNREADABLE, "fresh"),
    ),
    Rule(
        "ended",
        NOTE,
        at_most("ended", 0),
        "no series is over, silent for more than {ended_after:,} steps",
        "Series that are over, silent for more than {ended_after:,} steps (contracts.ended_after): "
        "{ended:,}, such as {such_ended}; they are neither forecast nor counted.",
        explained_by=(*UNREADABLE, "fresh"),
    ),
)

REASONS = (
    "observed", "alive", "no_conflicts", "few_missing", "short_gaps", "resolved", "same_level",
)  # fmt: skip
MOST_COARSE = 0.1  # smallest step between two values of single precision, per standard deviation
SERIES_RULES = (
    Rule(
        "observed",
        QUARANTINE,
        at_least("observed", 1),
        "every series has a value",
        "{unique_id}: none of its {rows:,} rows has a value.",
        scope=SERIES,
        fixed=True,
    ),
    Rule(
        "complete_series_profile",
        CRITICAL,
        complete(*NEEDED),
        "the profile of every observed series has a number everywhere",
        "The profile of {unique_id} lacks a number; report this, because it is a fault of the "
        "program and not of the data.",
        explained_by=("observed",),
        scope=SERIES,
        fixed=True,
    ),
    Rule(
        "alive",
        QUARANTINE,
        at_most("age", "max_age"),
        "no series ends more than {bound:,.0f} steps before the cutoff",
        "{unique_id}: its last value is of {last_ds:%Y-%m-%d %H:%M} UTC, {age:,.0f} steps "
        "before the cutoff, at most {bound:,.0f} are accepted (contracts.max_age).",
        explained_by=("observed",),
        scope=SERIES,
    ),
    Rule(
        "no_conflicts",
        QUARANTINE,
        at_most("conflicts", 0),
        "no series has two rows for one step that differ",
        "{unique_id}: {conflicts:,} rows have the step of another row and another value, the first "
        "that of {conflict_ds:%Y-%m-%d %H:%M} UTC; keep one row per step, or name in "
        "source.available_at the column that says when each row became known, and the latest one "
        "counts.",
        scope=SERIES,
    ),
    Rule(
        "few_missing",
        QUARANTINE,
        at_most("null_share", "max_null_share"),
        "no series lacks more than {bound:.0%} of its values",
        "{unique_id}: {missing:,.0f} of {history:,.0f} steps have no value "
        "({null_share:.1%}), at most {bound:.0%} are accepted (contracts.max_null_share).",
        explained_by=("observed", "alive"),
        scope=SERIES,
    ),
    Rule(
        "short_gaps",
        QUARANTINE,
        at_most("longest_gap", "max_gap"),
        "no series has a gap of more than {bound:,.0f} steps",
        "{unique_id}: its longest gap is {longest_gap:,.0f} steps, at most {bound:,.0f} are "
        "accepted (contracts.max_gap).",
        explained_by=("observed", "alive"),
        scope=SERIES,
    ),
    Rule(
        "resolved",
        QUARANTINE,
        at_most("coarseness", MOST_COARSE),
        "no series changes too little for the seven digits that are kept",
        "{unique_id}: values around {max:g} that change by {std:g} need more than the seven "
        "digits that are kept; subtract a constant, or write them in another unit.",
        explained_by=("observed", "alive"),
        scope=SERIES,
    ),
    Rule(
        "same_level",
        QUARANTINE,
        at_most("level_ratio", "max_level_ratio"),
        "no series changes its size by more than a factor of {bound:g}, to one it never had",
        "{unique_id}: the size of its last {recent:,} steps is {recent_size:.3g}, that of the "
        "month before {usual_size:.3g}, which differs by more than a factor of {bound:g} "
        "(contracts.max_level_ratio), and it never was like that; write it in the unit of before, "
        "or, if it is real, raise that key.",
        explained_by=("observed", "alive"),
        scope=SERIES,
    ),
    Rule(
        "on_grid",
        QUARANTINE,
        at_most("off_grid", 0),
        "every timestamp lies on the grid of calendar.frequency",
        "{unique_id}: {off_grid:,} rows lie off the grid of {frequency!r} in {timezone} and are "
        "set aside.",
        scope=ROWS,
        fixed=True,
    ),
    Rule(
        "finite_values",
        QUARANTINE,
        at_most("infinite", 0),
        "no value is infinite",
        "{unique_id}: {infinite:,} values are infinite and set aside.",
        scope=ROWS,
        fixed=True,
    ),
    Rule(
        "in_bounds",
        QUARANTINE,
        at_most("out_of_bounds", 0),
        "every value lies {bounds}",
        "{unique_id}: {out_of_bounds:,} values do not lie {bounds} (contracts.min_value, "
        "max_value) and are set aside.",
        scope=ROWS,
        fixed=True,
    ),
    Rule(
        "whole_numbers",
        QUARANTINE,
        at_most("not_whole", 0),
        "every value is a whole number",
        "{unique_id}: {not_whole:,} values are no whole numbers (contracts.numbers) and are set "
        "aside.",
        scope=ROWS,
        fixed=True,
    ),
    Rule(
        "no_spikes",
        QUARANTINE,
        at_most("spikes", 0),
        "no value lies more than {max_spike:g} ranges outside the usual range of its series",
        "{unique_id}: {spikes:,} values lie more than {max_spike:g} times its usual range outside "
        "that range (contracts.max_spike){spikes_aside}.",
        scope=ROWS,
    ),
    Rule(
        "unique_keys",
        WARNING,
        at_most("duplicates", 0),
        "no series has two rows for one step",
        "Rows that repeat another one: {count:,} series, such as {unique_id} with {duplicates:,}, "
        "for instance the row of {such_duplicates}; each counts once.",
        explained_by=("no_conflicts",),
        scope=SERIES,
    ),
    Rule(
        "new",
        NOTE,
        at_least("history", "season_length"),
        "every history holds the longest season of {bound:,.0f} steps",
        "New series: {count:,}, such as {unique_id} with {history:,.0f} steps of history; they are "
        "forecast all the same.",
        explained_by=("observed", "alive"),
        scope=SERIES,
    ),
    Rule(
        "varying",
        WARNING,
        above("std", 0),
        "no series is constant",
        "Series that never change: {count:,}, such as {unique_id}, which is always {min:g}.",
        explained_by=("new", *REASONS),
        scope=SERIES,
    ),
    Rule(
        "moving",
        WARNING,
        at_most("still", "max_flat"),
        "no series ends with more than {bound:,.0f} equal values, and with more than ever before",
        "Series that stopped moving: {count:,}, such as {unique_id}, whose last {still:,.0f} "
        "values are all {last:g}; it never kept one for so long before.",
        explained_by=("varying", *REASONS),
        scope=SERIES,
    ),
    Rule(
        "frozen",
        WARNING,
        at_most("still", "max_frozen"),
        "no series ends with more than {bound:,.0f} equal values, and with more than ever before",
        "Series that look frozen: {count:,}, such as {unique_id}, whose last {still:,.0f} values "
        "are all {last:g}; it never kept one for so long before.",
        explained_by=("varying", "moving", *REASONS),
        scope=SERIES,
    ),
    Rule(
        "shifted",
        WARNING,
        at_most("shift", "max_shift"),
        "no level changes by more than {bound:g} of its usual changes",
        "Series whose level changed: {count:,}, such as {unique_id}, by {shift:.3g} times the "
        "standard deviation of its levels over {season_length:,} steps (contracts.max_shift).",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "turned_fractional",
        WARNING,
        at_most("fractions", 0),
        "no series of whole numbers gets fractions",
        "Series of whole numbers with fractions of late: {count:,}, such as {unique_id} with "
        "{fractions:,}; ask whether {y!r} changed its unit.",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "dense",
        WARNING,
        at_most("null_share", "told_null_share"),
        "no series lacks more than {bound:.0%} of its values",
        "Series without a value at more than {bound:.0%} of their steps: {count:,}, such as "
        "{unique_id} with {missing:,.0f} of {history:,.0f} ({null_share:.1%}).",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "known_ahead",
        WARNING,
        at_least("ahead", "steps_ahead"),
        "the covariates known ahead reach {bound:,.0f} steps into the horizon",
        "Series without {known} on some of the {horizon:,} steps after the cutoff: {count:,}, such "
        "as {unique_id}, which has them on {ahead:,}; elsewhere the mean is taken in their place, "
        "though models learned from the real ones, so give rows for these steps or move the "
        "columns to covariates.past.",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "covered",
        WARNING,
        at_least("covered", "min_covered"),
        "every covariate has values for {bound:.0%} of the context",
        "Series that lack a covariate: {count:,}, such as {unique_id}, where one has values for "
        "{covered:.0%} of the last {context_length:,} steps, at least {bound:.0%} are expected "
        "(contracts.min_covered).",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "fresh_covariates",
        WARNING,
        at_most("covariate_age", "max_age"),
        "the newest value of every covariate is at most {bound:,.0f} steps old",
        "Series with a covariate that stopped: {count:,}, such as {unique_id}, where one has had "
        "no value for {covariate_age:,.0f} steps, at most {bound:,.0f} are expected "
        "(contracts.max_age).",
        explained_by=("covered", *REASONS),
        scope=SERIES,
    ),
    Rule(
        "plausible_covariates",
        WARNING,
        at_most("covariate_spike", "max_spike"),
        "no recent covariate lies more than {bound:g} ranges outside its history",
        "Series with an implausible covariate: {count:,}, such as {unique_id}, where one of the "
        "last {recent:,} steps lies {covariate_spike:,.3g} times the range of its history outside "
        "it (contracts.max_spike); ask whether it changed its unit.",
        explained_by=REASONS,
        scope=SERIES,
    ),
    Rule(
        "constant_static",
        WARNING,
        at_most("static_changes", 0),
        "static columns are constant",
        "Series whose static columns changed: {count:,}, such as {unique_id}; the latest text "
        "counts for the whole history.",
        explained_by=REASONS,
        scope=SERIES,
    ),
)
