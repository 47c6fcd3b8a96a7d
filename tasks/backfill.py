"""One date of a backfill: whose forecasts it publishes, and how that is written down.

Nothing here moves the pointer to the champion: `Tonight.may_move` is false for the whole run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.backfilled import Existing, Model, run_of
from data_contracts.errors import OvertakenError, SpecError
from data_contracts.night import Decision
from data_contracts.verdicts import Verdict
from models.gate.schedule import Due
from models.panel import Ints, Panel
from tasks.baselines import Baseline
from tasks.contenders import CHALLENGER, Contender, in_service, substitute_of
from tasks.evaluate import Entry, judge, unseen_origins
from tasks.progress import stage
from tasks.promote import judge_by_gate
from tasks.publish import published_by, refuse_another
from tasks.retries import DELAYS, may_pass_next_time
from tasks.service import Service, find_service, write_down
from tasks.stores.records import find_decision
from tasks.tonight import Tonight, begin

NO_SNAPSHOT = Path()  # of a date on which nothing learned from the panel
BY_GATE: Model = "retrain"
LAST = pd.Timestamp.max.tz_localize("UTC")  # a cutoff that sees every move


class Asked(NamedTuple):
    """What a backfill asks of each of its dates.

    Attributes:
        model: Whose forecasts.
        existing: What becomes of a batch that is there.
        backfill: Id of the backfill, empty for a date that is run alone.
    """

    model: Model
    existing: Existing
    backfill: str = ""


def begin_date(spec_path: str, as_of: datetime, asked: Asked) -> Tonight:
    """Prepare one date of a backfill, as `begin` prepares a night.

    Raises:
        SpecError: If the spec is wrong, or the date is not over yet.
        StorageError: If a table of the warehouse cannot be read.
        VersionError: If a newer Nightcast has written one.
    """
    night = begin(spec_path, as_of)
    if night.as_of > night.issued_at:
        raise SpecError(
            f"as_of: expected an instant that is over, got {night.as_of:%Y-%m-%d %H:%M} UTC, and "
            f"it is {night.issued_at:%Y-%m-%d %H:%M} UTC."
        )
    return replace(
        night,
        run_id=run_of(asked.model, asked.backfill or night.run_id),
        backfill=asked.model,
        yields=asked.existing == "skip",
    )


def refuse_done(tonight: Tonight) -> None:
    """Stop where nothing is to be published.

    Raises:
        OvertakenError: If this backfill has published the date, or a batch is there that stays.
    """
    if published_by(tonight) == tonight.run_id:
        raise OvertakenError("This backfill has published the date already.")
    refuse_another(tonight)


@task(
    name="load model",
    task_run_name="load model",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def load_model(tonight: Tonight) -> Service:
    """Find who was in service at the cutoff, or who is today, read it from disk, try its probe.

    Where that one cannot be used, whoever was in service before it stands in for this run alone.
    """
    today = tonight.backfill == "now"
    return find_service(
        replace(tonight, cutoff=LAST) if today else tonight, as_before=tonight.backfill == BY_GATE
    )


def origins_to_judge(tonight: Tonight, panel: Panel, before: Service) -> Ints:
    """Slots from which contenders are judged.

    Those that the champion has not learned from, where the gate is asked. Else all of them: the
    baseline is adjusted by them as it would have been, whatever the model has learned from.
    """
    return unseen_origins(tonight, panel, before.champion if tonight.backfill == BY_GATE else None)


@task(name="evaluate", task_run_name="evaluate", cache_policy=NO_CACHE)
def look_at(
    tonight: Tonight, panel: Panel, baseline: Contender, before: Service, origins: Ints
) -> list[Entry]:
    """Score the baseline, and a model that has learned from none of the origins.

    Nothing is kept in `evaluations.delta`, because no gate decides from it.
    """
    contenders = in_service(baseline, before.champion)
    fair = [each for each in contenders if len(each.unseen(origins)) == len(origins)]
    with stage("evaluate") as step:
        return judge(tonight, panel, fair, origins, step=step)


def retraining(origins: Ints) -> Due:
    """A date trains because the backfill asks for it, whatever is in service by now."""
    if len(origins):
        return Due(True, "Trained as of this date, because the backfill asks for it.")
    return Due(False, "No training, because the histories are too short to judge a model after it.")


def no_training(tonight: Tonight) -> Due:
    """A date that takes a model as it is."""
    whose = "today" if tonight.backfill == "now" else "then"
    return Due(False, f"No training, because the backfill asks for the champion of {whose}.")


@task(
    name="choose",
    task_run_name="choose",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def choose(
    tonight: Tonight,
    before: Service,
    baseline: Baseline,
    entries: list[Entry],
    *,
    segments: Mapping[str, Sequence[str]],
) -> tuple[Contender, Decision]:
    """Say who publishes a date, and write down why; nobody is put into service.

    Args:
        tonight: The date.
        before: Who is asked for.
        baseline: Who publishes where nobody is in service.
        entries: Everyone's losses, if the gate is to judge.
        segments: By static column, the label of every series that was judged.
    """
    if tonight.backfill == BY_GATE:
        chosen, decision = _by_gate(tonight, before, entries, segments)
    else:
        chosen, decision = _as_asked(tonight, before, baseline)
    write_down(tonight, decision)
    return chosen, decision


@task(
    name="stand in",
    task_run_name="stand in",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def stand_in(
    tonight: Tonight, decision: Decision, publisher: Contender, output: Verdict
) -> tuple[Contender, Decision]:
    """Let the seasonal naive publish in the place of a model whose batch breaks its contract.

    Args:
        tonight: The date.
        decision: What was decided so far.
        publisher: Whose batch it is.
        output: The verdict on it.
    """
    what = " ".join(finding.sentence for finding in output.critical)
    reason = f"The batch of {publisher.version} broke its contract. {what}"
    instead = decision.model_copy(update={"outcome": "fallback", "reason": reason})
    write_down(tonight, instead)
    return substitute_of(tonight.spec), instead


def _by_gate(
    tonight: Tonight,
    before: Service,
    entries: list[Entry],
    segments: Mapping[str, Sequence[str]],
) -> tuple[Contender, Decision]:
    chosen, verdict = judge_by_gate(tonight, before, entries, segments)
    made = find_decision(tonight.warehouse, tonight.cutoff, tonight.run_id).get("judged") or ()
    reason = f"{chosen.version} publishes: {verdict.reason}"
    if chosen.role == CHALLENGER:
        reason += " It was not put into service."
    decision = verdict.model_copy(
        update={
            "outcome": "backfilled",
            "reason": reason,
            "champion": _version(before),
            "previous": _version(before),
            "judged": tuple(made),
        }
    )
    return chosen, decision


def _as_asked(tonight: Tonight, before: Service, baseline: Baseline) -> tuple[Contender, Decision]:
    today = tonight.backfill == "now"
    champion = before.champion
    if champion is None:
        publisher = baseline.contender
        reason = f"{publisher.version} publishes, because no model " + (
            "is in service today." if today else "was in service at this cutoff."
        )
    else:
        publisher = champion
        reason = f"{champion.version} publishes, because it " + (
            "is in service today." if today else "was in service at this cutoff."
        )
        reason += _hindsight(tonight, champion)
    decision = Decision(
        outcome="backfilled",
        reason=" ".join(filter(None, [before.trouble, reason])),
        champion=_version(before),
        previous=_version(before),
        origins=0,
    )
    return publisher, decision


def _version(before: Service) -> str | None:
    return before.champion.version if before.champion else None


def _hindsight(tonight: Tonight, champion: Contender) -> str:
    """Of a model that may know what came, that it may; empty of one that cannot."""
    if champion.record is None or champion.record.train_cutoff <= tonight.cutoff:
        return ""
    return (
        f" It has learned from days up to {champion.record.train_cutoff:%Y-%m-%d}, after this "
        "cutoff, and may know what came: how good it is here is no evidence."
    )
