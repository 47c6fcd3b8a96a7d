"""Tuned: write the new spec, the record and the page of a search."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import RefusedError
from data_contracts.plain_text import without_secrets
from data_contracts.search import Values
from data_contracts.spec import load_spec
from data_contracts.spec_yaml import read_yaml
from data_contracts.study import FoldSpan, Trial, Tuned
from models.folds import Fold
from tasks.lineage import code_version
from tasks.progress import log, stage
from tasks.reporting.artifacts import key
from tasks.reporting.study import markdown, render_study
from tasks.search import Search, Work, refuse_to_overwrite
from tasks.stores.files import write_text
from tasks.stores.locks import FileLock
from tasks.stores.sharing import share_file
from tasks.stores.spec_text import NewText, with_values
from tasks.stores.specs import spec_text
from tasks.stores.studies import SECONDS_LOCKED
from tasks.stores.study_files import NEW_SPEC, REPORT, drop_forecasts, write_result


@task(name="conclude", task_run_name="conclude", cache_policy=NO_CACHE)
def conclude(work: Work) -> Tuned:
    """Write down what was found, and show it in the UI; see `write_down` for the errors."""
    with stage("report"):
        tuned = write_down(work)
        _show(tuned)
    return tuned


def write_down(work: Work) -> Tuned:
    """Say which spec was the best, write it where it is better, and keep record and page.

    Nothing is put into service: the new spec has to pass the gate like any other.

    Raises:
        RefusedError: If the budget ended before the spec as it is was judged.
        SpecError: If the new spec would replace another file.
        StorageError: If another process has locked the study.
    """
    with FileLock(work.study.folder / "result.lock", seconds=SECONDS_LOCKED):
        trials = work.study.trials()
        _refuse_without_comparison(work, trials)
        best = _best(trials)
        tuned = _record(work, trials, best)
        tuned = _with_new_spec(work, tuned)
        needed = [trial for trial in trials if trial.as_it_is or trial.outcome == "running"]
        keep = [trial.values for trial in (best, *needed)]
        drop_forecasts(work.study.folder, keep=keep)
        timezone = work.search.tonight.grid.timezone
        write_result(work.search.tonight.warehouse, tuned, render_study(tuned, timezone=timezone))
    return tuned


def _refuse_without_comparison(work: Work, trials: list[Trial]) -> None:
    if any(trial.as_it_is and trial.wql is not None for trial in trials):
        return
    minutes = work.search.budget.minutes or 0.0
    done = max((len(trial.losses) for trial in trials if trial.as_it_is), default=0)
    raise RefusedError(
        f"minutes: expected time for the spec as it is on {len(work.folds)} folds, got "
        f"{minutes:g} minutes, which ended after {done} of them; run it again with more, and it "
        "goes on from there."
    )


def _best(trials: list[Trial]) -> Trial:
    """Of those that were judged on all folds; the spec as it is where none is better."""
    judged = [trial for trial in trials if trial.wql is not None]
    return min(judged, key=lambda trial: (trial.wql, not trial.as_it_is, trial.number))


def _record(work: Work, trials: list[Trial], best: Trial) -> Tuned:
    search, study = work.search, work.study
    tonight = search.tonight
    return Tuned(
        name=tonight.spec.name,
        spec=search.path,
        spec_digest=tonight.spec.digest,
        snapshot=work.snapshot,
        code_version=code_version(),
        as_of=tonight.as_of,
        cutoff=tonight.cutoff,
        folder=str(study.folder),
        horizon=tonight.spec.horizon,
        num_series=work.panel.num_series,
        folds=tuple(_span(work, fold) for fold in work.folds),
        trials=tuple(trials),
        best=best.number,
        importances=study.importances(),
        changes=study.space.changes(best.values),
        stopped=study.stopped,
        report=str(study.folder / REPORT),
    )


def _span(work: Work, fold: Fold) -> FoldSpan:
    tonight = work.search.tonight
    first, last = int(fold.origins[0]), int(fold.origins[-1])
    return FoldSpan(
        learns_until=tonight.grid.timestamp(fold.train_until),
        first_origin=tonight.grid.timestamp(first),
        last_origin=tonight.grid.timestamp(last),
        ends=tonight.grid.timestamp(last + tonight.spec.horizon),
        origins=len(fold.origins),
        series=None if fold.left_out is None else len(fold.left_out),
    )


def _with_new_spec(work: Work, tuned: Tuned) -> Tuned:
    """Write the spec with the values of the best trial, where they differ from what it has."""
    search, folder = work.search, work.study.folder
    if not tuned.changes:
        return tuned
    target = search.target
    refuse_to_overwrite(target, folder)
    new = _new_text(search, tuned.changes)
    written = [folder / NEW_SPEC, *([target.path] if target.path else [])]
    for path in reversed(written):  # the one that says what may be replaced comes last
        # What a URI keeps secret stays in the file of whoever asked for it.
        text = new.text if path == target.path else without_secrets(new.text)
        write_text(path, _remark(tuned) + text)
        load_spec(path)  # what is written can be read
    share_file(search.tonight.warehouse, folder / NEW_SPEC)
    return tuned.model_copy(
        update={
            "written": tuple(map(str, written)),
            "comments_lost": new.comments_lost,
            "next_command": _next_command(search, written[-1]),
        }
    )


def _next_command(search: Search, path: Path) -> str:
    """The night that trains the new spec and judges it, at the instant that was asked for."""
    asked = f" --as-of {search.tonight.as_of:%Y-%m-%dT%H:%MZ}" if search.asked_as_of else ""
    return f"nightcast run {path} --train always{asked}"


def _new_text(search: Search, changes: Values) -> NewText:
    """The text of the spec with other values, and with the name that keeps its warehouse."""
    spec = search.tonight.spec
    text = spec_text(search.path)
    named = {} if read_yaml(text).get("name") else {"name": spec.name}
    return with_values(text, {**changes, **named})


def _remark(tuned: Tuned) -> str:
    day = f"{tuned.cutoff:%Y-%m-%d}"
    return (
        f"# Trial {tuned.best} of `nightcast tune`, on what was known on {day}: WQL "
        f"{tuned.winner.wql:.4f} against {tuned.as_it_is.wql:.4f}.\n"
    )


def _show(tuned: Tuned) -> None:
    try:
        create_markdown_artifact(
            key=key(tuned.name, kind="tuning"),
            markdown=markdown(tuned),
            description=tuned.headline,
        )
    except Exception as error:  # any failure of the UI: what was found is kept nevertheless
        log().warning("The report is not among the artifacts of the UI: %s", error)
