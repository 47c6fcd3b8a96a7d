import pandas as pd
import pytest

from data_contracts.history import trace_nights
from data_contracts.verdicts import Check, Finding, Scope, Severity, Verdict
from tasks.reporting.contract import GROUPS, contract_view, legend

CUTOFF = pd.Timestamp("2013-12-11T04:00Z")


def check_of(name, severity=Severity.CRITICAL, **fields):
    usual = {"title": f"the rule {name} holds", "contract": "observations", "passed": True}
    return Check(expectation=name, severity=severity, **{**usual, **fields})


def finding_of(name, severity, unique_id=None, scope=Scope.SERIES, sentence="So it is."):
    return Finding(
        contract="observations",
        expectation=name,
        severity=severity,
        scope=scope,
        unique_id=unique_id,
        sentence=sentence,
    )


def view_of(checks, findings=(), nights=()):
    verdict = Verdict(contract="observations", checked=tuple(checks), findings=tuple(findings))
    days = [CUTOFF - pd.Timedelta(days=len(nights) - number) for number in range(len(nights))]
    history = trace_nights({**dict(zip(days, nights, strict=True)), CUTOFF: verdict})
    return contract_view([verdict], history, timezone="America/New_York")


def test_broken_rules_come_first_the_gravest_of_them_at_the_top():
    names = ["kept", "note", "warning", "quarantine", "explained", "critical"]
    severities = [Severity(name) for name in ("note", "warning", "quarantine", "critical")]
    checks = [check_of(name, passed=name == "kept") for name in names]

    seen = view_of(checks, [finding_of(each.value, each, "a") for each in severities])

    order = ["critical", "quarantine", "warning", "note", "explained", "kept"]
    assert [row.check.expectation for row in seen.rules] == order
    assert [row.check.expectation for row in seen.broken] == order[:4]
    assert seen.summary == (
        "1 of 6 rules kept; 1 stops the night, 1 sets something aside, 1 warning, 1 note, "
        "1 broken because of another"
    )


@pytest.mark.parametrize(
    ("scope", "contract", "group"),
    [
        pytest.param(Scope.TABLE, "observations", GROUPS[0], id="table"),
        pytest.param(Scope.SERIES, "observations", GROUPS[1], id="series"),
        pytest.param(Scope.ROWS, "observations", GROUPS[2], id="rows"),
        pytest.param(Scope.ROWS, "forecasts", GROUPS[3], id="output"),
    ],
)
def test_rules_are_grouped_by_what_they_are_about(scope, contract, group):
    seen = view_of([check_of("rule", scope=scope, contract=contract)])

    assert [name for name, _ in seen.others] == [group]


def test_many_series_in_quarantine_are_named_after_the_reason_of_the_first():
    found = [finding_of("gap", Severity.QUARANTINE, f"s{number}") for number in range(7)]

    (row,) = view_of([check_of("gap", passed=False, offending=9)], found).rules

    assert row.sentences == (found[0].sentence, "7 series: s0, s1, s2, s3, s4 and 2 more.")
    assert row.offending == 7


def test_a_warning_about_several_series_names_the_others_too():
    check = check_of("moving", passed=False, offending=8, examples=tuple("abcde"))

    (row,) = view_of([check], [finding_of("moving", Severity.WARNING)]).rules

    assert row.sentences == ("So it is.", "Series: a, b, c, d, e and 3 more.")


def test_the_latest_series_in_quarantine_come_first_each_with_all_its_reasons():
    gap = finding_of("gap", Severity.QUARANTINE, "old", sentence="old: it has a gap.")
    level = finding_of("level", Severity.QUARANTINE, "old", sentence="old: it jumped.")
    new = finding_of("gap", Severity.QUARANTINE, "new", sentence="new: it has a gap.")
    before = Verdict(contract="observations", checked=(), findings=(gap,))
    nights = [Verdict(contract="observations", checked=()), before]

    rows = view_of([check_of("gap", passed=False)], [gap, level, new], nights).series

    assert [tuple(row) for row in rows] == [
        ("new", "new tonight", True, "it has a gap."),
        ("old", "2 nights, since Mon 9 Dec 2013", False, "it has a gap. it jumped."),
    ]


def test_rows_that_are_set_aside_are_listed_apart():
    spike = finding_of("spike", Severity.QUARANTINE, "a", Scope.ROWS, "a: one spike.")

    seen = view_of([check_of("spike", passed=False, scope=Scope.ROWS)], [spike])

    assert seen.series == ()
    assert [(row.unique_id, row.reason) for row in seen.rows] == [("a", "one spike.")]


def test_the_legend_explains_the_marks_that_occur():
    seen = view_of([check_of("kept"), check_of("why", passed=False)])

    assert [symbol for _, symbol, _ in legend(seen.rules)] == ["·", "–"]
