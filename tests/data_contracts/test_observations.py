import re

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import SpecError
from data_contracts.observation_rules import BATCH_RULES, NEEDED_OF_BATCH, SERIES_RULES
from data_contracts.observations import (
    BATCH_COLUMNS,
    COUNTED_ROWS,
    SERIES_COLUMNS,
    batch_contract,
    check_severities,
    validate_observations,
)
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Scope, Severity

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
            **dict.fromkeys(COUNTED_ROWS[1:], 0),
            "conflict_ds": pd.Series(pd.NaT, range(num_series), "datetime64[us, UTC]"),
            "observed": 8760,
            "first_ds": pd.Timestamp("2013-01-01T00:00Z"),
            "last_ds": CUTOFF,
            "history": 8760,
            "null_share": 0.0,
            "longest_gap": 0,
            "age": 0.0,
            "min": 0.0,
            "max": 40.0,
            "mean": 9.5,
            "std": 7.0,
            "last": 3.0,
            "flat_tail": 1,
            "longest_flat": 4,
            "fractions": 0,
            "recent_size": 10.0,
            "usual_size": 11.0,
            "level_ratio": 1.1,
            "shift": 0.7,
            "ahead": 24,
            "covered": 1.0,
            "covariate_age": 0,
            "covariate_spike": 0.0,
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
    sums = ("rows", "observed", *COUNTED_ROWS[2:])
    return pd.DataFrame(
        {
            "series": [len(series)],
            **{name: [series[name].sum()] for name in sums},
            "age": [series["age"].min()],
            "longest_history": [series["history"].max()],
            "series_ending": [(series["age"] > 48).sum()],
            "recent_values": [240],
            "usual_values": [240.0],
            "usual_series": [10],
            "appeared": [0],
            "silent": [0],
        }
    )


def validate(series, *, examples=None, cutoff=CUTOFF, **fields):
    return validate_observations(series, batch(series), examples or {}, spec(**fields), cutoff)


def sentences(verdict):
    return [finding.sentence for finding in verdict.findings]


def test_healthy_series_pass_without_any_finding():
    verdict = validate(profile(), contracts={"min_value": 0, "numbers": "whole"})
    assert verdict.findings == ()
    assert verdict.status == "passed"
    assert all(check.passed for check in verdict.checked)
    assert len(verdict.checked) == len(BATCH_RULES) + len(SERIES_RULES)


def test_what_the_spec_does_not_ask_is_not_checked():
    checked = {check.expectation for check in validate(profile()).checked}
    assert not checked & {"in_bounds", "whole_numbers"}


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
        (
            {"calendar": {"frequency": "15min"}, "horizon": 96},
            {"history": 9000, "flat_tail": 30},
        ),
    ],
    ids=["days", "weeks", "months", "years", "quarters of an hour"],
)
def test_healthy_series_of_every_frequency_pass(fields, series):
    told = profile().assign(**series, observed=series["history"], ahead=96)
    assert sentences(validate(told, **fields)) == []


