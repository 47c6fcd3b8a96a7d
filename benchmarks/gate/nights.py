"""Error rates of the gate on simulated nights: real losses of networks that differ in their seed.

A night takes two of the pool, one as champion and one as challenger, and some origins in a row. As
they are, none is better but by luck. A challenger that is better by a share has each quantile moved
towards what came by that share, which lowers every loss by it and leaves the coverage as it is; so
the losses are scaled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from benchmarks.gate.pool import MEMBERS, Pool, forecast_pool
from benchmarks.report import Figure
from models.gate.evaluation import Losses
from models.gate.promotion import Rules, decide
from models.scores import Doubles

PICTURE = Path(__file__).parents[2] / "docs/images/gate-power.svg"
ORIGINS = 14
APART = 7  # origins between the first ones of two nights of a pair
GAINS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1)
LENGTHS = (7, 14, 28, 56)
LEAST_SERIES = 2  # of a segment that a challenger is spoilt on: 28 windows in a night
AGREED = (
    "origins",
    "steps",
    "absolute_error",
    "scale",
    "pinball",
    "absolute_y",
    "covered",
    "error",
)
ERRORS = ("pinball", "absolute_error", "error")

Spoil = Callable[[Losses], Losses]


@dataclass(frozen=True, eq=False)
class Stage:
    """Everyone's losses, and what the gate is told.

    Attributes:
        members: Losses on all nights, by seed.
        baseline: Those of the baseline.
        segments: By static column, the label of every series.
        rules: What counts as evidence.
    """

    members: Mapping[int, Losses]
    baseline: Losses
    segments: Mapping[str, Sequence[str]]
    rules: Rules

    @classmethod
    def of(cls, pool: Pool) -> "Stage":
        """The losses of a pool."""
        members = {seed: pool.losses(quantiles) for seed, quantiles in pool.members.items()}
        return cls(members, pool.losses(pool.baseline), pool.panel.labels, Rules(pool.levels))

    def equalised(self) -> "Stage":
        """The same with losses of the same mean over all nights."""
        means = {seed: (each.pinball / each.scale).mean() for seed, each in self.members.items()}
        usual = np.mean(list(means.values()))
        members = {seed: scaled(each, usual / means[seed]) for seed, each in self.members.items()}
        return replace(self, members=members)


@dataclass(frozen=True, eq=False)
class Nights:
    """What became of many nights.

    Attributes:
        champion, challenger: Seeds, shape `(N,)`.
        begin: Number of the first origin, shape `(N,)`.
        promoted: Whether the challenger was, shape `(N,)`.
    """

    champion: list[int] = field(default_factory=list)
    challenger: list[int] = field(default_factory=list)
    begin: list[int] = field(default_factory=list)
    promoted: list[bool] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of the nights that promoted."""
        return float(np.mean(self.promoted))

    def interval(self, draws: int = 2000) -> tuple[float, float]:
        """Two-sided 95 % interval of the share.

        Nights of one seed and of one fortnight are alike, so seeds and fortnights are what is drawn
        again (Owen, 2007), and not nights.
        """
        rng = np.random.default_rng(7)
        seeds, champion = np.unique(self.champion, return_inverse=True)
        challenger = np.searchsorted(seeds, self.challenger)
        times, time = np.unique(np.array(self.begin) // ORIGINS, return_inverse=True)
        seed_counts = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), draws)
        time_counts = rng.multinomial(len(times), np.full(len(times), 1 / len(times)), draws)
        weights = seed_counts[:, champion] * seed_counts[:, challenger] * time_counts[:, time]
        weights = weights[weights.any(axis=1)]  # one seed alone makes no pair
        shares: Doubles = (weights * np.array(self.promoted)).sum(axis=1) / weights.sum(axis=1)
        low, high = np.quantile(shares, [0.025, 0.975])
        return float(low), float(high)


def simulate(
    stage: Stage,
    *,
    origins: int = ORIGINS,
    apart: int = APART,
    spoil: Spoil = lambda losses: losses,
    overdue: bool = False,
) -> Nights:
    """Decide on every ordered pair of the pool, night after night.

    Args:
        stage: Everyone's losses.
        origins: On which a night judges.
        apart: Origins between the first ones of two nights.
        spoil: Makes a challenger of what it was.
        overdue: Whether the champions are past their age.
    """
    nights, rules = Nights(), replace(stage.rules, overdue=overdue)
    for begin in range(0, len(stage.baseline.origins) - origins + 1, apart):
        window = slice(begin, begin + origins)
        baseline = during(stage.baseline, window)
        tonight = {seed: during(losses, window) for seed, losses in stage.members.items()}
        for champion, challenger in permutations(tonight, 2):
            rivals = {"new": spoil(tonight[challenger])}
            verdict = decide(rivals, tonight[champion], baseline, rules, stage.segments)
            nights.champion.append(champion)
            nights.challenger.append(challenger)
            nights.begin.append(begin)
            nights.promoted.append(verdict.outcome == "promoted")
    return nights


