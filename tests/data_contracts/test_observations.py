import numpy as np
import pandas as pd
import pytest

from data_contracts.observations import (
    BATCH_COLUMNS,
    BATCH_RULES,
    SERIES_COLUMNS,
    SERIES_RULES,
    batch_contract,
    series_contract,
    validate_observations,
)
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Severity

CUTOFF = pd.Timestamp("2013-12-31T23:00Z")


def spec(**fields):
    base = {"source": {"uri": "flights.parquet"}, "calendar": {"frequency": "h"}, "horizon": 24}
    return parse_spec(base | fields)


def profile(num_series=10, **columns):
    """Healthy hourly series of a year; a list replaces a column from its first series on."""
    frame = pd.DataFrame(
        {
            "unique_id": [f"EWR-{k}" for k in range(num_series)],
            "rows": 8760,
            "nulls": 0,
            "observed": 8760,
            "first_ds": pd.Timestamp("2013-01-01T00:00Z"),
            "last_ds": CUTOFF,
            "history": 8760,
            "null_share": 0.0,
            "longest_gap": 0,
            "age": 0.0,
            "duplicates": 0,
            "off_grid": 0,
            "infinite": 0,
            "min": 0.0,
            "max": 40.0,
            "mean": 9.5,
            "std": 7.0,
            "flat_tail": 6,
            "ahead": 24,
        }
    )
    for name, values in columns.items():
        frame[name] = [*values, *frame[name][len(values) :]]
    return frame


def never_observed(num_series):
    """What the columns of series without any value hold."""
    nothing = dict.fromkeys(("min", "max", "mean", "std", "age"), np.nan)
    nothing |= {
        "observed": 0,
        "history": 0,
        "null_share": 1.0,
        "longest_gap": 0,
        "flat_tail": 0,
        "ahead": 0,
    }
    nothing |= {"first_ds": pd.NaT, "last_ds": pd.NaT}
    return {name: [value] * num_series for name, value in nothing.items()}


def batch(series):
    sums = ("rows", "observed", "duplicates", "off_grid", "infinite")
    return pd.DataFrame(
        {
            "series": [len(series)],
            **{name: [series[name].sum()] for name in sums},
            "age": [series["age"].min()],
            "longest_history": [series["history"].max()],
            "series_ending": [(series["age"] > 48).sum()],
        }
    )


def validate(series, *, examples=None, cutoff=CUTOFF, **fields):
    return validate_observations(series, batch(series), examples or {}, spec(**fields), cutoff)


def sentences(verdict):
    return [finding.sentence for finding in verdict.findings]


def test_healthy_series_pass_without_any_finding():
    verdict = validate(profile())
    assert verdict.findings == ()
    assert verdict.status == "passed"
    assert all(check.passed for check in verdict.checked)
    assert len(verdict.checked) == len(BATCH_RULES) + len(SERIES_RULES)


def test_the_frames_of_this_test_have_the_columns_of_the_contract():
    assert tuple(profile()) == SERIES_COLUMNS
    assert tuple(batch(profile())) == BATCH_COLUMNS


@pytest.mark.parametrize(
    ("fields", "series"),
    [
        ({"calendar": {"frequency": "D"}}, {"history": 900, "flat_tail": 3}),
        ({"calendar": {"frequency": "W-MON"}, "horizon": 4}, {"history": 200, "flat_tail": 2}),
        ({"calendar": {"frequency": "MS"}, "horizon": 6}, {"history": 60, "flat_tail": 1}),
        ({"calendar": {"frequency": "YS"}, "horizon": 1}, {"history": 30, "flat_tail": 1}),
        ({"calendar": {"frequency": "15min"}, "horizon": 96}, {"history": 9000, "flat_tail": 30}),
    ],
    ids=["days", "weeks", "months", "years", "quarters of an hour"],
)
def test_healthy_series_of_every_frequency_pass(fields, series):
    told = profile().assign(**series, observed=series["history"])
    assert sentences(validate(told, **fields)) == []


