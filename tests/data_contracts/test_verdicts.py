import math

import pytest
from pydantic import ValidationError

from data_contracts.errors import ContractError, VersionError
from data_contracts.verdicts import Check, Finding, Severity, Verdict


def finding(severity, *, unique_id=None, sentence="It is wrong.", **fields):
    return Finding(
        contract="observations",
        expectation="rule",
        severity=severity,
        unique_id=unique_id,
        sentence=sentence,
        **fields,
    )


def verdict(*findings, contract="observations"):
    check = Check(expectation="rule", title="a rule", severity=Severity.CRITICAL, passed=True)
    return Verdict(contract=contract, checked=(check,), findings=findings)


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], "passed"),
        (["warning"], "warning"),
        (["warning", "quarantine"], "quarantine"),
        (["quarantine", "critical", "warning"], "critical"),
    ],
    ids=lambda value: "-".join(value) or "none" if isinstance(value, list) else value,
)
def test_status_is_the_gravest_finding(severities, status):
    assert verdict(*(finding(Severity(name)) for name in severities)).status == status


def test_findings_are_told_apart_by_severity():
    critical, warning = finding(Severity.CRITICAL), finding(Severity.WARNING)
    aside = finding(Severity.QUARANTINE, unique_id="a")
    judged = verdict(warning, critical, aside)
    assert judged.critical == (critical,)
    assert judged.warnings == (warning,)
    assert judged.quarantined == {"a": [aside]}


def test_a_quarantined_series_has_all_its_reasons():
    first = finding(Severity.QUARANTINE, unique_id="b", sentence="It is old.")
    other = finding(Severity.QUARANTINE, unique_id="a")
    second = finding(Severity.QUARANTINE, unique_id="b", sentence="It is thin.")
    quarantined = verdict(first, other, second).quarantined
    assert quarantined == {"b": [first, second], "a": [other]}
    assert list(quarantined) == ["b", "a"]


def test_only_critical_findings_stop_the_night():
    verdict(
        finding(Severity.WARNING), finding(Severity.QUARANTINE, unique_id="a")
    ).raise_if_critical()
    broken = verdict(
        finding(Severity.CRITICAL, sentence="It is old."),
        finding(Severity.WARNING, sentence="It is flat."),
        finding(Severity.CRITICAL, sentence="It is thin."),
    )
    with pytest.raises(ContractError, match=r"'observations' is broken: It is old\. It is thin\.$"):
        broken.raise_if_critical()


def test_merged_verdicts_keep_all_checks_and_findings():
    first = verdict(finding(Severity.WARNING))
    second = verdict(finding(Severity.CRITICAL), contract="forecasts")
    merged = first.merge(second)
    assert merged.contract == "observations, forecasts"
    assert merged.checked == first.checked + second.checked
    assert merged.findings == first.findings + second.findings
    assert first.merge(first).contract == "observations"


@pytest.mark.parametrize("number", [None, 0.1 + 0.2, -0.0, 1e300, math.inf, -math.inf], ids=str)
def test_json_carries_a_verdict_without_loss(number):
    judged = verdict(
        finding(
            Severity.QUARANTINE,
            unique_id='Zürich "N" 1',
            column="null_share",
            value=number,
            bound=0.5,
            sentence="Zürich: 312 of 8,760 steps have no value.",
        ),
        finding(Severity.CRITICAL),
    )
    assert Verdict.from_json(judged.to_json()) == judged


def test_a_value_that_is_no_number_is_kept_as_none():
    assert finding(Severity.WARNING, value=math.nan, bound=math.nan).value is None


def test_text_that_is_no_verdict_is_refused():
    with pytest.raises(ValidationError):
        Verdict.from_json('{"contract": "observations", "checked": [], "verdict": "good"}')


def test_a_verdict_of_the_first_version_is_read():
    old = (
        '{"contract": "observations", "checked": [{"expectation": "fresh", "title": "Fresh.", '
        '"severity": "critical", "passed": false, "offending": 1}], "findings": [{"contract": '
        '"observations", "expectation": "fresh", "severity": "critical", "column": null, '
        '"unique_id": null, "value": 9.0, "bound": "Infinity", "sentence": "Too old."}]}'
    )
    verdict = Verdict.from_json(old)
    assert verdict.critical[0].sentence == "Too old."
    assert verdict.critical[0].bound == math.inf


def test_a_verdict_of_a_newer_version_is_refused_whatever_it_holds():
    with pytest.raises(VersionError, match="The verdict has the schema version 9, but this"):
        Verdict.from_json('{"schema_version": 9, "contracts": {}}')
