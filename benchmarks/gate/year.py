"""A year of nights with drift: what each way of promoting models publishes, and how well.

Nights, trainings and baseline are those of `benchmarks.gate.year_pool`. Every policy sees the same
challengers on the same nights, judged on the same fourteen origins:

- `never retrained`: the first model publishes for ever.
- `always promoted`: the newest model publishes.
- `RMSE <`: the newest model takes over where the RMSE of its median is lower, by whatever little.
- `gate`: `models.gate.promotion.decide`, every night, the baseline included.
- `gate, own trainings`: the same, trained when `models.gate.schedule.training_due` asks for it.

It is told three times: with sound trainings alone, with one in ten that goes wrong, and with one in
five; and twice each, with quantiles as the networks give them and calibrated night by night.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.gate.pool import FOLDER
from benchmarks.gate.year_pool import (
    DAY,
    ETTH1_TABLE,
    GATE_ORIGINS,
    NIGHTS,
    SOUND,
    TRAIN_EVERY,
    Kind,
    Progress,
    Training,
    Year,
    etth1_year,
    sample_year,
)
from benchmarks.protocols import Handed
from benchmarks.report import Figure
from data_contracts.spec import DECILES, Calibration
from data_contracts.vocabulary import BASELINE, CHAMPION
from models.forecasters.calibration import rolling
from models.gate.drift import series_drift
from models.gate.evaluation import LeadLosses, Losses, evaluate
from models.gate.promotion import Rules, Verdict, decide
from models.gate.schedule import Bounds, Standing, growth, relative_loss, training_due
from models.panel import Floats, Ints
from models.scores import Doubles

QUICK_NIGHTS = 42
RESAMPLES = 4000
BLOCK = 14  # nights that are resampled together
CALIBRATED_BY = Calibration().origins
BOUNDS = Bounds()
LABEL = "challenger"

Mishaps = dict[Kind, range]
# Numbers of the weekly trainings that go wrong, by what goes wrong.
YEARS: dict[str, Mishaps] = {
    "sound trainings": {},
    "a tenth go wrong": {"clock": range(4, 53, 20), "short": range(19, 53, 20)},
    "a fifth go wrong": {"clock": range(4, 53, 10), "short": range(9, 53, 10)},
}


@dataclass(frozen=True)
class Course:
    """What one policy published.

    Attributes:
        who: By night: the training in service, None for the baseline.
        trainings: Nights on which it trained.
        verdicts: What the gate said on each night, where there is one.
    """

    who: list[Training | None] = field(default_factory=list)
    trainings: list[int] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


class Desk:
    """Losses of any forecaster of the year on any night, as the gate of that night sees them."""

    def __init__(self, year: Year, *, calibrated: bool) -> None:
        self.year = year
        self.calibrated = calibrated
        self._kept: dict[tuple[Training | None, int], Losses] = {}

    def judged(self, training: Training | None, night: int) -> Losses:
        """Losses on the origins of a night's gate."""
        return _part(self._losses(training, night), slice(0, GATE_ORIGINS))

    def published(self, training: Training | None, night: int) -> Losses:
        """Losses of what it would publish on a night."""
        return _part(self._losses(training, night), slice(GATE_ORIGINS, None))

    def _losses(self, training: Training | None, night: int) -> Losses:
        """Of the origins of a night's gate, and of the one from which it publishes."""
        key = training, night
        if key not in self._kept:
            known = slice(night, night + GATE_ORIGINS + 1)
            self._kept[key] = (
                self._score(self._adjusted(training, night), known)
                if self.calibrated
                else _part(self._raw(training), known)
            )
        return self._kept[key]

    def _raw(self, training: Training | None) -> Losses:
        """Of all origins at once, which is the same and much faster."""
        key = training, -1
        if key not in self._kept:
            self._kept[key] = self._score(self._quantiles(training), slice(None))
        return self._kept[key]

    def _score(self, quantiles: Floats, span: slice) -> Losses:
        year = self.year
        forecaster = Handed("handed in", year.origins[span], DECILES, quantiles)
        series, origins = np.arange(year.panel.num_series), year.origins[span]
        length = year.season_length
        return evaluate(forecaster, year.panel, series, origins, season_length=length)

    def _adjusted(self, training: Training | None, night: int) -> Floats:
        """Quantiles of those origins, each adjusted by what was known at it."""
        year, end = self.year, night + GATE_ORIGINS
        unseen = 0 if training is None else training.night
        span = slice(max(unseen, end - CALIBRATED_BY), end + 1)
        adjusted = rolling(
            self._quantiles(training)[:, span],
            year.target[:, span],
            year.origins[span],
            levels=DECILES,
            support=year.support,
        )
        return adjusted[:, -GATE_ORIGINS - 1 :]

    def _quantiles(self, training: Training | None) -> Floats:
        return self.year.baseline if training is None else self.year.trained[training]