CRITICAL = {
    "no series": (
        profile(0),
        "some_series",
        "No series has a row at or before the cutoff 2013-12-31 23:00 UTC: flights.parquet is "
        "empty, or all of it is later; give data, or a later --as-of.",
    ),
    "no values": (
        profile(3, **never_observed(3)),
        "some_values",
        "None of the 3 series has a value of 'y' at or before the cutoff 2013-12-31 23:00 UTC: "
        "all of its 26,280 rows are empty; check that source.columns.y names the right column.",
    ),
    "duplicates": (
        profile(duplicates=[43]),
        "unique_keys",
        "Rows that repeat the series and the timestamp of another row: 43, such as EWR-0 at "
        "2013-05-01 07:00 UTC; keep one row per series and step, or name in source.available_at "
        "the column that says when each row became known, and the latest one counts.",
    ),
    "off the grid": (
        profile(off_grid=[0, 17]),
        "on_grid",
        "Timestamps off the grid of calendar.frequency 'h' in UTC: 17, such as EWR-0 at "
        "2013-05-01 07:00 UTC; name the frequency and the timezone of the data (a week that "
        "begins on Monday is W-MON), or aggregate it to one row per step.",
    ),
    "infinite": (
        profile(infinite=[0, 1, 2]),
        "finite_values",
        "Infinite values of 'y': 3, such as EWR-0 at 2013-05-01 07:00 UTC; write a number, or "
        "nothing where the value is unknown.",
    ),
    "old": (
        profile().assign(age=412.0, last_ds=CUTOFF - pd.Timedelta(hours=412)),
        "fresh",
        "The newest value is of 2013-12-14 19:00 UTC, 412 steps before the cutoff 2013-12-31 "
        "23:00 UTC; at most 48 are accepted (contracts.max_age). Wait for new data, or pass "
        "--as-of 2013-12-14T20:00Z to forecast from the end of this data.",
    ),
    "short": (
        profile().assign(history=300, observed=300),
        "one_window",
        "The longest history is 300 steps, but one window needs 360: a context of 336 and a "
        "horizon of 24; give a longer history, or lower training.context_length or horizon.",
    ),
    "many in quarantine": (
        profile(null_share=[0.75, 0.75, 0.75], observed=[2190, 2190, 2190]),
        "few_aside",
        "3 of 10 series would be set aside (30.0%), at most 20% are accepted "
        "(contracts.max_quarantine_share); the first of them: EWR-0: 6,570 of 8,760 steps have no "
        "value (75.0%), at most 50% are accepted (contracts.max_null_share).",
    ),
    "number missing in the profile": (
        profile(null_share=[np.nan]),
        "complete_series_profile",
        "The profile of EWR-0 lacks a number; report this, because it is a fault of the program "
        "and not of the data.",
    ),
}
EXAMPLES = dict.fromkeys(("duplicates", "off_grid", "infinite"), "EWR-0 at 2013-05-01 07:00 UTC")


@pytest.mark.parametrize(("series", "name", "sentence"), CRITICAL.values(), ids=CRITICAL)
def test_what_no_night_can_stand_on_is_refused_in_one_sentence(series, name, sentence):
    verdict = validate(series, examples=EXAMPLES)
    assert [finding.sentence for finding in verdict.critical] == [sentence]
    assert [finding.expectation for finding in verdict.critical] == [name]


def test_where_everything_is_old_no_series_is_set_aside_for_its_age():
    verdict = validate(CRITICAL["old"][0])
    assert [finding.expectation for finding in verdict.findings] == ["fresh"]


