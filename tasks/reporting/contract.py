"""The contract of a night as people see it: on the page, in the Prefect UI, on the terminal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from data_contracts.forecasts import NAME as FORECASTS
from data_contracts.history import History, Mark, Spell, Trace, rule_key
from data_contracts.verdicts import Check, Finding, Scope, Severity, Verdict
from tasks.reporting.formats import count, local_day

MAX_SENTENCES = 3  # per rule
MAX_NAMES = 5  # series named in a sentence
SIGNS = {"at most": "≤", "at least": "≥", "above": ">", "exactly": "=", "": ""}
GROUPS = ("All series together", "Each series", "Single rows", "The batch of forecasts")
# Each has a shape of its own, so that nobody needs the colours.
SYMBOLS = {
    Mark.KEPT: "·",
    Mark.NOTE: "○",
    Mark.WARNING: "▲",
    Mark.QUARANTINE: "■",
    Mark.CRITICAL: "✗",
    Mark.EXPLAINED: "–",
    Mark.UNCHECKED: "_",
}
MEANINGS = {
    Mark.KEPT: "kept",
    Mark.NOTE: "worth a note",
    Mark.WARNING: "warning",
    Mark.QUARANTINE: "set aside",
    Mark.CRITICAL: "stopped the night",
    Mark.EXPLAINED: "broken because of another rule",
    Mark.UNCHECKED: "not checked",
}
FOLLOWS = {
    Mark.CRITICAL: ("stops the night", "stop the night"),
    Mark.QUARANTINE: ("sets something aside", "set something aside"),
    Mark.WARNING: ("warning", "warnings"),
    Mark.NOTE: ("note", "notes"),
    Mark.EXPLAINED: ("broken because of another", "broken because of others"),
}


@dataclass(frozen=True)
class RuleRow:
    """One rule and what became of it.

    Attributes:
        check: The rule.
        group: What it is about, one of `GROUPS`.
        mark: What became of it tonight.
        threshold: Such as `≤ 48`, empty where it has none.
        sentences: The first things that were found, each with a full stop.
        num_hidden: How many more were found.
        trace: What became of it on the last nights.
        since: Since when it is broken, empty where it is not.
    """

    check: Check
    group: str
    mark: Mark
    threshold: str
    sentences: tuple[str, ...]
    num_hidden: int
    trace: Trace
    since: str

    @property
    def offending(self) -> int:
        """How many rows break it tonight."""
        return self.trace.offending[-1]

    @property
    def strip(self) -> str:
        """The last nights as text, one character each, tonight at the end."""
        return strip(self.trace.marks)

    @property
    def spoken(self) -> str:
        """The last nights for somebody who does not see the strip."""
        kept = sum(mark is Mark.KEPT for mark in self.trace.marks)
        return f"kept on {kept} of {count(len(self.trace.marks), 'night')}, broken on " + str(
            self.trace.num_broken
        )


class AsideRow(NamedTuple):
    """Something that is set aside, the whole series or single rows of it."""

    unique_id: str
    since: str
    is_new: bool
    reason: str


class Night(NamedTuple):
    """One mark of a strip with the words that explain it."""

    mark: str
    words: str


@dataclass(frozen=True)
class ContractView:
    """What there is to see of the contracts of one night.

    Attributes:
        rules: Every rule that was checked: the broken ones first, the gravest of them at the top,
            then those that others explain, then the kept ones.
        series: Series that are set aside, the latest first.
        rows: Series of which single rows are set aside.
        history: The last nights.
        ended: Series that are over.
        timezone: Zone in which days are counted.
    """

    rules: tuple[RuleRow, ...]
    series: tuple[AsideRow, ...]
    rows: tuple[AsideRow, ...]
    history: History
    ended: tuple[str, ...]
    timezone: str

    @property
    def broken(self) -> list[RuleRow]:
        """Rules that something was found about, the gravest first."""
        return [row for row in self.rules if row.mark.is_told]

    @property
    def others(self) -> list[tuple[str, list[RuleRow]]]:
        """The remaining rules by group."""
        rest = [row for row in self.rules if not row.mark.is_told]
        groups = [(group, [row for row in rest if row.group == group]) for group in GROUPS]
        return [(group, rows) for group, rows in groups if rows]

    @property
    def summary(self) -> str:
        """How many rules were checked, and how it went, in one sentence."""
        marks = Counter(row.mark for row in self.rules)
        kept = f"{marks[Mark.KEPT]} of {count(len(self.rules), 'rule')} kept"
        others = [count(marks[mark], *words) for mark, words in FOLLOWS.items() if marks[mark]]
        return "; ".join(filter(None, [kept, ", ".join(others)]))

    def nights(self, row: RuleRow) -> list[Night]:
        """The marks of a rule on the last nights, each with the day and what happened."""
        each = zip(self.history.nights, row.trace.marks, row.trace.offending, strict=True)
        return [
            Night(mark.value, f"{local_day(night, self.timezone)}: {_told(mark, offending)}")
            for night, mark, offending in each
        ]


def contract_view(verdicts: Sequence[Verdict], history: History, *, timezone: str) -> ContractView:
    """Gather what people see of the contracts of one night.

    Args:
        verdicts: What was found, per contract.
        history: The last nights up to this one.
        timezone: Zone in which days are counted.
    """
    rows = [_rule_row(check, one, history, timezone) for one in verdicts for check in one.checked]
    order = [Mark(severity.value) for severity in Severity]
    order += [Mark.EXPLAINED, Mark.UNCHECKED, Mark.KEPT]
    return ContractView(
        rules=tuple(sorted(rows, key=lambda row: order.index(row.mark))),
        series=_series_aside(verdicts, history, timezone),
        rows=tuple(
            AsideRow(str(finding.unique_id), "", is_new=False, reason=reason_of(finding))
            for one in verdicts
            for finding in one.rows_aside
        ),
        history=history,
        ended=tuple(name for one in verdicts for name in one.ended),
        timezone=timezone,
    )


def strip(marks: Iterable[Mark]) -> str:
    """Nights as text, one character each.

    >>> strip([Mark.KEPT, Mark.WARNING, Mark.CRITICAL])
    '·▲✗'
    """
    return "".join(SYMBOLS[mark] for mark in marks)


def legend(rows: Iterable[RuleRow]) -> list[tuple[Mark, str, str]]:
    """The marks that occur, each with its symbol and its meaning."""
    there = {mark for row in rows for mark in row.trace.marks}
    return [(mark, SYMBOLS[mark], MEANINGS[mark]) for mark in Mark if mark in there]


def threshold(check: Check) -> str:
    """The bound of a rule with its sign, empty where it has none.

    >>> threshold(Check(expectation="fresh", title="", severity=Severity.CRITICAL, passed=True,
    ...                 comparison="at most", bound=1234.5))
    '≤ 1,234.5'
    """
    if check.bound is None or not check.comparison:
        return ""
    return f"{SIGNS[check.comparison]} {check.bound:,.6g}"


def since(spell: Spell | None, timezone: str) -> str:
    """How long something has been wrong, in words.

    >>> import pandas as pd
    >>> night = pd.Timestamp("2013-12-03T12:00Z")
    >>> since(Spell(night, 1, is_open=False), "UTC"), since(Spell(night, 5, is_open=False), "UTC")
    ('new tonight', '5 nights, since Tue 3 Dec 2013')
    >>> since(Spell(night, 5, is_open=True), "UTC"), since(Spell(night, 1, is_open=True), "UTC")
    ('5 nights, since Tue 3 Dec 2013 or longer', 'tonight, not checked before')
    """
    if spell is None:
        return ""
    if spell.num_nights == 1:
        return "tonight, not checked before" if spell.is_open else "new tonight"
    day = local_day(spell.since, timezone)
    begun = f"since {day} or longer" if spell.is_open else f"since {day}"
    return f"{count(spell.num_nights, 'night')}, {begun}"


def reason_of(finding: Finding) -> str:
    """The sentence of a finding without the name of its series in front."""
    return finding.sentence.removeprefix(f"{finding.unique_id}: ")


def _rule_row(check: Check, verdict: Verdict, history: History, timezone: str) -> RuleRow:
    key = rule_key(check, verdict)
    trace = history.rules[key]
    found = [f for f in verdict.findings if (f.contract, f.expectation) == key]
    sentences = _sentences(check, found)
    return RuleRow(
        check=check,
        group=_group(check, key[0]),
        mark=trace.marks[-1],
        threshold=threshold(check),
        sentences=tuple(sentences[:MAX_SENTENCES]),
        num_hidden=max(0, len(sentences) - MAX_SENTENCES),
        trace=trace,
        since=since(trace.spell, timezone),
    )


def _group(check: Check, contract: str) -> str:
    if contract == FORECASTS:
        return GROUPS[-1]
    return GROUPS[list(Scope).index(check.scope)]


def _sentences(check: Check, found: Sequence[Finding]) -> list[str]:
    """What was found; of what is set aside the first reason, and where else it was found."""
    aside = [finding for finding in found if finding.severity is Severity.QUARANTINE]
    if len(aside) > 1:
        names = [str(finding.unique_id) for finding in aside]
        return [aside[0].sentence, f"{len(names):,} series: {_named(names, len(names))}."]
    told = [finding.sentence for finding in found]
    if told and not aside and len(check.examples) > 1:
        told.append(f"Series: {_named(check.examples, check.offending)}.")
    return told


def _named(names: Sequence[str], num_all: int) -> str:
    """The first few names, and how many more there are."""
    first = ", ".join(names[:MAX_NAMES])
    more = num_all - min(len(names), MAX_NAMES)
    return f"{first} and {more:,} more" if more > 0 else first


def _series_aside(
    verdicts: Sequence[Verdict], history: History, timezone: str
) -> tuple[AsideRow, ...]:
    reasons = {name: found for one in verdicts for name, found in one.quarantined.items()}
    latest = sorted(reasons, key=lambda name: history.series[name].since, reverse=True)
    return tuple(
        AsideRow(
            name,
            since(history.series[name], timezone),
            is_new=_is_new(history.series[name]),
            reason=" ".join(map(reason_of, reasons[name])),
        )
        for name in latest
    )


def _is_new(spell: Spell) -> bool:
    return spell.num_nights == 1 and not spell.is_open


def _told(mark: Mark, offending: int) -> str:
    return f"{MEANINGS[mark]}, {offending:,} broke it" if mark.is_told else MEANINGS[mark]
