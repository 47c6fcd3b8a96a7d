import pandas as pd
import pytest

from data_contracts.history import NIGHTS_SHOWN, Mark, Spell, trace_nights
from data_contracts.verdicts import Check, Finding, Scope, Severity, Verdict

FIRST = pd.Timestamp("2024-01-01T23:00Z")
RULE = ("observations", "rule")
WORDS = {
    "k": None,
    "n": Severity.NOTE,
    "w": Severity.WARNING,
    "q": Severity.QUARANTINE,
    "c": Severity.CRITICAL,
}


def night(number):
    return FIRST + pd.Timedelta(days=number)


def verdict_of(letter, *, aside=(), stops=False, ended=()):
    """One night: `k` kept, `n w q c` broken, `e` broken and explained, `-` not checked."""
    severity = WORDS.get(letter)
    check = Check(
        expectation="rule",
        title="a rule holds",
        contract="observations",
        severity=severity or Severity.WARNING,
        passed=letter == "k",
        offending=0 if letter == "k" else 3,
    )
    told = [] if severity is None else [finding_of("rule", severity, "a")]
    told += [finding_of("gap", Severity.QUARANTINE, name) for name in aside]
    told += [finding_of("fresh", Severity.CRITICAL, None)] if stops else []
    return Verdict(
        contract="observations",
        checked=() if letter == "-" else (check,),
        findings=tuple(told),
        ended=ended,
    )


def finding_of(rule, severity, unique_id, scope=Scope.SERIES):
    return Finding(
        contract="observations",
        expectation=rule,
        severity=severity,
        scope=scope,
        unique_id=unique_id,
        sentence="So it is.",
    )


def trace(letters):
    verdicts = {night(number): verdict_of(letter) for number, letter in enumerate(letters)}
    return trace_nights(verdicts).rules[RULE]


@pytest.mark.parametrize(
    ("letters", "since", "num_nights", "is_open"),
    [
        pytest.param("kkw", 2, 1, False, id="new tonight"),
        pytest.param("kwww", 1, 3, False, id="for some nights"),
        pytest.param("wkw", 2, 1, False, id="a kept night is a break"),
        pytest.param("kwcw", 1, 3, False, id="whatever the severity was"),
        pytest.param("kwew", 1, 2, False, id="an explained night is none"),
        pytest.param("kw-w", 1, 2, False, id="an unchecked night is none"),
        pytest.param("kew", 2, 1, False, id="it does not begin explained"),
        pytest.param("ww", 0, 2, True, id="from the first night that is known"),
        pytest.param("-w", 1, 1, True, id="nobody knows what was before"),
        pytest.param("w", 0, 1, False, id="on the very first night"),
    ],
)
def test_a_broken_rule_says_since_when(letters, since, num_nights, is_open):
    assert trace(letters).spell == Spell(night(since), num_nights, is_open)


@pytest.mark.parametrize("letters", ["k", "wk", "we"])
def test_a_rule_that_nothing_is_told_of_tonight_has_no_such_day(letters):
    assert trace(letters).spell is None


def test_every_night_has_a_mark_and_the_broken_ones_are_counted():
    seen = trace("knwqce-k")

    assert [mark.value for mark in seen.marks] == [
        "kept", "note", "warning", "quarantine", "critical", "explained", "unchecked", "kept",
    ]  # fmt: skip
    assert seen.num_broken == 4


def test_of_a_quarantine_what_is_set_aside_is_counted_and_not_what_is_explained():
    assert trace("wq").offending == (3, 1)


def test_older_nights_say_since_when_though_their_marks_are_not_shown():
    num_nights = NIGHTS_SHOWN + 10
    history = trace_nights({night(n): verdict_of("kw"[n > 2]) for n in range(num_nights)})

    assert history.nights == tuple(night(n) for n in range(10, num_nights))
    assert len(history.rules[RULE].marks) == NIGHTS_SHOWN
    assert history.rules[RULE].spell == Spell(night(3), num_nights - 3, is_open=False)


def test_a_crash_marks_the_night_with_the_gravest_of_its_findings():
    verdict = verdict_of("w")
    crash = finding_of("rule", Severity.CRITICAL, None)
    verdict = verdict.model_copy(update={"findings": (*verdict.findings, crash)})

    assert trace_nights({FIRST: verdict}).rules[RULE].marks == (Mark.CRITICAL,)


def test_a_series_says_since_when_it_is_set_aside():
    nights = [
        verdict_of("k", aside=["old"]),
        verdict_of("k", aside=["old", "gone"]),
        verdict_of("k", stops=True),
        verdict_of("k", aside=["old"]),
        verdict_of("k", aside=["old", "new"]),
    ]

    history = trace_nights({night(n): verdict for n, verdict in enumerate(nights)})

    assert history.series == {
        "old": Spell(night(0), 4, is_open=True),
        "new": Spell(night(4), 1, is_open=False),
    }


def test_a_series_that_was_set_aside_is_named_once_it_is_not():
    before = verdict_of("k", aside=["a", "b", "c"])
    stopped = verdict_of("k", stops=True)
    tonight = verdict_of("k", aside=["a"], ended=("b",))

    returned = trace_nights({night(0): before, night(1): stopped, night(2): tonight}).returned
    at_a_stop = trace_nights({night(0): before, night(1): stopped}).returned

    assert returned == ("c",)
    assert at_a_stop == ()


def test_rows_that_are_set_aside_leave_their_series_in_service():
    verdict = verdict_of("k")
    rows = finding_of("spike", Severity.QUARANTINE, "a", Scope.ROWS)

    history = trace_nights({FIRST: verdict.model_copy(update={"findings": (rows,)})})

    assert history.series == {}


def test_a_check_without_a_contract_belongs_to_that_of_its_verdict():
    old = verdict_of("w")
    nameless = old.checked[0].model_copy(update={"contract": ""})
    old = old.model_copy(update={"checked": (nameless,)})

    history = trace_nights({night(0): verdict_of("k"), night(1): old, night(2): verdict_of("w")})

    assert history.rules[RULE].spell == Spell(night(1), 2, is_open=False)
