"""The gate: promote a challenger on evidence, never on noise, and say why in one sentence.

The loss of a window is its pinball loss over the scale of MASE: the first judges the quantiles that
are published, the second lets every series count the same. `models.gate.evidence` says how far the
losses of two contenders in the same windows differ beyond chance.

A challenger is promoted if it is better than the champion and better than the baseline beyond
doubt, and breaks no guardrail. A champion past its maximum age may be replaced by an equal: by one
that is beyond doubt not worse by more than a margin. A champion that is worse than the baseline
beyond doubt has to go. Where nothing can be judged, all stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from data_contracts.vocabulary import BASELINE, CHAMPION
from models import scores
from models.gate.evaluation import Losses, summary
from models.gate.evidence import Chance, Gain, gain, window_weights
from models.panel import Bools
from models.scores import Doubles

MIN_ORIGINS = 5
MIN_WINDOWS = 28  # of a segment: fewer, such as one series over a fortnight, may be chance


@dataclass(frozen=True)
class Rules:
    """What counts as evidence.

    Guardrails compare with who would publish otherwise: the champion, or else the baseline. Whoever
    is out of bounds but closer to them than that one passes, because nothing gets worse by it.

    Attributes:
        levels: Quantile levels that are published; contenders scored on others are out.
        alpha: Accepted probability of promoting a challenger that is no better; several
            challengers share it (Bonferroni).
        min_gain: Least gain over the champion that is worth a change. Two trainings that differ in
            nothing but their seed are up to this far apart for good.
        margin: Relative loss by which the successor of an overdue champion may be worse.
        overdue: Whether the champion is past its maximum age.
        min_coverage: Least coverage of the widest central interval, relative to its nominal one.
        min_missed: Least share of actuals outside that interval, relative to its nominal one.
        max_bias: Mean error of the median per unit of mean |y| that it may be further from 0.
        max_worst_tenth: Mean loss of the tenth of series where it is highest, relative.
        max_segment: Mean loss of a segment, relative; worse beyond doubt has to be shown too.
        seed: Where the resampling starts.
        resamples: Number of resampled histories.
    """

    levels: tuple[float, ...]
    alpha: float = 0.05
    min_gain: float = 0.015
    margin: float = 0.02
    overdue: bool = False
    min_coverage: float = 0.8
    min_missed: float = 0.25
    max_bias: float = 0.1
    max_worst_tenth: float = 1.2
    max_segment: float = 1.2
    seed: int = 7
    resamples: int = 2000


Outcome = Literal["promoted", "kept", "blocked", "baseline"]


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        outcome: As in `data_contracts.night.Decision`.
        contender: Who publishes tonight: the name of a promoted challenger, `champion` or
            `baseline`.
        reason: One sentence with the numbers.
        origins: Number of unseen origins that were judged.
        numbers: What the sentence rests on, such as `attention_lstm.gain_over_champion`.
        rejected: Why each of the other challengers was not promoted.
        unjudged: Challengers that could not be judged tonight, and shall be another night.
    """

    outcome: Outcome
    contender: str
    reason: str
    origins: int
    numbers: dict[str, float]
    rejected: dict[str, str]
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Entry:
    """What a contender brings to the comparison."""

    name: str
    scaled: Doubles  # loss of each window over its scale, NaN where not judged, shape (S, O)
    coverage: float
    bias: float

    @property
    def loss(self) -> float:
        return _mean(self.scaled)

    @property
    def worst_tenth(self) -> float:
        """Mean loss of the tenth of series where it is highest, at least one."""
        judged = ~np.isnan(self.scaled)
        of_series = scores.observed_mean(self.scaled, judged)[judged.any(axis=1)]
        return float(np.sort(of_series)[-_tenth(len(of_series)) :].mean())


class _Fault(NamedTuple):
    """Why losses cannot be compared, and whether they may be another night."""

    why: str
    passing: bool


