"""Who wants to be in service: what was trained tonight, and what still waits for a verdict."""

import pandas as pd

from data_contracts.errors import NightcastError
from models.panel import Ints
from tasks.contenders import CHALLENGER, Contender, misfit, open_contender
from tasks.promote import Service
from tasks.stores.records import settled
from tasks.stores.registry import ModelVersion, versions
from tasks.tonight import Tonight


def challengers_tonight(
    tonight: Tonight, before: Service, trained: list[Contender], origins: Ints
) -> list[Contender]:
    """Everyone who is judged beside the champion and the baseline.

    A challenger that is the champion already (a night that is run again) takes part once, as the
    champion.

    Args:
        tonight: The night.
        before: Who is in service.
        trained: What tonight's training made.
        origins: Slots from which contenders are judged.
    """
    seated = before.champion.version if before.champion else None
    fresh = [rival for rival in trained if rival.version != seated]
    if before.overtaken or not len(origins):
        return fresh
    return fresh + _waiting(tonight, {seated, *(rival.version for rival in trained)}, origins)


def _waiting(tonight: Tonight, known: set[str | None], origins: Ints) -> list[Contender]:
    """The newest version of each network that no earlier night had a verdict on.

    Too few origins, or a run that died between training and judging, cost a model nothing but time.
    """
    judged, of_nights = settled(tonight.warehouse, before=tonight.cutoff)
    oldest = tonight.cutoff - pd.Timedelta(days=tonight.spec.training.max_age_days)
    latest = tonight.grid.timestamp(int(origins[0]))  # else it has learned what it is judged on
    newest: dict[str, ModelVersion] = {}
    for record in versions(tonight.warehouse):
        recent = oldest <= record.train_cutoff <= latest and record.cutoff < tonight.cutoff
        waits = record.model_version not in judged | known and record.cutoff not in of_nights
        if recent and waits:
            newest[record.model] = record
    opened = (_opened(tonight, record) for record in newest.values())
    return [contender for contender in opened if contender is not None]


def _opened(tonight: Tonight, record: ModelVersion) -> Contender | None:
    """A version that can be judged tonight; one that cannot stays where it is."""
    try:
        contender = open_contender(tonight.warehouse, record.model_version, CHALLENGER)
    except NightcastError:
        return None
    return None if misfit(contender, tonight.spec) else contender
