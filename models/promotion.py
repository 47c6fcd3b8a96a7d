"""The gate: promote a challenger on evidence, never on noise, and say why in one sentence.

The loss of a window is its pinball loss over the scale of MASE: the first judges the quantiles that
are published, the second lets every series count the same. Its mean over series is one number per
origin and contender. All series share the storms and holidays of an origin, so origins are what is
resampled, in blocks, because neighbours resemble each other, and for all contenders the same.

A challenger is promoted if it is better than the champion and better than the baseline beyond
doubt, and breaks no guardrail. A champion that is worse than the baseline beyond doubt has to go.
Where nothing can be judged, all stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from data_contracts.vocabulary import BASELINE, CHAMPION
from models import scores
from models.evaluation import Losses, summary
from models.panel import Bools, Ints
from models.scores import Doubles

MIN_ORIGINS = 5
WORST_TENTH_FACTOR = 1.2  # of the reference's worst tenth that a challenger's may reach


@dataclass(frozen=True)
class Rules:
    """What counts as evidence.

    Attributes:
        levels: Quantile levels that are published; contenders scored on others are out.
        alpha: Accepted probability of promoting a challenger that is no better; several
            challengers share it (Bonferroni).
        min_coverage: Least coverage of the widest central interval, relative to its nominal one.
        seed: Where the resampling starts.
        resamples: Number of resampled histories.
    """

    levels: tuple[float, ...]
    alpha: float = 0.05
    min_coverage: float = 0.8
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
    """

    outcome: Outcome
    contender: str
    reason: str
    origins: int
    numbers: dict[str, float]
    rejected: dict[str, str]


class Gain(NamedTuple):
    """Relative gain of one contender over another, 0.1 for a tenth less loss, and its bounds."""

    mean: float
    at_least: float
    at_most: float


class Resampled(NamedTuple):
    """Histories drawn from blocks of origins: positions, shape `(R, O)`, and stretch, `(R,)`."""

    origins: Ints
    stretch: Doubles


class _Entry(NamedTuple):
    """What a contender brings to the comparison."""

    name: str
    of_origins: Doubles  # mean scaled loss over series, shape (O,)
    worst_tenth: float  # mean scaled loss of the tenth of series where it is highest
    coverage: float

    @property
    def loss(self) -> float:
        return float(self.of_origins.mean())


def decide(
    challengers: Mapping[str, Losses], champion: Losses | None, baseline: Losses, rules: Rules
) -> Verdict:
    """Compare all contenders on the same windows and choose who publishes.

    Never raises for odd losses: whoever cannot be compared is out, with a reason.

    Args:
        challengers: Losses by name of the forecaster.
        champion: Losses of the forecaster in service, None without one.
        baseline: Losses of the baseline.
        rules: What counts as evidence.
    """
    judged = _judged(baseline)
    unfit = "there is no champion"
    if champion is not None:
        complaint = _complaint(champion, baseline, rules)
        unfit = f"the champion {complaint}" if complaint else ""
    doubt = _no_judgement(baseline, judged, rules)
    if doubt:
        return _unjudged(doubt, unfit, int(judged.any(axis=0).sum()))
    reference = _entry(BASELINE, baseline, baseline, judged)
    trial = _Trial(reference, _block_length(baseline, judged), rules, len(challengers))
    if champion is not None and not unfit:
        unfit = trial.seat(_entry(CHAMPION, champion, baseline, judged))
    for name, losses in challengers.items():
        fault = _complaint(losses, baseline, rules)
        if fault:
            trial.block(name, fault)
        else:
            trial.hear(_entry(name, losses, baseline, judged))
    return trial.verdict(unfit)


def relative_gain(reference: Doubles, contender: Doubles, resampled: Resampled) -> Doubles:
    """Gain of the whole and of each resampled history, shape `(1 + R,)`.

    Args:
        reference: Mean loss per origin, shape `(O,)`.
        contender: The same of who claims to be better.
        resampled: Which origins make up each history.
    """
    rows = np.vstack([reference, contender])  # (2, O)
    whole = rows.mean(axis=1, keepdims=True)
    drawn = rows[:, resampled.origins].mean(axis=2)  # (2, R)
    theirs, ours = np.concatenate([whole, drawn], axis=1)
    # A reference without any loss cannot be beaten; the floor keeps the quotient finite.
    gain: Doubles = (theirs - ours) / np.maximum(theirs, 1e-12)
    gain[1:] = gain[0] + (gain[1:] - gain[0]) * resampled.stretch
    return gain