def decide(
    challengers: Mapping[str, Losses],
    champion: Losses | None,
    baseline: Losses,
    rules: Rules,
    segments: Mapping[str, Sequence[str]] = {},
) -> Verdict:
    """Compare all contenders on the same windows and choose who publishes.

    Never raises for odd losses: whoever cannot be compared is out, with a reason.

    Args:
        challengers: Losses by name of the forecaster, or by any other label.
        champion: Losses of the forecaster in service, None without one.
        baseline: Losses of the baseline.
        rules: What counts as evidence.
        segments: By name of a static column, the label of every series, `S` of them.
    """
    faults = {name: _fault(losses, baseline, rules) for name, losses in challengers.items()}
    fault = _fault(champion, baseline, rules) if champion else _Fault("", passing=False)
    judged = _judged(baseline)
    doubt = _no_judgement(baseline, judged, rules)
    if fault.passing and not doubt:
        doubt = f"the champion {fault.why}"
    unfit = "there is no champion" if champion is None else ""
    if fault.why and not fault.passing:
        unfit = f"the champion {fault.why}"
    if doubt:
        return _unjudged(doubt, unfit, faults, int(judged.any(axis=0).sum()))
    trial = _Trial(_entry(BASELINE, baseline, baseline, judged), baseline, rules, segments)
    trial.share(len(challengers))
    if champion is not None and not unfit:
        unfit = trial.seat(_entry(CHAMPION, champion, baseline, judged))
    for name, losses in challengers.items():
        if faults[name].passing:
            trial.adjourn(name, faults[name].why)
        elif faults[name].why:
            trial.block(name, faults[name].why)
        else:
            trial.hear(_entry(name, losses, baseline, judged))
    return trial.verdict(unfit)