ASIDE = {
    "never observed": (
        never_observed(1),
        "observed",
        "EWR-0: none of its 8,760 rows has a value.",
    ),
    "ended": (
        {"age": [1000], "last_ds": [CUTOFF - pd.Timedelta(hours=1000)], "null_share": [0.6]},
        "alive",
        "EWR-0: its last value is of 2013-11-20 07:00 UTC, 1,000 steps before the cutoff, at most "
        "48 are accepted (contracts.max_age).",
    ),
    "new": (
        {"history": [23], "observed": [23]},
        "one_season",
        "EWR-0: its history is 23 steps, at least 24 are needed, the shortest of season_lengths.",
    ),
    "holes": (
        {"observed": [4000], "null_share": [4760 / 8760]},
        "few_missing",
        "EWR-0: 4,760 of 8,760 steps have no value (54.3%), at most 50% are accepted "
        "(contracts.max_null_share).",
    ),
    "a long gap": (
        {"longest_gap": [200]},
        "short_gaps",
        "EWR-0: its longest gap is 200 steps, at most 168 are accepted (contracts.max_gap).",
    ),
}


@pytest.mark.parametrize(("columns", "name", "sentence"), ASIDE.values(), ids=ASIDE)
def test_a_bad_series_is_set_aside_with_its_reason_and_the_others_go_on(columns, name, sentence):
    verdict = validate(profile(**columns))
    assert verdict.status == "quarantine"
    assert sentences(verdict) == [sentence]
    assert [finding.expectation for finding in verdict.quarantined["EWR-0"]] == [name]


def test_a_series_may_be_set_aside_for_several_reasons():
    verdict = validate(profile(longest_gap=[200], observed=[4000], null_share=[0.54]))
    names = [finding.expectation for finding in verdict.quarantined["EWR-0"]]
    assert names == ["few_missing", "short_gaps"]


WARNINGS = {
    "constant": (
        {"std": [0.0], "min": [5.0], "max": [5.0], "flat_tail": [8760]},
        "Series that never change: 1, such as EWR-0, which is always 5.",
    ),
    "frozen": (
        {"flat_tail": [6, 300, 400]},
        "Series that stopped moving: 2, such as EWR-1, whose last 300 values are equal.",
    ),
    "thin": (
        {"observed": [8000, 8760, 8000], "null_share": [0.0868, 0.0, 0.0868]},
        "Series without a value at more than 5% of their steps: 2, such as EWR-0 with 760 of "
        "8,760 (8.7%).",
    ),
}


@pytest.mark.parametrize(("columns", "sentence"), WARNINGS.values(), ids=WARNINGS)
def test_what_is_suspicious_is_told_once_for_all_series(columns, sentence):
    verdict = validate(profile(**columns))
    assert verdict.status == "warning"
    assert sentences(verdict) == [sentence]


def test_covariates_that_stop_at_the_cutoff_though_they_are_known_ahead_are_told():
    covariates = {"known": ["holiday", "promotion"]}
    verdict = validate(profile(ahead=[0, 1, 0]), covariates=covariates)
    assert verdict.status == "warning"
    assert sentences(verdict) == [
        "Series without holiday and promotion on any of the 24 steps after the cutoff: 2, such as "
        "EWR-0; the mean is taken in their place, though models learned from the real ones, so "
        "give rows for these steps or move the columns to covariates.past."
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"age": [48.0]},
        {"null_share": [0.05]},
        {"longest_gap": [168]},
        {"flat_tail": [168]},
        {"history": [24], "observed": [24]},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_what_lies_on_a_bound_is_accepted(columns):
    assert sentences(validate(profile(**columns))) == []


def test_a_series_in_quarantine_raises_no_warning_of_its_own():
    verdict = validate(profile(age=[1000], std=[0.0], flat_tail=[7000], null_share=[0.4]))
    assert verdict.warnings == ()


def test_repeated_keys_are_corrections_where_rows_say_when_they_became_known():
    source = {"uri": "flights.parquet", "available_at": "seen"}
    assert sentences(validate(profile(duplicates=[43]), source=source)) == []


