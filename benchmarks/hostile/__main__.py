"""Hostile data: what a night makes of input that is spoilt in every way we know of.

    python -m benchmarks.hostile [--quick] [--json] [--only WORDS]

Each way of a catalogue is made by code from the sample, read and judged as `nightcast check` does,
and held against the verdict that it has to get. Then a whole night of each must publish a batch
that is whole, or none. Clean data must raise no alarm on 120 nights, nor on those of thirty
plausible businesses; what is not known at `as_of` must change no byte, and the contract must cost
little beside the read.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.hostile import calm, speed, unseen
from benchmarks.hostile.businesses import BUSINESSES, STOPS, alarms
from benchmarks.hostile.catalogue import CASES
from benchmarks.hostile.material import Case, write
from benchmarks.hostile.nights import spend_night
from benchmarks.hostile.outcomes import BROKEN, Judged, check, judge
from benchmarks.report import Figure, Listing, publish

LEAST_CASES = 60


def main() -> int:
    """Spoil, judge, print, and say by the exit status whether anything falls short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the checks alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default="", help="the ways whose name has these words")
    options = parser.parse_args()
    chosen = [case for case in CASES if options.only in case.name]
    begun = time.perf_counter()
    found = list(judged(chosen, nights=not options.quick))
    seconds = (time.perf_counter() - begun) / max(1, len(chosen))
    figures = [*of_catalogue(found, seconds), *([] if options.quick else of_nights(found))]
    if not options.quick and not options.only:
        figures += [*of_calm_nights(), *of_businesses(), *of_what_is_unseen(), *speed.figures()]
    return publish("hostile data", figures, as_json=options.json, listings=[table(found)])


def judged(cases: Sequence[Case], *, nights: bool) -> Iterator[Judged]:
    """Run the cases one after the other, each in a folder of its own."""
    for case in cases:
        with TemporaryDirectory(prefix="nightcast-hostile-") as name:
            spec = write(case, Path(name))
            outcome = check(case, spec)
            trouble = spend_night(case, spec, Path(name), outcome) if nights else []
            found = judge(case, outcome, trouble)
        yield replace(found, outcome=replace(outcome, known=None))  # panels take memory


def of_catalogue(found: Sequence[Judged], seconds: float) -> list[Figure]:
    """What the checks came to."""
    silent = [each for each in found if each.outcome.verdict == "passed" and each.case.is_wrong]
    broken = [each for each in found if each.outcome.verdict == BROKEN]
    return [
        Figure("ways to spoil the input", len(found), "", LEAST_CASES, higher_is_better=True),
        Figure("other verdicts than expected", sum(bool(each.complaints) for each in found), "", 0),
        Figure("wrong data passed silently", len(silent), "", 0),
        Figure("tracebacks", len(broken), "", 0),
        Figure("each way", seconds, "s"),
    ]


def of_nights(found: Sequence[Judged]) -> list[Figure]:
    """What the nights came to."""
    troubled = [each for each in found if each.trouble]
    return [
        Figure("nights", len(found)),
        Figure("nights that published wrongly, or did not tell", len(troubled), "", 0),
    ]


def of_calm_nights() -> list[Figure]:
    """Alarms on clean data."""
    alarms = calm.alarms()
    name = ", ".join(alarms) or "alarms"
    return [
        Figure("nights of clean data", calm.NIGHTS),
        Figure(f"{name} on them", sum(alarms.values()), "", 0),
    ]


def of_businesses() -> list[Figure]:
    """Alarms on clean data that is plausible and difficult; some warnings are part of it."""
    nights = [told for business in BUSINESSES for told in alarms(business)]
    stopped = [told for told in nights if any(severity in STOPS for severity, _ in told)]
    warned = [told for told in nights if any(severity == "warning" for severity, _ in told)]
    return [
        Figure("plausible businesses", len(BUSINESSES)),
        Figure("nights of them", len(nights)),
        Figure("nights stopped, or with something set aside", len(stopped), "", 0),
        Figure("nights with a warning", len(warned), "", len(nights) // 50),
    ]


def of_what_is_unseen() -> list[Figure]:
    """Whether what is not known at `as_of` changes anything."""
    changed = list(unseen.perturbations(rounds=2))
    return [
        Figure("perturbations of what is not known yet", len(changed)),
        Figure("snapshots and profiles that they change", sum(changed), "", 0),
    ]


def table(found: Sequence[Judged]) -> Listing:
    """A row per case; the last column says what falls short."""
    rows = [
        (
            each.case.name,
            each.case.words,
            each.case.expected.verdict,
            each.outcome.verdict,
            ", ".join(sorted(each.outcome.rules)),
            "; ".join((*each.complaints, *each.trouble)),
        )
        for each in found
    ]
    columns = ("way to spoil", "what was done", "expected", "came", "who spoke", "falls short")
    return Listing("what came of each way", columns, rows)


if __name__ == "__main__":
    sys.exit(main())