def _part(losses: Losses, span: slice) -> Losses:
    """The losses of some of the origins."""
    names = [each.name for each in fields(Losses) if each.name not in {"unique_ids", "horizon"}]
    names = [name for name in names if name not in {"quantile_levels", "origins", "leads"}]
    cut = {name: getattr(losses, name)[:, span] for name in names}
    leads = losses.leads
    if leads is not None:
        of_leads = [each.name for each in fields(LeadLosses)]
        leads = LeadLosses(**{name: getattr(leads, name)[:, span] for name in of_leads})
    return replace(losses, origins=losses.origins[span], leads=leads, **cut)


def trained_on(night: int, mishaps: Mishaps) -> Training | None:
    """The training of the common schedule on a night, None where there is none."""
    if night % TRAIN_EVERY:
        return None
    for kind, numbers in mishaps.items():
        if night // TRAIN_EVERY in numbers:
            return Training(night, kind)
    return Training(night, SOUND)


def never(desk: Desk, mishaps: Mishaps) -> Course:
    """The first model for ever."""
    first = trained_on(0, mishaps)
    return Course([first] * desk.year.nights, [0])


def always(desk: Desk, mishaps: Mishaps) -> Course:
    """The newest model."""
    course = Course()
    for night in range(desk.year.nights):
        newest = trained_on(night, mishaps)
        course.trainings.extend([night] if newest else [])
        course.who.append(newest or course.who[-1])
    return course


def by_rmse(desk: Desk, mishaps: Mishaps) -> Course:
    """The newest model where the RMSE of its median is lower on the gate's origins."""
    course = Course()
    for night in range(desk.year.nights):
        champion = course.who[-1] if course.who else None
        newest = trained_on(night, mishaps)
        if newest is not None:
            course.trainings.append(night)
            rival = rmse(desk.judged(newest, night))
            if champion is None or rival < rmse(desk.judged(champion, night)):
                champion = newest
        course.who.append(champion)
    return course


def gate(desk: Desk, mishaps: Mishaps) -> Course:
    """The product, trained when everybody trains."""
    course = Course()
    champion: Training | None = None
    for night in range(desk.year.nights):
        champion = _night(desk, course, champion, night, trained_on(night, mishaps))
    return course


def own_schedule(desk: Desk, mishaps: Mishaps) -> Course:
    """The product, trained when it asks for it; it gets the model of the last seventh night."""
    course, memory = Course(), _Memory(desk)
    champion: Training | None = None
    for night in range(desk.year.nights):
        made = None
        if memory.due(course, champion, night):
            made = trained_on(night - night % TRAIN_EVERY, mishaps)
        champion = _night(desk, course, champion, night, made)
    return course


PEERS = ("never retrained", "always promoted", "RMSE <")
GATE, OWN = "gate", "gate, own trainings"
POLICIES: dict[str, Callable[[Desk, Mishaps], Course]] = dict(
    zip((*PEERS, GATE, OWN), (never, always, by_rmse, gate, own_schedule), strict=True)
)


