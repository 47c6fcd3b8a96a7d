"""Trials: train and judge one spec after the other, until the budget is spent."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError, RefusedError
from data_contracts.spec import Spec
from models.folds import Fold, seen
from models.gate.evaluation import Forecasts, losses_of, summary
from tasks.progress import Step, log, stage
from tasks.reporting.artifacts import key
from tasks.search import Work, longest_learned
from tasks.starts import as_it_starts
from tasks.stores.studies import Claim
from tasks.stores.study_files import forecasts_file, read_forecasts, write_forecasts
from tasks.train import training_settings

if TYPE_CHECKING:
    from models.learning.training import Progress

OF_TRAINING = 0.9  # share of the time of a fold
SECONDS_BETWEEN_LOOKS = 1.0  # for trials of other processes to end


class _TimeOverError(Exception):
    """The budget in minutes ended within a trial."""


def trials_within_budget(work: Work) -> Iterator[Claim]:
    """Take trials until the budget is spent, and wait for those of other processes.

    Where another process dies, its trial is taken over.

    Raises:
        StorageError: If another process has locked the study.
    """
    study, shown = work.study, _begin_progress(work)
    at_first, _ = study.share_done()
    with stage("tune") as step:
        while True:
            claim = study.claim()
            if claim is not None:
                yield claim
            elif any(trial.outcome == "running" for trial in study.trials()):
                time.sleep(SECONDS_BETWEEN_LOOKS)
            else:
                break
            done, total = study.share_done()
            step(done - at_first, total - at_first, _best_so_far(work))
            _show_progress(shown, 100 * done / total)
        _show_progress(shown, 100.0)


@task(name="try", task_run_name="trial {claim.trial.number}", cache_policy=NO_CACHE)
def try_out(work: Work, claim: Claim) -> None:
    """Train one spec on every fold, and keep how good its forecasts were.

    It ends early where it is hopeless, and where the minutes are over; then nothing of it counts,
    and it is tried again when there are more. Folds that were finished are not trained again.

    Raises:
        NightcastError: If the spec as it is cannot be trained.
    """
    try:
        with stage(f"trial {claim.trial.number}") as step:
            _judge(work, claim, step)
    except _TimeOverError:
        claim.close("interrupted", "the minutes were over")
    except Exception as error:
        if claim.trial.as_it_is:  # without it there is nothing to compare others with
            claim.close("interrupted", str(error))
            raise
        kind = "" if isinstance(error, NightcastError) else f"{type(error).__name__}: "
        claim.close("failed", f"{kind}{error}")
        log().warning("Trial %s failed: %s%s", claim.trial.number, kind, error)
    except BaseException:  # Ctrl-C, or a worker that is told to stop
        claim.close("interrupted", "it was stopped")
        raise


def _judge(work: Work, claim: Claim, step: Step) -> None:
    """Train and score on one fold after the other; of several forecasters the best counts."""
    space = work.study.space
    spec = space.with_values(claim.trial.values)
    losses: dict[str, list[float]] = {candidate: [] for candidate in spec.candidates}
    parts = len(work.folds) * len(losses)
    best = spec.candidates[0]
    for at, fold in enumerate(work.folds):
        for number, candidate in enumerate(losses):
            note = f"fold {at + 1} of {len(work.folds)}, {candidate}"
            part = _part(step, at * len(losses) + number, parts, note)
            forecasts = _out_of_fold(work, claim, fold, _Job(spec, candidate, at + 1), part)
            losses[candidate].append(_wql(forecasts, at + 1))
        best = min(losses, key=lambda name: float(np.mean(losses[name])))
        if claim.report(losses[best], best) and at + 1 < len(work.folds):
            claim.close("pruned")
            return
    claim.close("complete", wql=float(np.mean(losses[best])))


class _Job:
    """One forecaster of one spec, on one fold, numbered from 1."""

    def __init__(self, spec: Spec, candidate: str, fold: int) -> None:
        self.spec, self.candidate, self.fold = spec, candidate, fold


def _out_of_fold(
    work: Work, claim: Claim, fold: Fold, job: _Job, step: Callable[[float], None]
) -> Forecasts:
    """Forecasts of a model that has not seen them; those that are kept are read."""
    path = forecasts_file(
        work.study.folder, claim.trial.values, fold=job.fold, candidate=job.candidate
    )
    if path.exists():
        return read_forecasts(path).forecasts
    from models.learning.cross_validation import forecast_fold

    deadline = time.monotonic() + work.study.seconds_left()

    def look_at_the_clock() -> None:
        if time.monotonic() > deadline:
            raise _TimeOverError

    def after_epoch(progress: "Progress") -> None:
        look_at_the_clock()
        step(OF_TRAINING * progress.done / progress.total)

    def after_batch(done: int, total: int) -> None:
        look_at_the_clock()
        step(OF_TRAINING + (1 - OF_TRAINING) * done / total)

    look_at_the_clock()
    tonight = replace(work.search.tonight, spec=job.spec)
    longest = longest_learned(work.panel, fold)
    settings = training_settings(tonight, job.candidate, longest=longest)
    made = forecast_fold(
        work.panel,
        as_it_starts(job.spec, settings, seen(work.panel, fold), train_until=fold.train_until),
        fold,
        season_length=job.spec.season_length,
        listener=after_epoch,
        progress=after_batch,
    )
    write_forecasts(path, made)
    return made.forecasts


def _wql(forecasts: Forecasts, fold: int) -> float:
    """Of one fold; see `models.scores.wql` for the convention."""
    loss = summary(losses_of(forecasts)).wql
    if not np.isfinite(loss):
        raise RefusedError(
            f"tuning: expected observed values that are not all 0 in fold {fold}, got a loss of "
            f"{loss}; choose other folds."
        )
    return loss


def _part(step: Step, number: int, count: int, note: str) -> Callable[[float], None]:
    """Reports to one of several equal parts of a step."""
    step(number, count, note)
    return lambda share: step(number + share, count, note)


def _best_so_far(work: Work) -> str:
    trials = [trial for trial in work.study.trials() if trial.wql is not None]
    if not trials:
        return ""
    best = min(trials, key=lambda trial: trial.wql or 0.0)
    return f"best WQL {best.wql:.4f}, trial {best.number}"


def _begin_progress(work: Work) -> Any:
    """The progress in the UI, None where the UI cannot take it."""
    spec = work.search.tonight.spec
    try:
        return create_progress_artifact(
            progress=0.0,
            key=key(spec.name, kind="tuning-progress"),
            description=f"How much of the budget of the tuning of {spec.name} is spent.",
        )
    except Exception as error:  # any failure of the UI: a search is not stopped by it
        log().warning("The progress is not among the artifacts of the UI: %s", error)
        return None


def _show_progress(shown: Any, percent: float) -> None:
    if isinstance(shown, UUID):
        with suppress(Exception):  # the next one may get through
            update_progress_artifact(shown, progress=min(100.0, percent))