def resample(num_origins: int, *, block_length: int, rules: Rules) -> Resampled:
    """Draw histories in circular blocks (Politis and Romano, 1992).

    With a dozen origins the plain percentile bound promotes equals in 14 % of the nights where 5 %
    are accepted. Two corrections bring that to 3 %: the bootstrap of `O` origins in blocks of `b`
    sees only `1 - b / O` of the variance, and a variance known from `O / b` blocks makes a normal
    deviation one of Student's t; both are applied by stretching each deviation.

    Args:
        num_origins: Origins that were judged, `O`.
        block_length: Origins per block, `b`, less than `O`.
        rules: Number of histories and seed.
    """
    rng = np.random.default_rng(rules.seed)
    num_blocks = -(-num_origins // block_length)
    starts = rng.integers(0, num_origins, (rules.resamples, num_blocks, 1))
    drawn = (starts + np.arange(block_length)) % num_origins
    freedom = num_origins / block_length - 1
    student = np.sqrt(freedom / rng.chisquare(freedom, rules.resamples))
    return Resampled(
        origins=drawn.reshape(rules.resamples, -1)[:, :num_origins],
        stretch=student / np.sqrt(1 - block_length / num_origins),
    )


class _Trial:
    """One night's comparison, filled contender by contender."""

    def __init__(self, baseline: _Entry, block_length: int, rules: Rules, rivals: int) -> None:
        self.rules = rules
        self.rivals = max(1, rivals)
        self.references = [baseline]  # the champion comes first once it is seated
        self.num_origins = len(baseline.of_origins)
        self.resampled = resample(self.num_origins, block_length=block_length, rules=rules)
        self.numbers = {f"{BASELINE}.loss": baseline.loss}
        self.passed: dict[str, tuple[float, str]] = {}
        self.rejected: dict[str, str] = {}
        self.blocked: set[str] = set()

    def seat(self, champion: _Entry) -> str:
        """Make the champion a reference, or say why it cannot be one."""
        self._note(champion)
        gain = self._gain(champion, self.references[0], self.rules.alpha)
        if gain.at_most < 0:
            return f"the champion {_versus(gain, BASELINE)}"
        self.references.insert(0, champion)
        return ""

    def hear(self, challenger: _Entry) -> None:
        """Let one challenger pass or reject it."""
        self._note(challenger)
        alpha = self.rules.alpha / self.rivals
        gains = {r.name: self._gain(challenger, r, alpha) for r in self.references}
        against = " and ".join(_versus(gain, name) for name, gain in gains.items())
        guardrail = self._broken_guardrail(challenger)
        if not all(gain.at_least > 0 for gain in gains.values()):
            self.rejected[challenger.name] = f"{against}, which is no proof of a gain"
        elif guardrail:
            self.block(challenger.name, f"{against}, but {guardrail}")
        else:
            self.passed[challenger.name] = challenger.loss, against

    def block(self, name: str, fault: str) -> None:
        """Reject a challenger that broke a guardrail."""
        self.rejected[name] = fault
        self.blocked.add(name)

    def verdict(self, unfit: str) -> Verdict:
        """Choose who publishes.

        Args:
            unfit: Why the champion is not among the references, empty where it is.
        """
        if self.passed:
            best, *others = sorted(self.passed, key=lambda name: self.passed[name][0])
            self.rejected |= dict.fromkeys(others, f"is good enough, but {best} is better")
            return self._verdict("promoted", best, f"{best} {self.passed[best][1]}")
        faults = [f"{name} {fault}" for name, fault in self.rejected.items()]
        why = "; ".join(faults) if faults else "there is no challenger"
        if unfit:
            return self._verdict("baseline", BASELINE, f"No forecaster is fit: {unfit}; {why}")
        if self.blocked:
            return self._verdict(
                "blocked", CHAMPION, f"The champion stays, a guardrail broke: {why}"
            )
        return self._verdict("kept", CHAMPION, f"The champion stays: {why}")

    def _verdict(self, outcome: Outcome, contender: str, finding: str) -> Verdict:
        reason = f"{finding} (on {self.num_origins} unseen origins)."
        return Verdict(outcome, contender, reason, self.num_origins, self.numbers, self.rejected)

    def _note(self, entry: _Entry) -> None:
        self.numbers |= {
            f"{entry.name}.loss": entry.loss,
            f"{entry.name}.worst_tenth": entry.worst_tenth,
            f"{entry.name}.coverage": entry.coverage,
        }

    def _gain(self, contender: _Entry, reference: _Entry, alpha: float) -> Gain:
        gains = relative_gain(reference.of_origins, contender.of_origins, self.resampled)
        at_least, at_most = np.quantile(gains[1:], [alpha, 1 - alpha])
        gain = Gain(float(gains[0]), float(at_least), float(at_most))
        about = f"{contender.name}.gain_over_{reference.name}"
        self.numbers |= {
            about: gain.mean,
            f"{about}_at_least": gain.at_least,
            f"{about}_at_most": gain.at_most,
        }
        return gain

    def _broken_guardrail(self, challenger: _Entry) -> str:
        """Say which guardrail a challenger breaks; empty if none."""
        least = self.rules.min_coverage * scores.nominal_coverage(self.rules.levels)
        if not challenger.coverage >= least:  # also catches NaN
            return f"covers {_share(challenger.coverage)} of the actuals, less than {_share(least)}"
        reference = self.references[0]
        most = WORST_TENTH_FACTOR * reference.worst_tenth
        if not challenger.worst_tenth <= most:
            return (
                f"the loss of its worst tenth of series is {challenger.worst_tenth:.3g}, more than "
                f"{WORST_TENTH_FACTOR:g} times the {reference.worst_tenth:.3g} of the "
                f"{reference.name}"
            )
        return ""


def _judged(baseline: Losses) -> Bools:
    """Windows that can be compared: something was observed and the scale is known."""
    return (baseline.steps > 0) & (baseline.scale > 0) & np.isfinite(baseline.scale)


def _complaint(losses: Losses, baseline: Losses, rules: Rules) -> str:
    """Say why losses cannot be compared with the baseline's; empty if they can."""
    if losses.quantile_levels != rules.levels:
        return "was scored on other quantile levels"
    if losses.horizon != baseline.horizon:
        return f"was scored over {losses.horizon} steps instead of {baseline.horizon}"
    observed = baseline.steps > 0
    same_series = losses.unique_ids == baseline.unique_ids
    if not (same_series and np.array_equal(losses.origins, baseline.origins)):
        return "was scored on other windows"
    broken = observed & ~np.isfinite(losses.pinball)
    if broken.any():
        return f"has losses that are not finite in {broken.sum()} of {observed.sum()} windows"
    return ""


def _no_judgement(baseline: Losses, judged: Bools, rules: Rules) -> str:
    """Say why no contender can be judged; empty if they can."""
    num_origins = int(judged.any(axis=0).sum())
    block_length = _block_length(baseline, judged)
    needed = max(MIN_ORIGINS, 2 * block_length)
    if num_origins < needed:
        return (
            f"the comparable origins are {num_origins}, at least {needed} are needed, which a "
            "longer history or a shorter horizon gives"
        )
    fault = _complaint(baseline, baseline, rules)
    return f"the baseline {fault}" if fault else ""


def _unjudged(doubt: str, unfit: str, num_origins: int) -> Verdict:
    if unfit:
        reason = f"No forecaster is fit: {unfit}, and nothing could be judged: {doubt}."
        return Verdict("baseline", BASELINE, reason, num_origins, {}, {})
    reason = f"The champion stays because nothing could be judged: {doubt}."
    return Verdict("kept", CHAMPION, reason, num_origins, {}, {})


def _block_length(losses: Losses, judged: Bools) -> int:
    """Origins per block: the cube root of their number, and as many as share target steps."""
    num_origins = max(1, int(judged.any(axis=0).sum()))
    every = int(np.diff(losses.origins).min(initial=losses.horizon))
    overlap = -(-losses.horizon // max(1, every))
    return max(overlap, int(np.ceil(round(num_origins ** (1 / 3), 9))))


def _entry(name: str, losses: Losses, baseline: Losses, judged: Bools) -> _Entry:
    scaled = np.divide(
        losses.pinball, baseline.scale, out=np.full(judged.shape, np.nan), where=judged
    )
    of_origins = scores.observed_mean(scaled.T, judged.T)  # (O,)
    of_series = scores.observed_mean(scaled, judged)  # (S,)
    return _Entry(
        name,
        of_origins[judged.any(axis=0)],
        _worst_tenth(of_series[judged.any(axis=1)]),
        summary(losses).coverage,
    )


def _worst_tenth(of_series: Doubles) -> float:
    """Mean of the highest tenth, at least one value."""
    size = -(-len(of_series) // 10)
    return float(np.sort(of_series)[-size:].mean())


def _versus(gain: Gain, name: str) -> str:
    """A gain in words."""
    if gain.mean > 0:
        return f"gains {_share(gain.mean)} over the {name} (at least {_share(gain.at_least)})"
    surely = f" (at least {_share(-gain.at_most)})" if gain.at_most < 0 else ""
    return f"loses {_share(-gain.mean)} against the {name}{surely}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
