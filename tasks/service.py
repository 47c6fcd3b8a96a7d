"""Who is in service, and who goes back into it where that one cannot be used."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from data_contracts.errors import ConflictError, NightcastError
from data_contracts.night import Decision
from data_contracts.vocabulary import BASELINE, CHAMPION
from tasks.contenders import Contender, misfit, open_proven
from tasks.lineage import code_version
from tasks.stores.records import Occasion, record_decision
from tasks.stores.registry import Champion, Why, champion_history, promote, served_before
from tasks.tonight import Tonight

BY_HAND = "by hand"  # in the place of a run, where a person moved the pointer


@dataclass(frozen=True, eq=False)
class Service:
    """Who is in service for the cutoff of a night.

    Attributes:
        champion: The version that was in service at the cutoff, None without one that can be used.
        pointer: What the registry says is in service now, a version or `baseline`; None before the
            first promotion. Promotion replaces exactly that.
        overtaken: Whether a later night has moved the pointer, so that this one must not.
        trouble: Why the version that was in service cannot be used, empty where it can.
        rolled_back: Whether this run has moved the pointer back because of that.
        replaced: The version that was rolled back, None without a roll-back.
        moved_tonight: Whether an earlier run of this night has moved the pointer on its evidence,
            which this run weighs again.
    """

    champion: Contender | None
    pointer: str | None
    overtaken: bool
    trouble: str = ""
    rolled_back: bool = False
    replaced: str | None = None
    moved_tonight: bool = False

    def champion_before(self, slot: int) -> Contender | None:
        """The champion, if it has learned from nothing after a slot."""
        learned = self.champion.forecaster.trained_until if self.champion else None
        return self.champion if learned is None or learned <= slot else None


def find_service(tonight: Tonight, *, may_move: bool = True, as_before: bool = False) -> Service:
    """Read the version that is in service at the cutoff from disk, and put it to the probe.

    Where its files are gone, altered or unreadable, or where it fails its probe, it is rolled back.
    One that was made for another horizon, calendar or covariates than the spec names by now is left
    out and stays in service, for the spec may be changed back.

    Args:
        tonight: The night; it sees moves of the pointer for its own cutoff and for earlier ones.
        may_move: Whether a roll-back moves the pointer; else it is good for this run alone, as it
            is in every backfill.
        as_before: Whether to pass over what the evidence of this very night has moved, so that a
            night that is run again weighs the same contenders again.
    """
    moves = champion_history(tonight.warehouse)
    latest = _present(tonight, moves)
    pointer = moves[-1].model_version if moves else None
    overtaken = bool(moves) and latest is not moves[-1]
    # Where a later night has moved on, this one is published again as it was decided then.
    present = _before(tonight, moves) if as_before and not overtaken else latest
    moved_tonight = present is not latest
    if present is None or present.version is None:
        return Service(None, pointer, overtaken, moved_tonight=moved_tonight)
    try:
        champion = open_proven(tonight.warehouse, present.version, CHAMPION)
    except NightcastError as error:
        if moved_tonight:  # whoever followed it tonight is in service by now
            return find_service(tonight, may_move=may_move)
        return roll_back(tonight, present.version, str(error), may_move=may_move)
    why = misfit(champion, tonight.spec)
    if why:
        trouble = f"The champion {champion.version} is left out, because {why}."
        return Service(None, pointer, overtaken, trouble, moved_tonight=moved_tonight)
    return Service(champion, pointer, overtaken, moved_tonight=moved_tonight)


def roll_back(
    tonight: Tonight,
    version: str,
    trouble: str,
    *,
    to_baseline: bool = False,
    may_move: bool = True,
) -> Service:
    """Put back into service the last version before one, of those that can be used.

    Without any, the baseline is in service until a new model is trained. A run that a later night
    has overtaken moves nothing, and its answer is good for itself alone. Where another run has put
    something else into service meanwhile, that is the answer.

    Args:
        tonight: The night.
        version: What has to go.
        trouble: Why, as sentences; becomes the reason of the move.
        to_baseline: Whether to pass over all versions.
        may_move: Whether the pointer is moved; that of a backfill never is.
    """
    moves = champion_history(tonight.warehouse)
    present = _present(tonight, moves)
    if present is None or present.model_version != version:
        return find_service(tonight, may_move=may_move)
    line = [] if to_baseline else served_before(moves, present)
    restored, champion = _first_usable(tonight, line)
    overtaken = present is not moves[-1]
    if overtaken or not (may_move and tonight.may_move):
        return Service(champion, moves[-1].model_version, overtaken, _sentences(trouble, champion))
    follower = champion.version if champion else BASELINE
    reason = _sentences(trouble, champion, moved=True)
    why = Why(tonight.run_id, reason, cutoff=tonight.cutoff, restores=restored)
    try:
        promote(tonight.warehouse, follower, expected=version, why=why)
    except ConflictError:
        return find_service(tonight)
    return Service(champion, follower, overtaken, reason, rolled_back=True, replaced=version)


def decision_of(move: Champion, outcome: Literal["rolled_back", "by_hand"]) -> Decision:
    """A move of the pointer that no evidence led to, as a decision."""
    return Decision(
        outcome=outcome,
        reason=move.reason,
        champion=move.version,
        previous=None if move.previous == BASELINE else move.previous,
        origins=0,
    )


def write_down(tonight: Tonight, decision: Decision) -> None:
    """Record what this run decided, in the place of what it had decided before."""
    occasion = Occasion(
        cutoff=tonight.cutoff,
        run_id=tonight.run_id,
        spec_digest=tonight.spec.digest,
        code_version=code_version(),
        decided_at=pd.Timestamp.now("UTC").as_unit("us"),
    )
    record_decision(tonight.warehouse, decision, occasion=occasion)


def _present(tonight: Tonight, moves: list[Champion]) -> Champion | None:
    """The last move that is good for the cutoff."""
    return next((move for move in reversed(moves) if move.cutoff <= tonight.cutoff), None)


def _before(tonight: Tonight, moves: list[Champion]) -> Champion | None:
    """The last move that is good for the cutoff and that no evidence of this night led to."""
    earlier = [
        move
        for move in moves
        if move.cutoff < tonight.cutoff or move.run_id == BY_HAND or move.restores is not None
    ]
    return _present(tonight, earlier)


def _first_usable(tonight: Tonight, line: list[Champion]) -> tuple[int | None, Contender | None]:
    """Number of the move to go back to, and its version; nothing where none can be used.

    Whoever was in service before the baseline was worse than it, so the line ends there.
    """
    for move in line:
        if move.version is None:
            return move.sequence, None
        try:
            contender = open_proven(tonight.warehouse, move.version, CHAMPION)
        except NightcastError:
            continue
        if not misfit(contender, tonight.spec):
            return move.sequence, contender
    return None, None


def _sentences(trouble: str, champion: Contender | None, *, moved: bool = False) -> str:
    """What was wrong, and what that led to."""
    if champion is None:
        then = "The baseline is in service until a new model is." if moved else ""
    else:
        then = f"{champion.version} {'is in service again' if moved else 'stands in'}."
    return f"{trouble} {then}".strip()