def _night(
    desk: Desk, course: Course, champion: Training | None, night: int, made: Training | None
) -> Training | None:
    """One night of the gate: note who publishes and return who is in service from now on."""
    course.trainings.extend([night] if made else [])
    rivals = {LABEL: made} if made and made != champion else {}
    verdict = decide(
        {name: desk.judged(rival, night) for name, rival in rivals.items()},
        desk.judged(champion, night) if champion else None,
        desk.judged(None, night),
        Rules(levels=DECILES, overdue=_age(champion, night) > BOUNDS.max_age),
    )
    chosen = {CHAMPION: champion, BASELINE: None, **rivals}[verdict.contender]
    course.who.append(chosen)
    course.verdicts.append(verdict)
    return chosen


def _age(champion: Training | None, night: int) -> timedelta:
    return timedelta(days=0 if champion is None else night - champion.night)


@dataclass
class _Memory:
    """What the record of earlier nights would tell: losses and drift of the champion."""

    desk: Desk
    champion: Training | None = None
    loss_then: float | None = None
    growths: list[float | None] = field(default_factory=list)
    drifts: list[float | None] = field(default_factory=list)

    def due(self, course: Course, champion: Training | None, night: int) -> bool:
        """Whether the product would train, given everything before this night."""
        if champion != self.champion:
            self.champion, self.growths, self.drifts, self.loss_then = champion, [], [], None
        if champion is not None:
            loss = relative_loss(self.desk.judged(champion, night), self.desk.judged(None, night))
            self.loss_then = self.loss_then or loss
            self.growths.insert(0, growth(loss, self.loss_then))
            self.drifts.insert(0, self._drift(champion, night))
        last = course.trainings[-1] if course.trainings else None
        was_there = bool(course.who) and course.who[-1] is None and self._lost(course)
        standing = Standing(
            champion_age=None if champion is None else _age(champion, night),
            demoted=was_there,
            since_training=None if last is None else timedelta(days=night - last),
            loss_growth=tuple(self.growths[:2]),
            drift=tuple(self.drifts[:2]),
        )
        return training_due("auto", standing, BOUNDS).train

    @staticmethod
    def _lost(course: Course) -> bool:
        return len(course.who) > 1 and course.who[-2] is not None

    def _drift(self, champion: Training, night: int) -> float | None:
        panel = self.desk.year.panel
        slot = int(self.desk.year.origins[night + GATE_ORIGINS])
        behind, season = panel.cutoff_slot - slot, self.desk.year.season_length
        span = GATE_ORIGINS * DAY
        gap = DAY * (night - champion.night + GATE_ORIGINS)  # it learned until its gate began
        histories = [panel.history(k) for k in range(panel.num_series)]
        drifts = [
            series_drift(y[: len(y) - behind], gap=gap, span=span, season=season) for y in histories
        ]
        known = [drift for drift in drifts if drift is not None]
        return float(np.median(known)) if known else None


def rmse(losses: Losses) -> float:
    """Root of the mean squared error of the median, over everything that was observed."""
    if losses.leads is None:
        raise ValueError("Expected losses of every lead, got means alone.")
    return float(np.sqrt(np.nanmean(losses.leads.error.astype(np.float64) ** 2)))


@dataclass(frozen=True, eq=False)
class Published:
    """Losses of the year that a policy published, per series and night, shape `(S, N)`."""

    course: Course
    pinball: Doubles
    absolute_error: Doubles
    scale: Doubles
    absolute_y: Doubles
    covered: Doubles

    @classmethod
    def of(cls, desk: Desk, course: Course) -> "Published":
        """Look up what everyone who was in service published."""
        nights = [desk.published(who, night) for night, who in enumerate(course.who)]
        names = [each.name for each in fields(cls) if each.name != "course"]
        return cls(course, *(np.hstack([getattr(each, name) for each in nights]) for name in names))

    @property
    def scaled(self) -> Doubles:
        """Loss of the gate by night, shape `(N,)`."""
        mean: Doubles = (self.pinball / self.scale).mean(axis=0)
        return mean

    @cached_property
    def mase(self) -> float:
        """Mean over series of the mean over nights of the scaled absolute error."""
        return float((self.absolute_error / self.scale).mean())

    def wql(self, nights: Ints | slice = slice(None)) -> Doubles:
        """Of some nights, the last axis: pinball loss over the sum of |y|."""
        lost = self.pinball.sum(axis=0)[nights].sum(axis=-1)
        size = self.absolute_y.sum(axis=0)[nights].sum(axis=-1)
        ratio: Doubles = np.asarray(lost / size)
        return ratio

    @property
    def promotions(self) -> int:
        """How often another model came into service after the first night."""
        who = self.course.who
        return sum(a != b and b is not None for a, b in pairwise(who))