class _Trial:
    """One night's comparison, filled contender by contender."""

    def __init__(
        self,
        reference: _Entry,
        baseline: Losses,
        rules: Rules,
        segments: Mapping[str, Sequence[str]],
    ) -> None:
        self.rules = rules
        self.alpha = rules.alpha
        self.references = [reference]  # the champion comes first once it is seated
        judged = ~np.isnan(reference.scaled)
        self.num_origins = int(judged.any(axis=0).sum())
        self.chance = Chance(_block_length(baseline, judged), rules.resamples, rules.seed)
        needed = _needed(self.chance.block_length)
        self.segments = _segments(segments, judged, needed=needed)
        self.numbers = {f"{BASELINE}.loss": reference.loss}
        self.passed: dict[str, tuple[float, str]] = {}
        self.rejected: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.unjudged: dict[str, str] = {}

    def share(self, rivals: int) -> None:
        """Let several challengers share the accepted probability (Bonferroni)."""
        self.alpha = self.rules.alpha / max(1, rivals)

    def seat(self, champion: _Entry) -> str:
        """Make the champion a reference, or say why it cannot be one."""
        self._note(champion)
        gained = self._gain(champion, self.references[0], self.rules.alpha)
        if gained.at_most < 0:
            return f"the champion {_versus(gained, BASELINE)}"
        self.references.insert(0, champion)
        return ""

    def hear(self, challenger: _Entry) -> None:
        """Let one challenger pass or reject it."""
        self._note(challenger)
        gains = {r.name: self._gain(challenger, r, self.alpha) for r in self.references}
        against = " and ".join(_versus(gained, name) for name, gained in gains.items())
        lacking = self._lacking(gains)
        guardrail = self._broken_guardrail(challenger)
        if lacking:
            self.rejected[challenger.name] = f"{against}, {lacking}"
        elif guardrail:
            self.block(challenger.name, f"{against}, but {guardrail}")
        else:
            equal = CHAMPION in gains and gains[CHAMPION].at_least <= 0
            enough = ", which is enough to follow a champion past its age" if equal else ""
            self.passed[challenger.name] = challenger.loss, f"{against}{enough}"

    def _lacking(self, gains: Mapping[str, Gain]) -> str:
        """Say what the gains over the references lack; empty if nothing."""
        rules, over_champion = self.rules, gains.get(CHAMPION)
        unproven = "which is no proof of a gain"
        if over_champion is None or gains[BASELINE].at_least <= 0:
            return "" if gains[BASELINE].at_least > 0 else unproven
        if rules.overdue and over_champion.at_least <= -rules.margin:
            return (
                f"so it may be worse by more than {_share(rules.margin)}, the most that is "
                "accepted of who follows a champion past its age"
            )
        if not rules.overdue and over_champion.at_least <= 0:
            return unproven
        if not rules.overdue and over_champion.mean < rules.min_gain:
            return f"less than the {_share(rules.min_gain)} that is worth a change"
        return ""

    def block(self, name: str, fault: str) -> None:
        """Reject a challenger that broke a guardrail."""
        self.rejected[name] = fault
        self.blocked.add(name)

    def adjourn(self, name: str, why: str) -> None:
        """Leave a challenger for another night."""
        self.unjudged[name] = f"{why} and is judged another night"

    def verdict(self, unfit: str) -> Verdict:
        """Choose who publishes.

        Args:
            unfit: Why the champion is not among the references, empty where it is.
        """
        if self.passed:
            best, *others = sorted(self.passed, key=lambda name: self.passed[name][0])
            self.rejected |= dict.fromkeys(others, f"is good enough, but {best} is better")
            return self._verdict("promoted", best, f"{best} {self.passed[best][1]}")
        faults = [f"{name} {fault}" for name, fault in (self.rejected | self.unjudged).items()]
        why = "; ".join(faults) if faults else "there is no challenger"
        if unfit:
            return self._verdict("baseline", BASELINE, f"No forecaster is fit: {unfit}; {why}")
        if self.blocked:
            return self._verdict(
                "blocked", CHAMPION, f"The champion stays, a guardrail broke: {why}"
            )
        return self._verdict("kept", CHAMPION, f"The champion stays: {why}")

    def _verdict(self, outcome: Outcome, contender: str, finding: str) -> Verdict:
        return Verdict(
            outcome=outcome,
            contender=contender,
            reason=f"{finding} (on {self.num_origins} unseen origins).",
            origins=self.num_origins,
            numbers=self.numbers,
            rejected=self.rejected,
            unjudged=tuple(self.unjudged),
        )

    def _note(self, entry: _Entry) -> None:
        self.numbers |= {
            f"{entry.name}.loss": entry.loss,
            f"{entry.name}.worst_tenth": entry.worst_tenth,
            f"{entry.name}.coverage": entry.coverage,
        }
        if np.isfinite(entry.bias):
            self.numbers[f"{entry.name}.bias"] = entry.bias

    def _gain(self, contender: _Entry, reference: _Entry, alpha: float) -> Gain:
        gained = gain(reference.scaled, contender.scaled, self.chance, alpha=alpha)
        about = f"{contender.name}.gain_over_{reference.name}"
        self.numbers |= {
            about: gained.mean,
            f"{about}_at_least": gained.at_least,
            f"{about}_at_most": gained.at_most,
        }
        return gained

    def _broken_guardrail(self, challenger: _Entry) -> str:
        """Say which guardrail a challenger breaks; empty if none."""
        return (
            self._coverage(challenger)
            or self._bias(challenger)
            or self._worst_tenth(challenger)
            or self._worst_segment(challenger)
        )

    def _coverage(self, challenger: _Entry) -> str:
        nominal = scores.nominal_coverage(self.rules.levels)
        least = self.rules.min_coverage * nominal
        most = 1 - self.rules.min_missed * (1 - nominal)
        covers, usual = challenger.coverage, self.references[0].coverage
        told = f"covers {_share(covers)} of the actuals"
        if not covers >= min(least, usual):  # also catches NaN
            return f"{told}, less than {_share(least)}"
        if nominal > 0 and covers > max(most, usual):
            return f"{told}, more than {_share(most)}"
        return ""

    def _bias(self, challenger: _Entry) -> str:
        reference = self.references[0]
        most = abs(reference.bias) + self.rules.max_bias
        if abs(challenger.bias) > most:
            return (
                f"its bias of {_share(challenger.bias)} is further from 0 than the "
                f"{_share(reference.bias)} of the {reference.name} by more than "
                f"{_share(self.rules.max_bias)}"
            )
        return ""

    def _worst_tenth(self, challenger: _Entry) -> str:
        reference, factor = self.references[0], self.rules.max_worst_tenth
        if challenger.worst_tenth > factor * reference.worst_tenth:
            return (
                f"the loss of its worst tenth of series is {challenger.worst_tenth:.3g}, more than "
                f"{factor:g} times the {reference.worst_tenth:.3g} of the {reference.name}"
            )
        return ""

    def _worst_segment(self, challenger: _Entry) -> str:
        """Look at the segments where the loss has grown most, until one is no chance."""
        reference, factor = self.references[0], self.rules.max_segment
        grown = {
            name: _mean(challenger.scaled[inside]) / max(_mean(reference.scaled[inside]), 1e-12)
            for name, inside in self.segments.items()
        }
        if grown:
            self.numbers[f"{challenger.name}.worst_segment"] = max(grown.values())
        for name in sorted(grown, key=lambda name: -grown[name]):
            if grown[name] <= factor:
                break
            inside = self.segments[name]
            gained = gain(
                reference.scaled[inside],
                challenger.scaled[inside],
                self.chance,
                alpha=self.rules.alpha,
            )
            if gained.at_most < 0:
                return (
                    f"its loss on {name} is {grown[name]:.3g} times that of the {reference.name}, "
                    f"more than {factor:g}"
                )
        return ""


