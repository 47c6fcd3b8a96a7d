"""Promote: find who is in service, decide who will be, write the decision down."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ConflictError, NightcastError
from data_contracts.night import Decision
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import BASELINE, CHAMPION
from models import promotion
from tasks.contenders import CHALLENGER, Contender, baseline_of, misfit, open_contender
from tasks.evaluate import Entry
from tasks.lineage import code_version
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores import registry
from tasks.stores.records import Occasion, record_decision
from tasks.tonight import Tonight


@dataclass(frozen=True, eq=False)
class Service:
    """Who was in service before tonight.

    Attributes:
        champion: The version that was in service at the cutoff, None without one that can be used.
        pointer: What the registry says is in service now; promotion replaces exactly that.
        overtaken: Whether a later night has moved the pointer, so that this one must not.
        trouble: Why the version that was in service cannot be used, empty where it can.
    """

    champion: Contender | None
    pointer: str | None
    overtaken: bool
    trouble: str = ""

    def champion_before(self, slot: int) -> Contender | None:
        """The champion, if it has learned from nothing after a slot."""
        learned = self.champion.forecaster.trained_until if self.champion else None
        return self.champion if learned is None or learned <= slot else None


@task(name="load champion", task_run_name="load champion", cache_policy=NO_CACHE)
def load_champion(tonight: Tonight) -> Service:
    """Find the version that was in service at the cutoff, and read it from disk.

    A run for an earlier cutoff sees the champion of that date, never a later one, which has learned
    from what was the future then. One that cannot be read, or that was made for another horizon,
    calendar or covariates than the spec names by now, is left out, so that a new one is trained:
    whatever happens to a model, readers have a batch.
    """
    moves = registry.champion_history(tonight.warehouse)
    known = {record.model_version: record for record in registry.versions(tonight.warehouse)}
    eligible = [move for move in moves if known[move.model_version].cutoff <= tonight.cutoff]
    pointer = moves[-1].model_version if moves else None
    overtaken = len(eligible) < len(moves)
    if not eligible:
        return Service(None, pointer, overtaken)
    try:
        champion = open_contender(tonight.warehouse, eligible[-1].model_version, CHAMPION)
    except NightcastError as error:
        return Service(None, pointer, overtaken, trouble=str(error))
    why = misfit(champion, tonight.spec)
    if why:
        trouble = f"The champion {champion.version} is left out, because {why}."
        return Service(None, pointer, overtaken, trouble)
    return Service(champion, pointer, overtaken)


@task(
    name="promote",
    task_run_name="promote",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def promote(
    tonight: Tonight, before: Service, entries: list[Entry], *, noted: Mapping[str, float] = {}
) -> tuple[Contender, Decision]:
    """Decide who is in service from tonight on, move the pointer, and record the decision.

    Args:
        tonight: The night.
        before: Who was in service.
        entries: Everyone's losses on the unseen origins; the baseline's are among them.
        noted: Numbers that the next nights need, kept beside those of the decision.

    Returns:
        Who publishes tonight, and the decision.

    Raises:
        ConflictError: If another run has promoted meanwhile; run the night again.
    """
    with stage("promote"):
        verdict = _judge(tonight, entries)
        contender = _chosen(verdict, entries)
        decision = _decision(verdict, contender, before, judged=_judged(verdict, entries))
        decision = decision.model_copy(update={"numbers": {**decision.numbers, **noted}})
        if verdict.outcome == "promoted":
            registry.promote(
                tonight.warehouse,
                contender.version,
                expected=before.pointer,
                run_id=tonight.run_id,
                reason=decision.reason,
            )
        _record(tonight, decision)
    return contender, decision


@task(name="fall back", task_run_name="fall back", cache_policy=NO_CACHE)
def fall_back(
    tonight: Tonight, before: Service, decision: Decision, output: Verdict
) -> tuple[Contender, Decision]:
    """Let the baseline publish in the place of a model whose batch breaks its contract.

    Where the model was promoted tonight, the version that was in service before is so again. The
    first version ever has none before it, and stays.

    Args:
        tonight: The night.
        before: Who was in service before it.
        decision: What the gate decided.
        output: The verdict on the batch.
    """
    what = " ".join(finding.sentence for finding in output.critical)
    reason = f"The batch of {decision.champion} broke its contract. {what}"
    champion = decision.champion
    if decision.outcome == "promoted" and champion and before.pointer:
        champion = _give_back(tonight, champion, before.pointer, reason)
        reason += f" {champion} is in service in its place."
    instead = decision.model_copy(
        update={"outcome": "fallback", "reason": reason, "champion": champion}
    )
    _record(tonight, instead)
    return baseline_of(tonight.spec), instead


def _give_back(tonight: Tonight, version: str, previous: str, reason: str) -> str:
    """Put back into service what was there before a version; return what is in service then."""
    with suppress(ConflictError):  # another run has replaced the version, which is as good
        registry.promote(
            tonight.warehouse, previous, expected=version, run_id=tonight.run_id, reason=reason
        )
    move = registry.champion(tonight.warehouse)
    return move.model_version if move else previous


def _judge(tonight: Tonight, entries: list[Entry]) -> promotion.Verdict:
    spec = tonight.spec
    challengers = {label: entry.losses for label, entry in _challengers(entries).items()}
    losses = {e.contender.role: e.losses for e in entries if e.contender.role != CHALLENGER}
    rules = promotion.Rules(
        levels=spec.quantile_levels,
        alpha=spec.gate.alpha,
        min_coverage=spec.gate.min_coverage,
        seed=spec.training.seed,
    )
    return promotion.decide(challengers, losses.get(CHAMPION), losses[BASELINE], rules)


def _chosen(verdict: promotion.Verdict, entries: list[Entry]) -> Contender:
    """Who publishes: the promoted challenger, the champion, or the baseline."""
    if verdict.outcome == "promoted":
        return _challengers(entries)[verdict.contender].contender
    return next(entry.contender for entry in entries if entry.contender.role == verdict.contender)


def _challengers(entries: list[Entry]) -> dict[str, Entry]:
    """Who wants to be in service, by the name that the gate calls it.

    That is the name of its network, or its version where an older one of that network waits.
    """
    labelled: dict[str, Entry] = {}
    for entry in (each for each in entries if each.contender.role == CHALLENGER):
        taken = entry.contender.name in labelled
        labelled[entry.contender.version if taken else entry.contender.name] = entry
    return labelled


def _judged(verdict: promotion.Verdict, entries: list[Entry]) -> tuple[str, ...]:
    """Versions of the challengers that the gate had a verdict on."""
    return tuple(
        entry.contender.version
        for label, entry in _challengers(entries).items()
        if label in verdict.rejected or label == verdict.contender
    )


def _decision(
    verdict: promotion.Verdict, chosen: Contender, before: Service, *, judged: tuple[str, ...]
) -> Decision:
    return Decision(
        outcome=verdict.outcome,
        reason=verdict.reason,
        champion=None if chosen.role == BASELINE else chosen.version,
        previous=before.champion.version if before.champion else None,
        origins=verdict.origins,
        numbers=verdict.numbers,
        judged=judged,
    )


def _record(tonight: Tonight, decision: Decision) -> None:
    occasion = Occasion(
        cutoff=tonight.cutoff,
        run_id=tonight.run_id,
        spec_digest=tonight.spec.digest,
        code_version=code_version(),
        decided_at=pd.Timestamp.now("UTC").as_unit("us"),
    )
    record_decision(tonight.warehouse, decision, occasion=occasion)