@pytest.mark.parametrize(
    ("key", "accepted", "refused", "columns"),
    [
        ("max_age", 1000, 999, {"age": [1000.0]}),
        ("max_gap", 500, 499, {"longest_gap": [500]}),
        ("max_null_share", 0.04, 0.03, {"null_share": [0.04]}),
        ("max_quarantine_share", 0.3, 0.2, {"longest_gap": [200, 200, 200]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_spec_sets_the_bounds(key, accepted, refused, columns):
    lenient = validate(profile(**columns), contracts={key: accepted})
    strict = validate(profile(**columns), contracts={key: refused})
    assert lenient.critical == ()
    assert any(f"(contracts.{key})" in sentence for sentence in sentences(strict))
    assert not any(f"(contracts.{key})" in sentence for sentence in sentences(lenient))


def test_an_example_that_is_not_known_leaves_a_whole_sentence():
    (sentence,) = sentences(validate(profile(duplicates=[2])))
    assert sentence.startswith(
        "Rows that repeat the series and the timestamp of another row: 2, such as"
    )


@pytest.mark.parametrize(
    ("frequency", "newest", "as_of"),
    [
        ("h", "2013-12-14T19:00Z", "2013-12-14T20:00Z"),
        ("D", "2013-12-14T00:00Z", "2013-12-15T00:00Z"),
        ("W-MON", "2013-12-02T00:00Z", "2013-12-09T00:00Z"),
        ("ME", "2013-10-31T00:00Z", "2013-11-30T00:00Z"),
        ("B", "2013-12-13T00:00Z", "2013-12-16T00:00Z"),
    ],
)
def test_the_as_of_of_the_advice_makes_the_newest_value_the_cutoff(frequency, newest, as_of):
    calendar = {"frequency": frequency}
    series = profile().assign(age=900.0, last_ds=pd.Timestamp(newest))
    (finding,) = validate(series, calendar=calendar).critical
    assert f"--as-of {as_of} " in finding.sentence
    grid = spec(calendar=calendar).grid
    cutoff = grid.timestamps(np.array([grid.last_complete_slot(pd.Timestamp(as_of))]))[0]
    assert cutoff == pd.Timestamp(newest)


def test_two_rows_about_all_series_are_refused():
    series = profile()
    twice = pd.concat([batch(series), batch(series)])
    verdict = validate_observations(series, twice, {}, spec(), CUTOFF)
    assert [finding.expectation for finding in verdict.critical] == ["one_batch"]


@pytest.mark.parametrize("column", [name for name in BATCH_COLUMNS if name != "rows"])
def test_a_number_that_all_series_together_lack_is_refused(column):
    series = profile()
    verdict = validate_observations(
        series, batch(series).assign(**{column: np.nan}), {}, spec(), CUTOFF
    )
    assert "complete_profile" in [finding.expectation for finding in verdict.critical]


@pytest.mark.parametrize("column", ["age", "null_share", "std"])
def test_a_column_that_the_profile_lacks_is_refused(column):
    series = profile()
    verdict = validate_observations(
        series.rename(columns={column: "other"}), batch(series), {}, spec(), CUTOFF
    )
    assert verdict.critical
    assert all("Nobody could check" in finding.sentence for finding in verdict.critical)


def test_rules_have_names_of_their_own_and_name_only_rules_of_their_table():
    for rules in (BATCH_RULES, SERIES_RULES):
        names = [rule.name for rule in rules]
        assert len(set(names)) == len(names)
        assert {name for rule in rules for name in rule.explained_by} <= set(names)
    both = {rule.name for rule in (*BATCH_RULES, *SERIES_RULES)}
    assert len(both) == len(BATCH_RULES) + len(SERIES_RULES)


def test_every_bound_is_known_and_every_title_reads_without_gaps():
    facts = batch_contract(spec(), {}).facts
    for rule in (*BATCH_RULES, *SERIES_RULES):
        assert "{" not in rule.title.format(**{**facts, "bound": rule.expectation.bound(facts)})


def test_only_rules_about_series_set_series_aside():
    assert {rule.severity for rule in BATCH_RULES} == {Severity.CRITICAL}
    assert Severity.QUARANTINE in {rule.severity for rule in series_contract(spec()).rules}
