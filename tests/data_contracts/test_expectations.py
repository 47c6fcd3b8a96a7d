import numpy as np
import pandas as pd
import pytest

from data_contracts.expectations import judge
from data_contracts.rules import (
    Contract,
    Expectation,
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
from data_contracts.verdicts import Severity

FRAME = pd.DataFrame(
    {
        "unique_id": ["a", "b", "c"],
        "age": [1.0, 5.0, 9.0],
        "low": [1.0, 2.0, 3.0],
        "high": [2.0, 3.0, 4.0],
        "word": ["x", "y", "z"],
        "same": [7, 7, 7],
        "pair": [1, 1, 2],
    }
)


def rule(expectation, severity=Severity.CRITICAL, *, name="rule", **fields):
    fields = {"title": "a rule holds", "sentence": "It is broken by {count}.", **fields}
    return Rule(name, severity, expectation, **fields)


def judged(*rules, frame=FRAME, facts=None):
    return judge(Contract("tables", rules, facts or {}), frame)


@pytest.mark.parametrize(
    "expectation",
    [
        at_most("age", 9),
        at_most("age", "limit"),
        at_least("age", 1),
        above("age", 0),
        equal("same", "same"),
        one_of("word", ["x", "y", "z"]),
        one_of("word", "words"),
        one_value("same"),
        unique("word", "same"),
        complete("low", "word", "unique_id"),
        ascending("low", "high"),
        row_count(3),
        row_count("rows"),
    ],
    ids=lambda expectation: f"{expectation.kind}-{len(str(expectation.arguments))}",
)
def test_a_frame_that_keeps_a_rule_passes(expectation):
    verdict = judged(rule(expectation), facts={"limit": 9, "words": ["x", "y", "z"], "rows": 3})
    assert verdict.status == "passed"
    assert [check.passed for check in verdict.checked] == [True]


@pytest.mark.parametrize(
    ("expectation", "offending"),
    [
        (at_most("age", 5), 1),
        (at_most("age", "limit"), 2),
        (at_least("age", 5), 1),
        (above("age", 5), 2),
        (equal("low", "high"), 3),
        (one_of("word", ["x"]), 2),
        (one_of("word", "words"), 1),
        (one_value("word"), 1),
        (unique("same", "pair"), 2),
        (ascending("high", "low"), 3),
        (row_count(4), 1),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_a_frame_that_breaks_a_rule_is_found_with_the_number_of_rows(expectation, offending):
    verdict = judged(rule(expectation), facts={"limit": 4, "words": ["x", "y"]})
    assert verdict.status == "critical"
    assert [check.offending for check in verdict.checked] == [offending]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf], ids=str)
def test_a_row_with_a_missing_or_infinite_value_is_not_complete(hole):
    frame = FRAME.assign(low=[1.0, hole, 3.0])
    verdict = judged(rule(complete("low", "high"), sentence="{unique_id}, {count}"), frame=frame)
    assert [finding.sentence for finding in verdict.findings] == ["b, 1"]


def test_a_missing_text_is_not_complete():
    frame = FRAME.assign(word=["x", None, "z"])
    assert judged(rule(complete("low", "word")), frame=frame).checked[0].offending == 1


def test_a_row_without_any_value_is_not_complete():
    frame = FRAME.assign(low=[1.0, np.nan, 3.0], high=[1.0, np.nan, 3.0])
    assert judged(rule(complete("low", "high")), frame=frame).checked[0].offending == 1
    assert judged(rule(ascending("low", "high")), frame=frame).checked[0].offending == 1


def test_ascending_columns_agree_with_a_loop():
    draw = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(float)
    frame = pd.DataFrame(draw, columns=list("abcd"))
    falling = sum(any(row[k + 1] < row[k] for k in range(3)) for row in draw)
    assert judged(rule(ascending(*"abcd")), frame=frame).checked[0].offending == falling


def test_a_quarantine_tells_every_row_and_every_other_rule_tells_one():
    sentence = "{unique_id} is {age:.0f} steps old, at most {bound:.0f}; {count} are."
    aside = rule(at_most("age", 2), Severity.QUARANTINE, name="aside", sentence=sentence)
    warned = rule(at_most("age", 2), Severity.WARNING, name="warned", sentence=sentence)
    verdict = judged(aside, warned)
    assert [(found.expectation, found.unique_id, found.sentence) for found in verdict.findings] == [
        ("aside", "b", "b is 5 steps old, at most 2; 2 are."),
        ("aside", "c", "c is 9 steps old, at most 2; 2 are."),
        ("warned", None, "b is 5 steps old, at most 2; 2 are."),
    ]


def test_a_finding_holds_column_value_and_bound():
    (found,) = judged(rule(at_most("age", "limit")), facts={"limit": 5}).findings
    assert (found.column, found.value, found.bound) == ("age", 9.0, 5.0)


def test_a_finding_about_the_whole_table_holds_what_was_found():
    (found,) = judged(rule(row_count(4), sentence="{found} rows, not {bound:.0f}.")).findings
    assert (found.value, found.bound, found.sentence) == (3.0, 4.0, "3 rows, not 4.")


def test_whole_numbers_stay_whole_in_sentences():
    (found,) = judged(rule(at_most("same", 5), sentence="{same}, such as {unique_id}")).findings
    assert found.sentence == "7, such as a"


def test_a_title_names_facts_and_the_bound():
    verdict = judged(rule(at_most("age", "limit"), title="{bound:.0f} {unit}"), facts={
        "limit": 9, "unit": "steps"
    })  # fmt: skip
    assert verdict.checked[0].title == "9 steps"


def test_a_consequence_is_not_told_beside_its_cause():
    cause = rule(at_most("age", 8), Severity.QUARANTINE, name="cause", sentence="old {unique_id}")
    consequence = rule(
        at_most("low", 1),
        Severity.QUARANTINE,
        name="consequence",
        sentence="low {unique_id}",
        explained_by=("cause",),
    )
    verdict = judged(consequence, cause)
    assert [found.sentence for found in verdict.findings] == ["low b", "old c"]
    assert [check.offending for check in verdict.checked] == [2, 1]


def test_a_broken_rule_about_the_whole_table_explains_every_row():
    cause = rule(row_count(5), name="cause", sentence="{found} rows")
    consequence = rule(at_most("low", 1), name="consequence", explained_by=("cause",))
    assert [found.sentence for found in judged(cause, consequence).findings] == ["3 rows"]


@pytest.mark.parametrize(
    ("severity", "reported"),
    [
        (Severity.CRITICAL, Severity.CRITICAL),
        (Severity.QUARANTINE, Severity.CRITICAL),
        (Severity.WARNING, Severity.WARNING),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_checked_is_reported(severity, reported):
    verdict = judged(rule(at_most("height", 1), severity, title="nothing is too high"))
    (found,) = verdict.findings
    assert found.severity is reported
    assert found.sentence.startswith(
        'Nobody could check that nothing is too high: Error: The column "height"'
    )
    assert not verdict.checked[0].passed


@pytest.mark.parametrize(
    "expectation",
    [at_most("word", 1), ascending("low", "word"), complete("low", "height")],
    ids=["text against a number", "text among numbers", "a column that is not there"],
)
def test_a_rule_about_the_wrong_kind_of_column_never_passes(expectation):
    verdict = judged(rule(expectation, Severity.QUARANTINE))
    assert verdict.status == "critical"
    assert "could check" in verdict.findings[0].sentence


def test_a_crash_does_not_hide_the_other_rules():
    verdict = judged(rule(at_most("height", 1), name="crash"), rule(at_most("age", 1), name="age"))
    assert [found.expectation for found in verdict.findings] == ["crash", "age"]


def test_an_empty_frame_breaks_a_rule_about_the_number_of_rows():
    verdict = judged(rule(row_count(3)), rule(at_most("age", 1), name="age"), frame=FRAME.iloc[:0])
    assert [found.expectation for found in verdict.findings] == ["rule"]


def test_rows_are_found_whatever_the_index_of_the_frame():
    frame = FRAME.set_index(pd.Index([5, 5, 5]))
    (found,) = judged(rule(at_most("age", 5), sentence="{unique_id}"), frame=frame).findings
    assert found.sentence == "c"


def test_an_unknown_expectation_is_an_error_of_the_contract():
    with pytest.raises(AttributeError, match="ExpectMiracles"):
        judged(rule(Expectation("ExpectMiracles", {})))


@pytest.mark.parametrize(
    ("expectation", "comparison", "setting"),
    [
        pytest.param(at_most("age", "max_age"), "at most", "max_age", id="setting of the spec"),
        pytest.param(at_least("age", "window"), "at least", "", id="fact that nobody sets"),
        pytest.param(above("age", 10), "above", "", id="fixed number"),
        pytest.param(unique("word", "same"), "", "", id="no number"),
    ],
)
def test_a_check_says_how_it_compares_and_what_moves_its_bound(expectation, comparison, setting):
    facts = {"max_age": 5, "window": 10}

    (check,) = judged(rule(expectation), facts=facts).checked

    assert (check.contract, check.comparison, check.setting) == ("tables", comparison, setting)


def test_a_check_names_the_first_series_that_break_it():
    frame = pd.DataFrame({"unique_id": list("aabcdefg"), "age": [0, 9, 9, 9, 9, 9, 9, 9]})

    (check,) = judged(rule(at_most("age", 5), Severity.WARNING), frame=frame).checked

    assert check.offending == 7
    assert check.examples == ("a", "b", "c", "d", "e")


def test_a_series_that_another_rule_explains_is_no_example():
    old = rule(at_most("age", 8), name="old")
    aged = rule(at_most("age", 4), Severity.WARNING, name="aged", explained_by=("old",))

    _, check = judged(old, aged).checked

    assert (check.offending, check.examples) == (2, ("b",))
