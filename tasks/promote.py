"""Promote: find who is in service, decide who will be, write the decision down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ConflictError
from data_contracts.night import Decision
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import BASELINE, CHAMPION
from models.gate import promotion
from tasks.catch_up import comes_late
from tasks.contenders import CHALLENGER, Contender, substitute_of
from tasks.evaluate import Entry
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.service import Service, decision_of, find_service, roll_back, write_down
from tasks.stores import registry
from tasks.stores.registry import Why
from tasks.tonight import Tonight

# Rules of the output contract that a batch of any model would break.
NOT_THE_MODELS_FAULT = {"few_substituted"}


@task(
    name="load champion",
    task_run_name="load champion",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def load_champion(tonight: Tonight, *, may_move: bool = True) -> Service:
    """Find the version that was in service at the cutoff, read it from disk, and try its probe.

    A run for an earlier cutoff sees the champion of that date, never a later one, which has learned
    from what was the future then. One that cannot be read, or that fails its probe, is rolled back
    to the last one before it that can be used, which is recorded; one that was made for another
    horizon, calendar or covariates than the spec names by now is left out. Whatever happens to a
    model, readers have a batch.

    Args:
        tonight: The night.
        may_move: Whether the pointer may be moved, which a rehearsal must not.
    """
    late = comes_late(tonight)
    before = find_service(tonight, may_move=may_move, as_before=not late)
    before = replace(before, overtaken=before.overtaken or late)
    move = registry.champion(tonight.warehouse) if before.rolled_back else None
    if move is not None:
        write_down(tonight, decision_of(move, "rolled_back"))
    return before


@task(
    name="promote",
    task_run_name="promote",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def promote(
    tonight: Tonight,
    before: Service,
    entries: list[Entry],
    *,
    segments: Mapping[str, Sequence[str]] = {},
    noted: Mapping[str, float] = {},
) -> tuple[Contender, Decision]:
    """Decide who is in service from tonight on, move the pointer, and record the decision.

    Args:
        tonight: The night.
        before: Who was in service.
        entries: Everyone's losses on the unseen origins; the baseline's are among them.
        segments: By static column, the label of every series that was judged.
        noted: Numbers that the next nights need, kept beside those of the decision.

    Returns:
        Who publishes tonight, and the decision. Where another run has moved the pointer meanwhile,
        what it put into service publishes, unjudged, if it can be used for this cutoff.
    """
    with stage("promote"):
        if before.overtaken:  # its model could never be in service
            entries = [entry for entry in entries if entry.contender.role != CHALLENGER]
        contender, decision = judge_by_gate(tonight, before, entries, segments)
        decision = decision.model_copy(update={"numbers": {**decision.numbers, **noted}})
        try:
            _move_pointer(tonight, before, decision)
        except ConflictError:
            contender, decision = _outrun(tonight, contender, decision, _baseline(entries))
        write_down(tonight, decision)
    return contender, decision


def judge_by_gate(
    tonight: Tonight,
    before: Service,
    entries: list[Entry],
    segments: Mapping[str, Sequence[str]],
) -> tuple[Contender, Decision]:
    """Whom the gate lets publish, and its decision; nothing is moved or written."""
    verdict = _judge(tonight, before, entries, segments)
    contender = _chosen(verdict, entries)
    return contender, _decision(verdict, contender, before, judged=_judged(verdict, entries))


@task(
    name="fall back",
    task_run_name="fall back",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def fall_back(tonight: Tonight, decision: Decision, output: Verdict) -> tuple[Contender, Decision]:
    """Say who publishes in the place of a model whose batch breaks its contract.

    It is rolled back to who was in service before it. Where the batch of that one is broken too,
    the baseline publishes, and is in service until a new model is trained. Where no model could
    keep the contract, or the baseline of the spec has not, the seasonal naive publishes for tonight
    alone.

    Args:
        tonight: The night.
        decision: What was decided so far.
        output: The verdict on the batch.

    Returns:
        Who publishes instead, whose batch is to be validated in turn, and the decision.
    """
    what = " ".join(finding.sentence for finding in output.critical)
    reason = f"The batch of {decision.champion or 'the baseline'} broke its contract. {what}"
    not_the_models = {each.expectation for each in output.critical} <= NOT_THE_MODELS_FAULT
    if decision.champion is None or not_the_models:
        instead = decision.model_copy(update={"outcome": "fallback", "reason": reason})
        write_down(tonight, instead)
        return substitute_of(tonight.spec), instead
    return _rolled_back(tonight, decision, reason)


def _rolled_back(tonight: Tonight, decision: Decision, reason: str) -> tuple[Contender, Decision]:
    twice = decision.outcome == "rolled_back"
    now = roll_back(tonight, str(decision.champion), reason, to_baseline=twice)
    by_now = "" if now.trouble else f"{reason} {now.pointer} is in service by now."
    publisher = now.champion if now.champion and not twice else substitute_of(tonight.spec)
    instead = decision.model_copy(
        update={
            "outcome": "fallback" if publisher.role == BASELINE else "rolled_back",
            "reason": " ".join([decision.reason] * twice + [now.trouble or by_now]),
            "champion": now.champion.version if now.champion else None,
        }
    )
    write_down(tonight, instead)
    return publisher, instead


def _move_pointer(tonight: Tonight, before: Service, decision: Decision) -> None:
    """Put into service what was promoted, or take out of it what is worse than the baseline.

    A backfill moves nothing.

    Raises:
        ConflictError: If another run has moved the pointer meanwhile.
    """
    why = Why(tonight.run_id, decision.reason, cutoff=tonight.cutoff)
    demoted = decision.outcome == "baseline" and before.champion is not None
    moves = decision.outcome == "promoted" or demoted or before.moved_tonight
    if moves and not before.overtaken and tonight.may_move:
        to = decision.champion or BASELINE
        registry.promote(tonight.warehouse, to, expected=before.pointer, why=why)


def _outrun(
    tonight: Tonight, contender: Contender, decision: Decision, baseline: Contender
) -> tuple[Contender, Decision]:
    """Who publishes, and what is recorded, where another run has moved the pointer meanwhile."""
    now = find_service(tonight)
    what = f"{now.pointer} was put into service by another run meanwhile"
    then = f"; {contender.version} is judged again tomorrow" if contender.role == CHALLENGER else ""
    outrun = decision.model_copy(
        update={
            "outcome": "kept" if now.champion else "baseline",
            "reason": " ".join(filter(None, [f"{what}{then}.", now.trouble])),
            "champion": now.champion.version if now.champion else None,
            "judged": tuple(each for each in decision.judged if each != contender.version),
        }
    )
    return now.champion or baseline, outrun


def _baseline(entries: list[Entry]) -> Contender:
    return next(entry.contender for entry in entries if entry.contender.role == BASELINE)


def _judge(
    tonight: Tonight, before: Service, entries: list[Entry], segments: Mapping[str, Sequence[str]]
) -> promotion.Verdict:
    challengers = {label: entry.losses for label, entry in _challengers(entries).items()}
    losses = {e.contender.role: e.losses for e in entries if e.contender.role != CHALLENGER}
    return promotion.decide(
        challengers, losses.get(CHAMPION), losses[BASELINE], _rules(tonight, before), segments
    )


def _rules(tonight: Tonight, before: Service) -> promotion.Rules:
    spec, gate = tonight.spec, tonight.spec.gate
    age = before.champion.age(tonight.cutoff) if before.champion else None
    return promotion.Rules(
        levels=spec.quantile_levels,
        alpha=gate.alpha,
        min_gain=gate.min_gain,
        margin=gate.margin,
        overdue=age is not None and age > spec.champion_max_age,
        min_coverage=gate.min_coverage,
        min_missed=gate.min_missed,
        max_bias=gate.max_bias,
        max_worst_tenth=gate.max_worst_tenth,
        max_segment=gate.max_segment,
        seed=spec.training.seed,
    )


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
    back = before.trouble if before.rolled_back else ""
    stays = verdict.outcome in ("kept", "blocked")
    return Decision(
        outcome="rolled_back" if back and stays else verdict.outcome,
        reason=f"{back} {verdict.reason}".strip(),
        champion=None if chosen.role == BASELINE else chosen.version,
        previous=before.replaced or (before.champion.version if before.champion else None),
        origins=verdict.origins,
        numbers=verdict.numbers,
        judged=judged,
    )