CRITICAL = {
    "no series": (
        profile(0),
        "some_series",
        "No series has a row at or before the cutoff 2013-12-31 23:00 UTC: flights.parquet is "
        "empty, or all of it is later; give data, or a later as_of.",
    ),
    "no values": (
        profile(3, **never_observed(3)),
        "some_values",
        "None of the 3 series has a value of 'y' at or before the cutoff 2013-12-31 23:00 UTC: "
        "all of its 26,280 rows are empty; check that source.columns.y names the right column.",
    ),
    "many bad rows": (
        profile(off_grid=[0, 9000], spikes=[100]),
        "few_bad_rows",
        "Rows that would have to be set aside: 9,100 of 87,600 (10.4%), at most 5% are accepted "
        "(contracts.max_bad_rows): 9,000 off the grid of calendar.frequency 'h' in UTC (name the "
        "frequency and the timezone of the data; a week that begins on Monday is W-MON), such as "
        "EWR-0 at 2013-05-01 07:00 UTC; 100 far outside the usual range of their series.",
    ),
    "a new unit": (
        profile().assign(recent_size=9000.0, level_ratio=818.0),
        "one_unit",
        "The size of the values of 10 of 10 series changed by a factor of 818 or the like within "
        "24 steps: write 'y' in the unit of before, or in the new one for the whole history; a "
        "real change is let through by a higher contracts.max_level_ratio than 8.",
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
        {"age": [700], "last_ds": [CUTOFF - pd.Timedelta(hours=700)], "null_share": [0.6]},
        "alive",
        "EWR-0: its last value is of 2013-12-02 19:00 UTC, 700 steps before the cutoff, at most "
        "48 are accepted (contracts.max_age).",
    ),
    "two rows for one step": (
        {
            "conflicts": [3],
            "duplicates": [5],
            "conflict_ds": [pd.Timestamp("2013-05-01T07:00Z")],
        },
        "no_conflicts",
        "EWR-0: 3 rows have the step of another row and another value, the first that of "
        "2013-05-01 07:00 UTC; keep one row per step, or name in source.available_at the column "
        "that says when each row became known, and the latest one counts.",
    ),
    "another unit": (
        {"recent_size": [0.011], "level_ratio": [1000.0]},
        "same_level",
        "EWR-0: the size of its last 24 steps is 0.011, that of the month before 11, which differs "
        "by more than a factor of 8 (contracts.max_level_ratio), and it never was like that; write "
        "it in the unit of before, or, if it is real, raise that key.",
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
    "not moving": (
        {"flat_tail": [6, 300, 400], "last": [0.0, 0.0, 0.0]},
        "Series that stopped moving: 2, such as EWR-1, whose last 300 values are all 0; it never "
        "kept one for so long before.",
    ),
    "frozen": (
        {"flat_tail": [25, 25], "longest_flat": [16, 17]},
        "Series that look frozen: 1, such as EWR-0, whose last 25 values are all 3; it never kept "
        "one for so long before.",
    ),
    "repeated": (
        {"duplicates": [0, 43]},
        "Rows that repeat another one: 1 series, such as EWR-1 with 43, for instance the row of "
        "one not noted; each counts once.",
    ),
    "another level": (
        {"shift": [0.1, 31.0]},
        "Series whose level changed: 1, such as EWR-1, by 31 times the standard deviation of its "
        "levels over 168 steps (contracts.max_shift).",
    ),
    "fractions": (
        {"fractions": [0, 24]},
        "Series of whole numbers with fractions of late: 1, such as EWR-1 with 24; ask whether 'y' "
        "changed its unit.",
    ),
    "a covariate with holes": (
        {"covered": [0.4], "covariate_age": [200]},
        "Series that lack a covariate: 1, such as EWR-0, where one has values for 40% of the last "
        "336 steps, at least 50% are expected (contracts.min_covered).",
    ),
    "a covariate that stopped": (
        {"covariate_age": [49]},
        "Series with a covariate that stopped: 1, such as EWR-0, where one has had no value for 49 "
        "steps, at most 48 are expected (contracts.max_age).",
    ),
    "a covariate far off": (
        {"covariate_spike": [0.3, 12.0]},
        "Series with an implausible covariate: 1, such as EWR-1, where one of the last 24 steps "
        "lies 12 times the range of its history outside it (contracts.max_spike); ask whether it "
        "changed its unit.",
    ),
    "another place": (
        {"static_changes": [1]},
        "Series whose static columns changed: 1, such as EWR-0; the latest text counts for the "
        "whole history.",
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


def test_the_few_series_whose_size_is_known_do_not_speak_for_all():
    few = np.where(np.arange(10) < 2, 818.0, np.nan)
    assert set(validate(profile().assign(level_ratio=few, recent_size=9e3)).quarantined) == {
        "EWR-0",
        "EWR-1",
    }


def test_a_new_series_of_one_value_is_not_called_constant():
    verdict = validate(profile(history=[1], observed=[1], std=[0.0]))
    assert [finding.expectation for finding in verdict.findings] == ["new"]


def test_covariates_that_stop_before_the_end_of_the_horizon_though_they_are_known_ahead_are_told():
    covariates = {"known": ["holiday", "promotion"]}
    verdict = validate(profile(ahead=[0, 24, 23]), covariates=covariates)
    assert verdict.status == "warning"
    assert sentences(verdict) == [
        "Series without holiday and promotion on some of the 24 steps after the cutoff: 2, such as "
        "EWR-0, which has them on 0; elsewhere the mean is taken in their place, though models "
        "learned from the real ones, so give rows for these steps or move the columns to "
        "covariates.past."
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"age": [48.0]},
        {"null_share": [0.05]},
        {"longest_gap": [168]},
        {"flat_tail": [23], "longest_flat": [3]},
        {"flat_tail": [160], "longest_flat": [120]},
        {"history": [168], "observed": [168]},
        {"level_ratio": [8.0]},
        {"shift": [10.0]},
        {"covered": [0.5]},
        {"covariate_age": [48]},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_what_lies_on_a_bound_is_accepted(columns):
    assert sentences(validate(profile(**columns))) == []


def test_a_series_in_quarantine_raises_no_warning_of_its_own():
    verdict = validate(profile(age=[700], std=[0.0], flat_tail=[7000], null_share=[0.4]))
    assert verdict.warnings == ()


def test_a_new_series_is_served_and_noted():
    verdict = validate(profile(history=[1], observed=[1]))
    assert verdict.status == "passed"
    assert verdict.quarantined == {}
    assert [finding.sentence for finding in verdict.notes] == [
        "New series: 1, such as EWR-0 with 1 steps of history; they are forecast all the same."
    ]


def test_the_long_history_of_a_series_that_is_over_is_no_window_for_the_others():
    told = profile(age=[721.0]).assign(history=[8760, *[300] * 9], observed=300)
    assert [finding.expectation for finding in validate(told).critical] == ["one_window"]


@pytest.mark.parametrize("severity", ["warning", "note"])
def test_spikes_of_which_somebody_only_wants_to_hear_are_told_and_stay(severity):
    verdict = validate(profile(spikes=[9000]), contracts={"severity": {"no_spikes": severity}})
    (finding,) = verdict.findings
    assert (finding.expectation, finding.severity) == ("no_spikes", severity)
    assert finding.sentence.endswith("that range (contracts.max_spike).")


def test_a_series_that_is_over_is_neither_judged_nor_counted():
    long_silent = [CUTOFF - pd.Timedelta(hours=721)] * 5
    verdict = validate(profile(age=[721.0] * 5, last_ds=long_silent, null_share=[0.9]))
    assert verdict.status == "passed"
    assert verdict.ended == tuple(f"EWR-{k}" for k in range(5))
    assert verdict.unserved == set(verdict.ended)
    assert [finding.sentence for finding in verdict.notes] == [
        "Series that are over, silent for more than 720 steps (contracts.ended_after): 5, such as "
        "EWR-0; they are neither forecast nor counted."
    ]


ROWS_ASIDE = {
    "off_grid": ("on_grid", "17 rows lie off the grid of 'h' in UTC and are set aside."),
    "infinite": ("finite_values", "17 values are infinite and set aside."),
    "out_of_bounds": (
        "in_bounds",
        "17 values do not lie at or above 0 (contracts.min_value, max_value) and are set aside.",
    ),
    "not_whole": (
        "whole_numbers",
        "17 values are no whole numbers (contracts.numbers) and are set aside.",
    ),
    "spikes": (
        "no_spikes",
        "17 values lie more than 10 times its usual range outside that range "
        "(contracts.max_spike) and are set aside.",
    ),
}


@pytest.mark.parametrize("column", ROWS_ASIDE)
def test_bad_rows_are_set_aside_and_their_series_goes_on(column):
    name, sentence = ROWS_ASIDE[column]
    verdict = validate(profile(**{column: [0, 17]}), contracts={"min_value": 0, "numbers": "whole"})
    assert verdict.status == "quarantine"
    assert verdict.quarantined == {}
    (finding,) = verdict.rows_aside
    assert (finding.expectation, finding.unique_id, finding.value) == (name, "EWR-1", 17)
    assert finding.sentence == f"EWR-1: {sentence}"


TRAFFIC = {
    "half of the values": (
        {"recent_values": 120},
        "Values in the 24 steps up to 2013-12-31 23:00 UTC: 120, which is 50% of the usual 240, at "
        "least 80% are expected (contracts.min_volume); ask whether all of the data has arrived.",
    ),
    "renamed series": (
        {"appeared": 3, "silent": 3},
        "Against the month before, 3 of 10 series fell silent and 3 appeared in the 24 steps up to "
        "2013-12-31 23:00 UTC, more than the 20% that are usual (contracts.max_series_change); "
        "were series renamed?",
    ),
}


@pytest.mark.parametrize(("columns", "sentence"), TRAFFIC.values(), ids=TRAFFIC)
def test_less_or_other_data_than_usual_is_told(columns, sentence):
    series = profile()
    verdict = validate_observations(series, batch(series).assign(**columns), {}, spec(), CUTOFF)
    assert verdict.status == "warning"
    assert sentences(verdict) == [sentence]


def test_a_business_that_grows_is_no_renaming():
    series = profile()
    told = batch(series).assign(appeared=10)
    assert validate_observations(series, told, {}, spec(), CUTOFF).findings == ()
    doubled = batch(series).assign(appeared=13)
    assert validate_observations(series, doubled, {}, spec(), CUTOFF).status == "warning"


def test_nobody_asks_for_what_is_usual_where_no_month_was_seen():
    series = profile()
    unknown = dict.fromkeys(("usual_values", "usual_series", "appeared", "silent"), np.nan)
    told = batch(series).assign(**unknown)
    assert validate_observations(series, told, {}, spec(), CUTOFF).findings == ()


def test_the_spec_sets_the_severity():
    contracts = {"severity": {"moving": "quarantine", "alive": "warning", "shifted": "off"}}
    series = profile(flat_tail=[300], last=[0.0], age=[0.0, 60.0], shift=[0.0, 0.0, 99.0])
    verdict = validate(series, contracts=contracts)
    assert list(verdict.quarantined) == ["EWR-0"]
    assert [finding.expectation for finding in verdict.warnings] == ["alive"]
    assert "shifted" not in [check.expectation for check in verdict.checked]


@pytest.mark.parametrize(
    ("severity", "sentence"),
    [
        ({"movin": "off"}, "contracts.severity.movin: expected a rule whose severity may be set; "
         "did you mean 'moving'?"),
        ({"few_aside": "off"}, "contracts.severity.few_aside: the severity of this rule cannot be "
         "changed, it is always critical; remove this key."),
        ({"volume": "quarantine"}, "contracts.severity.volume: expected critical, warning, note or "
         "off for a rule about all series together, got quarantine."),
    ],
    ids=["no such rule", "not to be changed", "all series together"],
)  # fmt: skip
def test_a_severity_that_cannot_be_is_refused_in_one_sentence(severity, sentence):
    with pytest.raises(SpecError, match=re.escape(sentence)):
        check_severities(spec(contracts={"severity": severity}))


@pytest.mark.parametrize(
    ("key", "accepted", "refused", "columns"),
    [
        ("max_age", 700, 699, {"age": [700.0]}),
        ("max_gap", 500, 499, {"longest_gap": [500]}),
        ("max_null_share", 0.04, 0.03, {"null_share": [0.04]}),
        ("max_level_ratio", 9, 8, {"level_ratio": [8.5]}),
        ("max_shift", 12, 11, {"shift": [11.5]}),
        ("max_bad_rows", 0.03, 0.02, {"infinite": [2000]}),
        ("min_covered", 0.4, 0.5, {"covered": [0.45]}),
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
    assert "for instance the row of one not noted;" in sentence


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


@pytest.mark.parametrize("column", [name for name in NEEDED_OF_BATCH if name != "rows"])
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
    (finding,) = verdict.critical
    assert finding.expectation == "complete_series_profile"


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
    assert Severity.QUARANTINE not in {rule.severity for rule in BATCH_RULES}
    assert {rule.scope for rule in BATCH_RULES} == {Scope.TABLE}
    assert {rule.scope for rule in SERIES_RULES} == {Scope.SERIES, Scope.ROWS}