def histories(nights: int, *, seed: int = 7) -> Ints:
    """Nights of resampled years, in circular blocks, shape `(R, N)` (Politis and Romano, 1992)."""
    starts = np.random.default_rng(seed).integers(0, nights, (RESAMPLES, -(-nights // BLOCK), 1))
    drawn: Ints = ((starts + np.arange(BLOCK)) % nights).reshape(RESAMPLES, -1)[:, :nights]
    return drawn


def lead_over(ours: Published, theirs: Published) -> tuple[float, float, float]:
    """Share of the loss (WQL) that ours saves, and the 5 % and 95 % quantile of resampled years."""
    drawn = histories(ours.pinball.shape[1])
    saved = 1 - ours.wql(drawn) / theirs.wql(drawn)
    low, high = np.quantile(saved, [0.05, 0.95])
    return float(1 - ours.wql() / theirs.wql()), float(low), float(high)


def replay(year: Year, mishaps: Mishaps, *, calibrated: bool) -> dict[str, Published]:
    """The year under every policy."""
    desk = Desk(year, calibrated=calibrated)
    return {name: Published.of(desk, policy(desk, mishaps)) for name, policy in POLICIES.items()}


def rows(quick: bool, progress: Progress) -> list[Figure]:
    """What every policy published, and whether the gate was better than each of the others."""
    figures = []
    for year in _years(quick, progress):
        shown = {}
        for name, mishaps in YEARS.items():
            for manner, calibrated in (("as forecast", False), ("calibrated", True)):
                progress(f"the nights of {year.name}, {name}, {manner}")
                told = replay(year, mishaps, calibrated=calibrated)
                title = f"{year.name}, {name}, {manner}"
                figures += _figures(told, title, judged=year.nights == NIGHTS)
                shown[title] = told
        _draw(shown, FOLDER / f"year-{year.name}.png")
    return figures


def _years(quick: bool, progress: Progress) -> Iterator[Year]:
    table = Path(os.environ.get("NIGHTCAST_ETTH1", ETTH1_TABLE))
    if table.exists():
        yield etth1_year(progress, nights=QUICK_NIGHTS if quick else NIGHTS, table=table)
    else:
        progress(f"ETTh1 is not at {table}; name it by NIGHTCAST_ETTH1. Its year is left out.")
    if not quick:
        yield sample_year(progress)


def _figures(told: dict[str, Published], title: str, *, judged: bool) -> list[Figure]:
    """The accuracy of the gate beside the best of the others, and its lead over each."""
    wql = {name: float(each.wql()) for name, each in told.items()}
    best = min(PEERS, key=wql.__getitem__)
    target = wql[best] if judged else None
    figures = [Figure(f"WQL published: {title}", wql[GATE], "", target, wql[best], best)]
    for other in (*PEERS, OWN):
        saved, low, high = (100 * share for share in lead_over(told[GATE], told[other]))
        name = f"  {other}: the gate saves, of its loss [{low:.2f}, {high:.2f}]"
        figures.append(Figure(name, saved, "%"))
    return figures


def _draw(shown: dict[str, dict[str, Published]], path: Path) -> None:
    """Loss that each policy has saved since the first night, beside never retraining."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(12, 4 * -(-len(shown) // 2)), layout="constrained")
    for place, (title, told) in enumerate(shown.items(), start=1):
        axes = canvas.add_subplot(-(-len(shown) // 2), 2, place)
        still = told[PEERS[0]].scaled
        for name, published in told.items():
            saved = 100 * np.cumsum(still - published.scaled) / still.sum()
            axes.plot(saved, label=f"{name} ({published.promotions} promotions)")
        axes.set(title=title, xlabel="night", ylabel="% of a year's loss saved")
        axes.legend(fontsize="small")
    canvas.savefig(path, dpi=110)
