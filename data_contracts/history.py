"""What became of each rule, and of each series that is set aside, on the nights before.

A night counts for what it can tell. One on which a rule was not checked, or was broken only because
another one was, neither ends a run of nights on which that rule was broken nor makes it longer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd

from data_contracts.verdicts import Check, Severity, Verdict

NIGHTS_SHOWN = 30


class Mark(StrEnum):
    """What became of a rule on one night; a rule that is broken has the word of its severity."""

    KEPT = "kept"
    NOTE = "note"
    WARNING = "warning"
    QUARANTINE = "quarantine"
    CRITICAL = "critical"
    EXPLAINED = "explained"  # broken, but only because another rule was
    UNCHECKED = "unchecked"

    @property
    def is_told(self) -> bool:
        """Whether the rule was broken, and a finding said so."""
        return self in (Mark.NOTE, Mark.WARNING, Mark.QUARANTINE, Mark.CRITICAL)


@dataclass(frozen=True)
class Spell:
    """A run of nights without a break.

    Attributes:
        since: Cutoff of the first of them.
        num_nights: How many nights told of it.
        is_open: Whether it reaches back to the first night that is known, and maybe further.
    """

    since: pd.Timestamp
    num_nights: int
    is_open: bool


@dataclass(frozen=True)
class Trace:
    """What became of one rule.

    Attributes:
        marks: One per night of the history, the oldest first.
        offending: How many rows broke it on each of these nights; of a quarantine, how many were
            set aside because of it.
        spell: How long it has been broken, None where it is not broken tonight.
    """

    marks: tuple[Mark, ...]
    offending: tuple[int, ...]
    spell: Spell | None = None

    @property
    def num_broken(self) -> int:
        """On how many of the nights it was broken."""
        return sum(mark.is_told for mark in self.marks)


@dataclass(frozen=True)
class History:
    """The last nights, tonight included.

    Attributes:
        nights: Their cutoffs, the oldest first; the last one is tonight.
        rules: What became of each rule that was checked tonight, by contract and name.
        series: How long each series that is set aside tonight has been so.
        returned: Series that were set aside before and are not any more.
        passed_over: Nights whose record says nothing, each with the reason.
    """

    nights: tuple[pd.Timestamp, ...]
    rules: Mapping[tuple[str, str], Trace]
    series: Mapping[str, Spell] = field(default_factory=dict)
    returned: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


def trace_nights(
    verdicts: Mapping[pd.Timestamp, Verdict], *, passed_over: Sequence[str] = ()
) -> History:
    """Follow rules and series through the nights, back from the newest one.

    Args:
        verdicts: What was found on each night, by cutoff; at least one. All of them say since when,
            and the last `NIGHTS_SHOWN` are kept as marks.
        passed_over: Nights that could not be read, for people.
    """
    nights = tuple(sorted(verdicts))
    seen = [_outcomes(verdicts[night]) for night in nights]
    aside = [_series_aside(verdicts[night]) for night in nights]
    tonight = verdicts[nights[-1]]
    return History(
        nights=nights[-NIGHTS_SHOWN:],
        rules={key: _trace(key, seen, nights) for key in seen[-1]},
        series={name: _series_spell(name, aside, nights) for name in tonight.quarantined},
        returned=_returned(aside, tonight),
        passed_over=tuple(passed_over),
    )


def rule_key(check: Check, verdict: Verdict) -> tuple[str, str]:
    """By what a rule is known from night to night."""
    return (check.contract or verdict.contract, check.expectation)


def _outcomes(verdict: Verdict) -> dict[tuple[str, str], tuple[Mark, int]]:
    """What became of every rule on one night, and how many rows broke it."""
    gravity = list(Severity)
    gravest: dict[tuple[str, str], Severity] = {}
    aside: Counter[tuple[str, str]] = Counter()
    for finding in verdict.findings:
        key = (finding.contract, finding.expectation)
        known = gravest.setdefault(key, finding.severity)
        gravest[key] = min(known, finding.severity, key=gravity.index)
        aside[key] += finding.severity is Severity.QUARANTINE
    outcomes = {}
    for check in verdict.checked:
        key = rule_key(check, verdict)
        told = gravest.get(key)
        broken = Mark.EXPLAINED if told is None else Mark(told.value)
        outcomes[key] = (
            Mark.KEPT if check.passed else broken,
            aside[key] or check.offending,
        )
    return outcomes


def _series_aside(verdict: Verdict) -> set[str] | None:
    """Which series were set aside, None on a night that stopped before that meant anything."""
    return None if verdict.critical else set(verdict.quarantined)


def _returned(aside: Sequence[set[str] | None], tonight: Verdict) -> tuple[str, ...]:
    """Series that the last night which could tell had set aside, and tonight does not."""
    if tonight.critical:
        return ()
    before = next((names for names in reversed(aside[:-1]) if names is not None), set[str]())
    return tuple(sorted(before - tonight.unserved))


def _trace(
    key: tuple[str, str],
    seen: Sequence[Mapping[tuple[str, str], tuple[Mark, int]]],
    nights: Sequence[pd.Timestamp],
) -> Trace:
    each = [outcomes.get(key, (Mark.UNCHECKED, 0)) for outcomes in seen]
    marks = [mark for mark, _ in each]
    shown = each[-NIGHTS_SHOWN:]
    spell = _spell(_states(marks), nights) if marks[-1].is_told else None
    return Trace(tuple(mark for mark, _ in shown), tuple(count for _, count in shown), spell)


def _states(marks: Iterable[Mark]) -> list[bool | None]:
    """Whether a rule was broken, None where a night does not tell."""
    silent = (Mark.EXPLAINED, Mark.UNCHECKED)
    return [None if mark in silent else mark.is_told for mark in marks]


def _series_spell(
    name: str, aside: Sequence[set[str] | None], nights: Sequence[pd.Timestamp]
) -> Spell:
    states = [None if names is None else name in names for names in aside]
    return _spell([*states[:-1], True], nights)


def _spell(states: Sequence[bool | None], nights: Sequence[pd.Timestamp]) -> Spell:
    """The run of nights that ends with the last one, which is part of it."""
    since, num_nights = nights[-1], 0
    for state, night in zip(reversed(states), reversed(nights), strict=True):
        if state is False:
            return Spell(since, num_nights, is_open=False)
        if state:
            since, num_nights = night, num_nights + 1
    return Spell(since, num_nights, is_open=len(nights) > 1)
