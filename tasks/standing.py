"""How things stand before training is decided on: tonight's numbers, and those on record."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd

from data_contracts.errors import StorageError
from data_contracts.spec import Spec
from data_contracts.vocabulary import BASELINE, CHAMPION
from models.gate.drift import input_drift
from models.gate.schedule import Bounds, Standing, growth, relative_loss
from models.panel import Panel
from tasks.contenders import Contender
from tasks.evaluate import Entry
from tasks.progress import log
from tasks.realised import bad_nights, in_words, limits_of
from tasks.service import Service
from tasks.stores.records import decisions_before, set_apart
from tasks.stores.registry import versions
from tasks.tonight import Tonight

TRAINED = "training.trained"  # names among the numbers of a decision
RELATIVE_LOSS = "training.relative_loss"
LOSS_GROWTH = "training.loss_growth"
DRIFT = "training.drift"
BASELINE_IS = "training.baseline_is."  # followed by the name of that night's baseline, value 1
NIGHTS = 400  # of decisions that are looked at, more than a year


class Evidence(NamedTuple):
    """What tonight has seen before it decides on training.

    Attributes:
        panel: The series, None where their drift is not asked for.
        entries: Losses of champion and baseline on tonight's origins, as far as they are known.
        waiting: Labels of challengers trained before that will be judged tonight.
    """

    panel: Panel | None = None
    entries: Sequence[Entry] = ()
    waiting: tuple[str, ...] = ()


NO_EVIDENCE = Evidence()


def bounds_of(spec: Spec) -> Bounds:
    """What the spec accepts before `auto` trains again."""
    training = spec.training
    return Bounds(
        max_age=spec.champion_max_age,
        cooldown=timedelta(days=training.cooldown_days),
        max_loss_growth=training.max_loss_growth,
        max_drift=training.max_drift,
    )


def standing_tonight(
    tonight: Tonight, before: Service, evidence: Evidence
) -> tuple[Standing, dict[str, float]]:
    """Put together what is known tonight and what earlier nights have recorded.

    Args:
        tonight: The night; decisions of its own cutoff do not count, so that it may be run again.
        before: Who is in service.
        evidence: What tonight has seen.

    Returns:
        How things stand, and tonight's part of it for the record, by name.

    Raises:
        StorageError: If the record cannot be read.
    """
    earlier = decisions_before(tonight.warehouse, tonight.cutoff, nights=NIGHTS)
    champion = before.champion
    seen = _marked(evidence.entries)
    if champion is not None:
        seen |= _seen(tonight, champion, evidence, earlier)
    last = earlier[0] if earlier else {}
    same = champion is not None and last.get("previous") == champion.version
    of_last = last["numbers"] if same else {}
    standing = Standing(
        champion_age=champion.age(tonight.cutoff) if champion else None,
        demoted=_demoted(last, champion),
        since_training=_since_training(tonight, earlier),
        waiting=evidence.waiting,
        loss_growth=(seen.get(LOSS_GROWTH), of_last.get(LOSS_GROWTH)),
        drift=(seen.get(DRIFT), of_last.get(DRIFT)),
        bad_nights=_bad_nights(tonight, champion),
    )
    return standing, seen


def _seen(
    tonight: Tonight, champion: Contender, evidence: Evidence, earlier: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Tonight's numbers about the champion and the input, without those that are not known."""
    loss = _relative_loss(evidence.entries)
    numbers = {
        RELATIVE_LOSS: loss,
        LOSS_GROWTH: growth(
            loss, _loss_at_promotion(champion.version, earlier, _marked(evidence.entries))
        ),
        DRIFT: _drift(tonight, champion, evidence.panel),
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _bad_nights(tonight: Tonight, champion: Contender | None) -> str:
    """What the champion's last published nights came to, where that asks for a training."""
    if champion is None:
        return ""
    try:
        bad = bad_nights(tonight.warehouse, tonight.spec, tonight.cutoff, version=champion.version)
    except StorageError as error:  # tonight can be published without
        log().warning("How good the last nights were is not known: %s", error)
        return ""
    return in_words(bad, limits_of(tonight.spec))


def _relative_loss(entries: Sequence[Entry]) -> float | None:
    losses = {entry.contender.role: entry.losses for entry in entries}
    if CHAMPION not in losses or BASELINE not in losses:
        return None
    return relative_loss(losses[CHAMPION], losses[BASELINE])


def _marked(entries: Sequence[Entry]) -> dict[str, float]:
    """Which baseline a loss is relative to, as numbers."""
    roles = {entry.contender.role: entry.contender.name for entry in entries}
    return {f"{BASELINE_IS}{roles[BASELINE]}": 1.0} if BASELINE in roles else {}


def _loss_at_promotion(
    version: str, earlier: Sequence[Mapping[str, Any]], marked: Mapping[str, float]
) -> float | None:
    """Loss of a version relative to the baseline's on the evidence that promoted it.

    Of a version that a person put into service there is none; then its first night counts. A loss
    that is relative to another baseline than tonight's says nothing.
    """
    for decision in reversed(earlier):  # the oldest first
        numbers = decision["numbers"]
        if {name for name in numbers if name.startswith(BASELINE_IS)} - marked.keys():
            continue
        if decision["outcome"] == "promoted" and decision["champion"] == version:
            return _of_promoted(version, numbers)
        if decision["previous"] == version and RELATIVE_LOSS in numbers:
            return float(numbers[RELATIVE_LOSS])
    return None


def _of_promoted(version: str, numbers: Mapping[str, float]) -> float | None:
    name = version.split("-")[1]  # as registry.ModelVersion names them
    loss = numbers.get(f"{version}.loss", numbers.get(f"{name}.loss"))
    baseline = numbers.get(f"{BASELINE}.loss", 0.0)
    return loss / baseline if loss is not None and baseline > 0 else None


def _drift(tonight: Tonight, champion: Contender, panel: Panel | None) -> float | None:
    """How far the days of tonight's gate differ from what the champion learned from."""
    learned = champion.forecaster.trained_until
    if panel is None or learned is None:
        return None
    spec = tonight.spec
    season, judged = spec.season_length, spec.gate.origins * spec.origin_step
    seasons = max(2, -(-judged // season))  # whole ones, so that windows differ in no phase
    return input_drift(panel, learned_until=learned, span=seasons * season, season=season)


def _demoted(last: Mapping[str, Any], champion: Contender | None) -> bool:
    """Whether the last night took the champion of before out of service for the baseline."""
    previous = last.get("previous")
    still = champion is None or champion.version == previous
    return last.get("outcome") == BASELINE and previous is not None and still


def _since_training(tonight: Tonight, earlier: Sequence[Mapping[str, Any]]) -> pd.Timedelta | None:
    """From the last night that trained, with or without a result, to tonight."""
    tried = [row["cutoff"] for row in earlier if row["numbers"].get(TRAINED)]
    apart = set_apart(tonight.warehouse)
    made = [each.cutoff for each in versions(tonight.warehouse) if each.model_version not in apart]
    nights = [pd.Timestamp(night) for night in (*tried, *made)]
    return min((tonight.cutoff - night for night in nights if night < tonight.cutoff), default=None)
