"""When to train: a pure decision that gives its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import numpy as np

from models.gate.evaluation import Losses

When = Literal["auto", "always", "never"]
NIGHTS_IN_A_ROW = 2  # that a bound has to be passed; one bad night is weather


@dataclass(frozen=True)
class Due:
    """Whether tonight trains.

    Attributes:
        train: The answer.
        reason: One sentence.
        numbers: What tonight knows of it, by name, for the record.
    """

    train: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the spec accepts before `auto` trains again.

    Attributes:
        max_age: Of the champion, since its training.
        cooldown: From one training to the next, whatever came of the first.
        max_loss_growth: Of the champion's loss relative to the baseline's, since its promotion.
        max_drift: Of the input, in multiples of what was usual (`models.gate.drift`).
    """

    max_age: timedelta = timedelta(days=14)
    cooldown: timedelta = timedelta(days=7)
    max_loss_growth: float = 0.2
    max_drift: float = 1.5


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand tonight; what is not known is None, and never a reason to train.

    Attributes:
        champion_age: From the night that trained the champion to the cutoff; None where no
            champion is in service.
        demoted: Whether the champion was taken out of service for being worse than the baseline.
        since_training: From the last night that trained to the cutoff, whatever came of it.
        waiting: Labels of trained challengers that could not be judged yet.
        loss_growth: Of the champion's loss relative to the baseline's, 0.1 for a tenth more than
            when it was promoted: tonight, the night before, and so on.
        drift: Of the input, in the same order.
        bad_nights: What the champion's published forecasts came to, in words, where that asks for a
            training; else empty.
    """

    champion_age: timedelta | None = None
    demoted: bool = False
    since_training: timedelta | None = None
    waiting: tuple[str, ...] = ()
    loss_growth: tuple[float | None, ...] = ()
    drift: tuple[float | None, ...] = ()
    bad_nights: str = ""


def training_due(when: When, standing: Standing, bounds: Bounds) -> Due:
    """Decide whether tonight trains challengers.

    What is asked for is done. `auto` trains where there is a cause for it: no champion, one that is
    too old or whose published forecasts went badly, or on two nights in a row a loss or an input
    beyond its bound. A cause waits as long as the cooldown lasts, so that a training that failed,
    or whose model was rejected, is not repeated every night; and while models trained before wait
    for their judgement, as long as they are younger than the age at which a champion is too old.

    Args:
        when: What the spec or the command says; `auto` decides here.
        standing: How things stand.
        bounds: What is accepted.

    >>> training_due("auto", Standing(champion_age=timedelta(days=3)), Bounds()).reason
    'No training: the champion was trained 3 days ago, up to 14 are accepted.'
    """
    if when == "always":
        return Due(True, "Training, because it was asked for.")
    if when == "never":
        return Due(False, "No training, because the spec or the command says never.")
    cause, obstacle = _cause(standing, bounds), _obstacle(standing, bounds)
    if not cause:
        return Due(False, f"No training: {_in_order(standing, bounds)}.")
    if obstacle:
        return Due(False, f"No training, although {cause}: {obstacle}.")
    return Due(True, f"Training, because {cause}.")


def relative_loss(champion: Losses, baseline: Losses) -> float | None:
    """Loss of the champion per loss of the baseline on the windows that both were judged on.

    The loss of a window is that of the gate: pinball over the scale of MASE. None where no window
    can be compared, or the baseline makes no error.

    Args:
        champion: Its losses, shape `(S, O)` each.
        baseline: Those of the baseline, on the same windows.
    """
    if champion.pinball.shape != baseline.pinball.shape:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs, ours = (each.pinball / baseline.scale for each in (baseline, champion))
    judged = (baseline.steps > 0) & np.isfinite(theirs) & np.isfinite(ours)
    total = float(theirs[judged].sum())
    return float(ours[judged].sum()) / total if total > 0 else None


def growth(now: float | None, then: float | None) -> float | None:
    """How much larger something is than it was, 0.1 for a tenth; None where either is not known.

    >>> growth(0.75, 0.6)
    0.25
    >>> growth(0.75, None)
    """
    if now is None or then is None or not (np.isfinite([now, then]).all() and then > 0):
        return None
    return round(now / then - 1, 12)


def _cause(standing: Standing, bounds: Bounds) -> str:
    """Why there should be a training; empty if there is no reason."""
    age = standing.champion_age
    if standing.demoted:
        return "the champion has become worse than the baseline"
    if age is None:
        return "no model is in service for this cutoff"
    if age > bounds.max_age:
        return f"{_aged(age)}, more than {_days(bounds.max_age)}"
    if _is_past(standing.loss_growth, bounds.max_loss_growth):
        shares = _each(standing.loss_growth, "{:.0%}")
        return (
            "the champion's loss relative to the baseline's has grown since its promotion by "
            f"{shares}, more than {bounds.max_loss_growth:.0%}"
        )
    if _is_past(standing.drift, bounds.max_drift):
        return (
            "the recent input differs from what the champion learned from by "
            f"{_each(standing.drift, '{:.2g}')} times what was usual, more than "
            f"{bounds.max_drift:g}"
        )
    return standing.bad_nights


def _obstacle(standing: Standing, bounds: Bounds) -> str:
    """Why a training has to wait; empty if it does not."""
    since = standing.since_training
    if since is not None and timedelta(0) <= since < bounds.cooldown:
        return (
            f"the last training was {_in_words(since)} ago, and {_days(bounds.cooldown)} have to "
            "lie between two"
        )
    if standing.waiting and (since is None or since <= bounds.max_age):
        verb = "waits" if len(standing.waiting) == 1 else "wait"
        return f"{' and '.join(standing.waiting)}, trained before, still {verb} to be judged"
    return ""


def _in_order(standing: Standing, bounds: Bounds) -> str:
    """What was looked at and found within its bound."""
    facts = [f"{_aged(standing.champion_age or timedelta())}, up to {_days(bounds.max_age)} are"]
    if standing.loss_growth and standing.loss_growth[0] is not None:
        facts.append(
            f"its loss relative to the baseline's changed by {standing.loss_growth[0]:+.0%}, up to "
            f"{bounds.max_loss_growth:+.0%} is"
        )
    if standing.drift and standing.drift[0] is not None:
        facts.append(
            f"the input differs by {standing.drift[0]:.2g} times what was usual, up to "
            f"{bounds.max_drift:g} is"
        )
    later = f" {NIGHTS_IN_A_ROW} nights in a row decide" if len(facts) > 1 else ""
    return "; ".join(f"{fact} accepted" for fact in facts) + (f";{later}" if later else "")


def _is_past(values: Sequence[float | None], bound: float) -> bool:
    latest = [value for value in values[:NIGHTS_IN_A_ROW] if value is not None and value > bound]
    return len(latest) == NIGHTS_IN_A_ROW


def _each(values: Sequence[float | None], form: str) -> str:
    """Tonight's value and that of the night before, in words."""
    tonight, before = (form.format(value) for value in values[:NIGHTS_IN_A_ROW])
    return f"{before} last night and {tonight} tonight"


def _aged(age: timedelta) -> str:
    return f"the champion was trained {_in_words(age)} ago"


def _in_words(span: timedelta) -> str:
    days = _days(span)
    return f"{days} day" if days == "1" else f"{days} days"


def _days(span: timedelta) -> str:
    return f"{round(span / timedelta(days=1), 1):g}"