def during(losses: Losses, window: slice) -> Losses:
    """The losses on some of the origins."""
    some = {name: getattr(losses, name)[..., window] for name in AGREED}
    return replace(losses, **some, leads=None)


def scaled(losses: Losses, factor: float | Doubles) -> Losses:
    """Losses a factor higher, by series where it is of shape `(S, 1)`."""
    return replace(losses, **{name: factor * getattr(losses, name) for name in ERRORS})


def better(gain: float) -> Spoil:
    """A challenger that is better by the same share everywhere."""
    return lambda losses: scaled(losses, 1 - gain)


def spoilt_on(inside: Doubles, *, factor: float, gain: float) -> Spoil:
    """A challenger that is worse on some series, and yet better on average.

    Args:
        inside: 1 for a series of the segment, else 0, shape `(S, 1)`.
        factor: Of the losses on the segment.
        gain: On average over all series.
    """

    def spoil(losses: Losses) -> Losses:
        of_series = (losses.pinball / losses.scale).mean(axis=1, keepdims=True)
        whole, part = of_series.sum(), (of_series * inside).sum()
        elsewhere = ((1 - gain) * whole - factor * part) / (whole - part)
        return scaled(losses, np.where(inside > 0, factor, elsewhere))

    return spoil


def rows(quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Error rates and power at the default number of origins.

    Args:
        quick: Whether a few nights do.
        progress: Told what takes long.
    """
    pool = forecast_pool(progress, members=4 if quick else MEMBERS)
    stage, apart = Stage.of(pool), 28 if quick else APART
    progress("simulating nights")
    equal = simulate(stage, apart=apart)
    level = simulate(stage.equalised(), apart=apart)
    three = simulate(stage, apart=apart, spoil=better(0.03))
    overdue = simulate(stage, apart=apart, overdue=True)
    alpha = stage.rules.alpha
    return [
        Figure("simulated nights of each kind", len(equal.promoted)),
        Figure(f"promoted: equals {_between(equal)}", equal.share, "", alpha),
        Figure(f"promoted: equals of the same mean {_between(level)}", level.share, "", alpha),
        Figure(
            f"promoted: 3 % better {_between(three)}", three.share, "", 0.8, higher_is_better=True
        ),
        *_spoilt(stage, apart),
        Figure(f"promoted: equals of a champion past its age {_between(overdue)}", overdue.share),
    ]


def _spoilt(stage: Stage, apart: int) -> list[Figure]:
    """Challengers that gain 10 % on average and lose 30 % on one segment."""
    found, free = [], []
    blind = replace(stage, segments={})
    for labels in stage.segments.values():
        for label in sorted(set(labels)):
            inside = np.array([[float(each == label)] for each in labels])
            if inside.sum() >= LEAST_SERIES:
                spoil = spoilt_on(inside, factor=1.3, gain=0.1)
                found += simulate(stage, apart=4 * apart, spoil=spoil).promoted
                free += simulate(blind, apart=4 * apart, spoil=spoil).promoted
    return [
        Figure("nights with a segment spoilt", len(found)),
        Figure("promoted: 10 % better, a segment 30 % worse", float(np.mean(found)), "", 0.01),
        Figure("the same, were no segments named", float(np.mean(free))),
    ]


def _between(nights: Nights) -> str:
    low, high = nights.interval()
    return f"[{low:.3f}, {high:.3f}]"


def power(stage: Stage, progress: Callable[[str], None]) -> dict[int, list[float]]:
    """Share of nights that promote, by number of origins, for each of `GAINS`."""
    found = {}
    for origins in LENGTHS:
        progress(f"simulating nights of {origins} origins")
        apart = (len(stage.baseline.origins) - origins) // 9  # ten nights of each pair
        nights = [
            simulate(stage, origins=origins, apart=apart, spoil=better(gain)) for gain in GAINS
        ]
        found[origins] = [each.share for each in nights]
    return found


def draw(found: Mapping[int, Sequence[float]], *, alpha: float) -> None:
    """Write the power curves as a picture."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(7, 4), layout="constrained")
    axes = canvas.add_subplot()
    percent = [100 * gain for gain in GAINS]
    for origins, shares in found.items():
        axes.plot(percent, [100 * share for share in shares], "o-", label=f"{origins} origins")
    axes.axhline(80, color="0.6", linewidth=0.8, linestyle=":")
    axes.axhline(100 * alpha, color="0.6", linewidth=0.8, linestyle="--")
    axes.set(xlabel="gain of the challenger, %", ylabel="nights that promote it, %", ylim=(0, 101))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(PICTURE, metadata={"Date": None})