def _segments(
    columns: Mapping[str, Sequence[str]], judged: Bools, *, needed: int
) -> dict[str, Bools]:
    """The series of every segment with enough windows and origins, by its name."""
    segments = {}
    for column, labels in columns.items():
        of_series = np.asarray(labels, dtype=str)
        for label in np.unique(of_series):
            inside = of_series == label
            origins = judged[inside].any(axis=0).sum()
            enough = judged[inside].sum() >= MIN_WINDOWS and origins >= needed
            if enough and not inside.all():
                segments[f"{column} {label}"] = inside
    return segments


def _judged(baseline: Losses) -> Bools:
    """Windows that can be compared: something was observed and the scale is known."""
    return (baseline.steps > 0) & (baseline.scale > 0) & np.isfinite(baseline.scale)


def _fault(losses: Losses, baseline: Losses, rules: Rules) -> _Fault:
    """Say why losses cannot be compared with the baseline's; empty if they can."""
    if losses.quantile_levels != rules.levels:
        return _Fault("was scored on other quantile levels", passing=False)
    if losses.horizon != baseline.horizon:
        steps = f"{losses.horizon} steps instead of {baseline.horizon}"
        return _Fault(f"was scored over {steps}", passing=False)
    observed = baseline.steps > 0
    same_series = losses.unique_ids == baseline.unique_ids
    if not (same_series and np.array_equal(losses.origins, baseline.origins)):
        return _Fault("was scored on other windows", passing=True)
    broken = observed & ~np.isfinite(losses.pinball)
    if broken.any():
        windows = f"{broken.sum()} of {observed.sum()} windows"
        return _Fault(f"has losses that are not finite in {windows}", passing=False)
    return _Fault("", passing=False)


def _no_judgement(baseline: Losses, judged: Bools, rules: Rules) -> str:
    """Say why no contender can be judged; empty if they can."""
    num_origins = int(judged.any(axis=0).sum())
    needed = _needed(_block_length(baseline, judged))
    if num_origins < needed:
        return (
            f"the comparable origins are {num_origins}, at least {needed} are needed; a longer "
            "history or more gate.origins give them, unless the series are constant"
        )
    fault = _fault(baseline, baseline, rules).why
    return f"the baseline {fault}" if fault else ""


def _needed(block_length: int) -> int:
    """Origins without which nothing is judged."""
    return max(MIN_ORIGINS, 2 * block_length)


def _unjudged(doubt: str, unfit: str, faults: Mapping[str, _Fault], num_origins: int) -> Verdict:
    unjudged = tuple(name for name, fault in faults.items() if fault.passing or not fault.why)
    rejected = {name: fault.why for name, fault in faults.items() if name not in unjudged}
    if unfit:
        reason = f"No forecaster is fit: {unfit}, and nothing could be judged: {doubt}."
        return Verdict("baseline", BASELINE, reason, num_origins, {}, rejected, unjudged)
    reason = f"The champion stays because nothing could be judged: {doubt}."
    return Verdict("kept", CHAMPION, reason, num_origins, {}, rejected, unjudged)


def _block_length(losses: Losses, judged: Bools) -> int:
    """Origins per block: the square root of their number, and as many as share target steps.

    Who is ahead changes with the weeks: on the sample, neighbouring origins agree on it with a
    correlation of 0.3, and so do origins three days apart.
    """
    num_origins = max(1, int(judged.any(axis=0).sum()))
    every = int(np.diff(losses.origins).min(initial=losses.horizon))
    overlap = -(-losses.horizon // max(1, every))
    return max(overlap, round(num_origins**0.5))


def _entry(name: str, losses: Losses, baseline: Losses, judged: Bools) -> _Entry:
    condensed = summary(losses)
    scaled = np.full(judged.shape, np.nan)
    np.divide(losses.pinball, baseline.scale, out=scaled, where=judged)
    return _Entry(name, scaled, condensed.coverage, condensed.bias)


def _mean(scaled: Doubles) -> float:
    """Mean over origins of the mean over series."""
    judged = ~np.isnan(scaled)
    return float((np.where(judged, scaled, 0) * window_weights(judged)).sum())


def _tenth(count: int) -> int:
    return -(-count // 10)


def _versus(gain: Gain, name: str) -> str:
    """A gain in words."""
    if gain.mean > 0:
        return f"gains {_share(gain.mean)} over the {name} (at least {_share(gain.at_least)})"
    surely = f" (at least {_share(-gain.at_most)})" if gain.at_most < 0 else ""
    return f"loses {_share(-gain.mean)} against the {name}{surely}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
