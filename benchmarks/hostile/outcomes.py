"""What came of a case, beside what had to."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.hostile.material import PASSED, Case, Cut, write
from data_contracts.errors import NightcastError
from data_contracts.spec import Spec
from data_contracts.verdicts import Finding, Verdict
from models.panel import Panel
from tasks.stores.observations import Extraction, read_observations

BROKEN = "traceback"
ARRAYS = ("indptr", "y", "observed", "past", "known", "static")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one case.

    Attributes:
        verdict: As in `Expected`, or `traceback`.
        rules: Who spoke so gravely.
        series: Those that were set aside, or whose rows were.
        sentence: The first that a person would read.
        contract: All that was said, None where the files were refused.
        known: What was read, likewise.
    """

    verdict: str
    rules: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    sentence: str = ""
    contract: Verdict | None = None
    known: Extraction | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """A case and what came of it.

    Attributes:
        complaints: In which ways the verdict is another than expected.
        trouble: In which ways its night did not do what it has to.
    """

    case: Case
    outcome: Outcome
    complaints: tuple[str, ...]
    trouble: tuple[str, ...] = ()


def check(case: Case, spec: Spec) -> Outcome:
    """Read and judge what was written, as `nightcast check` does."""
    try:
        known = read_observations(spec, case.cut.as_of)
        contract = known.judged(spec)
    except NightcastError as error:
        return Outcome("refused", sentence=str(error))
    except Exception as error:  # whatever it is, a person would see a traceback
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        return Outcome(BROKEN, sentence=told.replace("\n", " "))
    return _outcome(contract, known)


def judge(case: Case, outcome: Outcome, trouble: Sequence[str] = ()) -> Judged:
    """Hold the outcome of a case against what was expected of it.

    Args:
        case: What was spoilt, and what has to come of it.
        outcome: What came of it.
        trouble: What its night did wrong.
    """
    expected, complaints = case.expected, []
    if outcome.verdict != expected.verdict:
        complaints.append(f"{outcome.verdict} and not {expected.verdict}")
    elif outcome.verdict == "refused":
        unsaid = [words for words in expected.rules if words not in outcome.sentence]
        complaints += [f"the sentence does not say {words!r}" for words in unsaid]
    else:
        silent = set(expected.rules) - outcome.rules
        strange = outcome.rules - set(expected.rules) - set(expected.beside)
        complaints += [f"{name} is silent" for name in sorted(silent)]
        complaints += [f"{name} speaks too" for name in sorted(strange)]
        complaints += _other_series(expected.series, outcome.series)
    if case.same_panel and outcome.known and not _same(outcome.known.panel, _clean(case.cut)):
        complaints.append("the panel is not that of clean data")
    return Judged(case, outcome, tuple(complaints), tuple(trouble))


def run(case: Case) -> Judged:
    """Spoil, read, judge."""
    with TemporaryDirectory(prefix="nightcast-hostile-") as name:
        return judge(case, check(case, write(case, Path(name))))


def _outcome(contract: Verdict, known: Extraction) -> Outcome:
    gravest = min((_gravity(finding) for finding in contract.findings), default="passed")
    verdict = gravest.partition(" ")[2] or gravest
    told = [finding for finding in contract.findings if _gravity(finding) == gravest]
    return Outcome(
        verdict=verdict,
        rules=frozenset(finding.expectation for finding in told),
        series=frozenset(f.unique_id for f in told if f.unique_id and verdict in ASIDE),
        sentence=told[0].sentence if told else "",
        contract=contract,
        known=known,
    )


ASIDE = ("quarantine", "rows")
GRAVITY = ("critical", "quarantine", "rows", "warning", "note")


def _gravity(finding: Finding) -> str:
    """A word that sorts by gravity, such as `2 rows`."""
    aside = finding.severity.value == "quarantine"
    word = "rows" if aside and finding.scope == "rows" else finding.severity.value
    return f"{GRAVITY.index(word)} {word}"


def _other_series(expected: frozenset[str], found: frozenset[str]) -> list[str]:
    if not expected or expected == found:
        return []
    return [f"aside are {', '.join(sorted(found))} and not {', '.join(sorted(expected))}"]


@cache
def _clean(cut: Cut) -> Panel:
    """The panel of clean data."""
    case = Case("clean", "nothing was done", PASSED, cut=cut)
    with TemporaryDirectory(prefix="nightcast-hostile-") as name:
        return read_observations(write(case, Path(name)), cut.as_of).panel


def _same(panel: Panel, other: Panel) -> bool:
    """Whether two panels hold the same, NaN included."""
    return panel.unique_ids == other.unique_ids and all(
        _equal(getattr(panel, name), getattr(other, name)) for name in ARRAYS
    )


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    nan_too = np.issubdtype(one.dtype, np.floating)
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=nan_too)
