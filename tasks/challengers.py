"""Who wants to be in service: what was trained tonight, and what still waits for a verdict."""

from data_contracts.errors import NightcastError
from models.panel import Ints
from tasks.contenders import CHALLENGER, Contender, misfit, open_proven
from tasks.service import Service
from tasks.stores.records import set_apart, settled
from tasks.stores.registry import ModelVersion, versions
from tasks.tonight import Tonight


def challengers_tonight(
    before: Service, trained: list[Contender], waiting: list[Contender]
) -> list[Contender]:
    """Everyone who is judged beside the champion and the baseline, each version once.

    Args:
        before: Who is in service; a night that is run again may train the champion again.
        trained: What tonight's training made.
        waiting: What no earlier night had a verdict on.
    """
    seated = before.champion.version if before.champion else None
    rivals = {rival.version: rival for rival in (*trained, *waiting)}
    return [rival for version, rival in rivals.items() if version != seated]


def waiting_challengers(tonight: Tonight, before: Service, origins: Ints) -> list[Contender]:
    """The newest version of each network that no earlier night had a verdict on.

    Too few origins, or a run that died between training and judging, cost a model nothing but time.
    A night that is run again has a verdict again on whom it trained. What a backfill trained waits
    for nothing.

    Args:
        tonight: The night.
        before: Who is in service.
        origins: Slots from which contenders are judged.
    """
    if before.overtaken or not len(origins):
        return []
    judged, of_nights = settled(tonight.warehouse, before=tonight.cutoff)
    oldest = tonight.cutoff - tonight.spec.champion_max_age
    latest = tonight.grid.timestamp(int(origins[0]))  # else it has learned what it is judged on
    apart = set_apart(tonight.warehouse)
    apart |= {before.champion.version} if before.champion else set()
    newest: dict[str, ModelVersion] = {}
    for record in versions(tonight.warehouse):
        recent = oldest <= record.cutoff <= tonight.cutoff and record.train_cutoff <= latest
        waits = record.model_version not in judged | apart and record.cutoff not in of_nights
        if recent and waits:
            newest[record.model] = record
    opened = (_opened(tonight, record) for record in newest.values())
    return [contender for contender in opened if contender is not None]


def made_before(tonight: Tonight, waiting: list[Contender]) -> tuple[str, ...]:
    """Versions of an earlier night, which are no reason to train; this one may not be done yet."""
    return tuple(
        rival.version for rival in waiting if rival.record and rival.record.cutoff < tonight.cutoff
    )


def _opened(tonight: Tonight, record: ModelVersion) -> Contender | None:
    """A version that can be judged tonight; one that cannot stays where it is."""
    try:
        contender = open_proven(tonight.warehouse, record.model_version, CHALLENGER)
    except NightcastError:
        return None
    return None if misfit(contender, tonight.spec) else contender
