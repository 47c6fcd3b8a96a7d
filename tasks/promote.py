"""Promote: find who is in service, decide who will be, write the decision down."""

from dataclasses import dataclass

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError
from data_contracts.night import Decision
from data_contracts.vocabulary import BASELINE, CHAMPION
from models.promotion import Rules, Verdict, decide
from tasks.contenders import Contender, open_contender
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
    """

    champion: Contender | None
    pointer: str | None
    overtaken: bool

    def age(self, cutoff: pd.Timestamp) -> pd.Timedelta | None:
        """Age of what the champion knows, None without a champion."""
        return self.champion.age(cutoff) if self.champion else None


@task(cache_policy=NO_CACHE)
def load_champion(tonight: Tonight) -> Service:
    """Find the version that was in service at the cutoff, and read it from disk.

    A run for an earlier cutoff sees the champion of that date, never a later one, which has learned
    from what was the future then.
    """
    moves = registry.champion_history(tonight.warehouse)
    known = {record.model_version: record for record in registry.versions(tonight.warehouse)}
    eligible = [move for move in moves if known[move.model_version].cutoff <= tonight.cutoff]
    pointer = moves[-1].model_version if moves else None
    champion = _open(tonight, eligible[-1].model_version) if eligible else None
    return Service(champion, pointer, overtaken=len(eligible) < len(moves))


def _open(tonight: Tonight, version: str) -> Contender | None:
    try:
        return open_contender(tonight.warehouse, version, CHAMPION)
    except NightcastError as trouble:
        # The night goes on with the others: readers always have a batch.
        get_run_logger().error("%s", trouble)
        return None


@task(
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def promote(
    tonight: Tonight, before: Service, entries: list[Entry]
) -> tuple[Contender, Decision]:
    """Decide who is in service from tonight on, move the pointer, and record the decision.

    Args:
        tonight: The night.
        before: Who was in service.
        entries: Everyone's losses on the unseen origins; the baseline's are among them.

    Returns:
        Who publishes tonight, and the decision.

    Raises:
        ConflictError: If another run has promoted meanwhile; run the night again.
    """
    with stage("promote"):
        verdict = _judge(tonight, entries)
        service = _chosen(verdict, entries)
        decision = _decision(verdict, service, before)
        if verdict.outcome == "promoted":
            registry.promote(
                tonight.warehouse,
                service.version,
                expected=before.pointer,
                run_id=tonight.run_id,
                reason=decision.reason,
            )
        occasion = Occasion(
            cutoff=tonight.cutoff,
            run_id=tonight.run_id,
            spec_digest=tonight.spec.digest,
            code_version=code_version(),
            decided_at=pd.Timestamp.now("UTC").as_unit("us"),
        )
        record_decision(
            tonight.warehouse, decision, occasion=occasion, numbers=verdict.numbers
        )
    return service, decision


def _judge(tonight: Tonight, entries: list[Entry]) -> Verdict:
    spec = tonight.spec
    losses = {role: {} for role in ("challenger", CHAMPION, BASELINE)}
    for entry in entries:
        losses[entry.contender.role][entry.contender.name] = entry.losses
    return decide(
        losses["challenger"],
        next(iter(losses[CHAMPION].values()), None),
        next(iter(losses[BASELINE].values())),
        Rules(
            levels=spec.quantile_levels,
            alpha=spec.gate.alpha,
            min_coverage=spec.gate.min_coverage,
            seed=spec.training.seed,
        ),
    )


def _chosen(verdict: Verdict, entries: list[Entry]) -> Contender:
    """Who publishes: a promoted challenger, the champion, or the baseline."""
    for entry in entries:
        contender = entry.contender
        promoted = verdict.outcome == "promoted" and contender.role == "challenger"
        if verdict.contender == (contender.name if promoted else contender.role):
            return contender
    raise LookupError(f"{verdict.contender} did not take part.")


def _decision(verdict: Verdict, service: Contender, before: Service) -> Decision:
    previous = before.champion.version if before.champion else None
    return Decision(
        outcome=verdict.outcome,
        reason=verdict.reason,
        champion=None if service.role == BASELINE else service.version,
        previous=previous,
        origins=verdict.origins,
    )
