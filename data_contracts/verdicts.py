"""What a contract says about a table: which rules were checked, what was found, what follows."""

import math
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator

from data_contracts.errors import ContractError, RefusedError
from data_contracts.versions import read_document


class Severity(StrEnum):
    """What a broken rule leads to."""

    CRITICAL = "critical"  # the night stops, nothing is published
    QUARANTINE = "quarantine"  # the series is set aside, the others go on
    WARNING = "warning"  # the night goes on, a person is told
    NOTE = "note"  # nothing is wrong; somebody may want to know


class Scope(StrEnum):
    """What a rule is about, and so what a quarantine sets aside."""

    TABLE = "table"
    SERIES = "series"
    ROWS = "rows"  # single rows: they count as not observed, their series go on


Comparison = Literal["at most", "at least", "above", "exactly", ""]


class Part(BaseModel):
    """A frozen part of a verdict that JSON carries without loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Finding(Part):
    """One way in which a table breaks its contract.

    Attributes:
        contract: Name of the contract, such as `observations`.
        expectation: Name of the rule.
        scope: What the rule is about.
        column: Column of the table that the rule looks at, None where it is the whole table.
        unique_id: The series that a quarantine is about, None where all are meant.
        value: What was found, None where it is no number.
        bound: What was accepted at the most or at the least, None where it is no number.
        sentence: What is wrong, what is accepted and what to do, for a person.
    """

    contract: str
    expectation: str
    severity: Severity
    scope: Scope = Scope.TABLE
    column: str | None = None
    unique_id: str | None = None
    value: float | None = None
    bound: float | None = None
    sentence: str

    @field_validator("value", "bound")
    @classmethod
    def _not_a_number_is_none(cls, number: float | None) -> float | None:
        return None if number is None or math.isnan(number) else number


class Check(Part):
    """One rule that was checked.

    Attributes:
        expectation: Name of the rule.
        title: The rule in words, with its bounds.
        contract: Name of the contract that it belongs to, empty where nobody noted it.
        scope: What the rule is about.
        comparison: How a value has to lie to the bound.
        bound: The threshold in the unit of the rule, None where it is no number.
        setting: Key of the spec's `contracts` that moves the bound, empty where none does.
        offending: How many rows break it; a rule about the whole table counts as one.
        examples: The first series that break it and that no other rule explains, where it is not
            about the whole table.
    """

    expectation: str
    title: str
    severity: Severity
    contract: str = ""
    scope: Scope = Scope.TABLE
    comparison: Comparison = ""
    bound: float | None = None
    setting: str = ""
    passed: bool
    offending: int = 0
    examples: tuple[str, ...] = ()


UNREADABLE = "readable"  # the rule that a source breaks which reading refuses


class Verdict(Part):
    """The outcome of one contract, or of several merged.

    A failed check has no finding of its own where another finding explains it: of a series that
    was never observed nobody wants to read that its history is short, too.

    Attributes:
        ended: Series that have been silent for so long that they are over: neither forecast nor
            counted.
        schema_version: Of its JSON; 2 since findings and checks have a scope.
    """

    schema_version: int = 2
    contract: str
    checked: tuple[Check, ...]
    findings: tuple[Finding, ...] = ()
    ended: tuple[str, ...] = ()

    @property
    def status(self) -> Literal["passed", "warning", "quarantine", "critical"]:
        """The gravest thing that was found."""
        if self.critical:
            return "critical"
        if self._found(Severity.QUARANTINE):
            return "quarantine"
        return "warning" if self.warnings else "passed"

    @property
    def critical(self) -> tuple[Finding, ...]:
        """What stops the night."""
        return self._found(Severity.CRITICAL)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What a person should know."""
        return self._found(Severity.WARNING)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What somebody may want to know, though nothing is wrong."""
        return self._found(Severity.NOTE)

    @property
    def rows_aside(self) -> tuple[Finding, ...]:
        """Single rows that are set aside: one finding per rule and series."""
        aside = self._found(Severity.QUARANTINE)
        return tuple(finding for finding in aside if finding.scope is Scope.ROWS)

    @property
    def rows_aside_told(self) -> tuple[str, ...]:
        """Of each rule that set single rows aside one sentence: its first series, how many more."""
        by_rule: dict[str, list[Finding]] = {}
        for finding in self.rows_aside:
            by_rule.setdefault(finding.expectation, []).append(finding)
        return tuple(
            f"{first.sentence.removesuffix('.')}; so in {len(more) + 1:,} series."
            if more
            else first.sentence
            for first, *more in by_rule.values()
        )

    @property
    def quarantined(self) -> dict[str, list[Finding]]:
        """The series that are set aside, each with its reasons, in the order of the table."""
        reasons: dict[str, list[Finding]] = {}
        for finding in self._found(Severity.QUARANTINE):
            if finding.scope is not Scope.ROWS:
                reasons.setdefault(str(finding.unique_id), []).append(finding)
        return reasons

    @property
    def unserved(self) -> set[str]:
        """Series that no model in service forecasts: set aside, or ended."""
        return {*self.quarantined, *self.ended}

    @classmethod
    def of_refusal(cls, refusal: RefusedError) -> Self:
        """The verdict on observations that reading refused: one critical finding."""
        known: dict[str, Any] = {
            "contract": "observations",
            "expectation": UNREADABLE,
            "severity": Severity.CRITICAL,
        }
        title = "the source can be read, and has the columns of the spec, each of its type"
        return cls(
            contract="observations",
            checked=(Check(**known, title=title, passed=False, offending=1),),
            findings=(Finding(**known, sentence=str(refusal)),),
        )

    def merge(self, *others: Self) -> Self:
        """This verdict and others as one.

        >>> seen = Verdict(contract="observations", checked=())
        >>> seen.merge(Verdict(contract="forecasts", checked=())).contract
        'observations, forecasts'
        """
        verdicts = [self, *others]
        names = dict.fromkeys(verdict.contract for verdict in verdicts)
        return type(self)(
            contract=", ".join(names),
            checked=tuple(check for verdict in verdicts for check in verdict.checked),
            findings=tuple(finding for verdict in verdicts for finding in verdict.findings),
            ended=tuple(name for verdict in verdicts for name in verdict.ended),
        )

    def raise_if_critical(self) -> None:
        """Stop here if the contract is broken.

        Raises:
            ContractError: With one sentence per critical finding.
        """
        if self.critical:
            raise ContractError(self.contract, [finding.sentence for finding in self.critical])

    def to_json(self) -> str:
        """The verdict as text; `from_json` gives back an equal one."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            VersionError: If a newer Nightcast wrote it.
            ValueError: If the text is no verdict.
        """
        return read_document(cls, text)

    def _found(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)
