"""Search: what a tuning stands on: its night, its budget, its folds, its study."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import RefusedError, SpecError
from data_contracts.ranges import CANDIDATES
from data_contracts.search import Space, Values, values_of
from data_contracts.spec import Spec
from models.folds import Fold, Plan, folds_by_series, folds_by_time
from models.gate.origins import evaluation_origins
from models.learning.settings import networks_in
from models.networks import check_network
from models.panel import Panel
from tasks.lineage import code_version
from tasks.progress import log
from tasks.stores.studies import Budget, Study
from tasks.stores.study_files import (
    NEW_SPEC,
    begin_study,
    digest_of,
    study_folder,
    unfinished,
)
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight, check_candidate, check_components, rehearse


class Target(NamedTuple):
    """Where the new spec goes beside the folder of the study.

    Attributes:
        path: A file, None for nowhere.
        overwrite: Whether one that is there may be replaced.
    """

    path: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Search:
    """What a tuning was asked for.

    Attributes:
        tonight: The night that it pretends to live in.
        path: Path or URI of the spec.
        space: What may be tried.
        budget: What may be spent.
        target: Where the new spec goes.
        asked_as_of: Whether the instant was asked for.
    """

    tonight: Tonight
    path: str
    space: Space
    budget: Budget
    target: Target
    asked_as_of: bool = False


@dataclass(frozen=True, eq=False)
class Work:
    """What every trial is judged on.

    Attributes:
        search: What was asked for.
        panel: Where histories and targets are.
        snapshot: Name of it.
        folds: In the order of time.
        study: The trials.
    """

    search: Search
    panel: Panel
    snapshot: str
    folds: list[Fold]
    study: Study


def budget_of(spec: Spec, trials: int | None, minutes: float | None) -> Budget:
    """What a search may spend: as asked, or else the trials that the spec says.

    Raises:
        SpecError: If it is nothing, or both are given.
    """
    if trials is not None and minutes is not None:
        raise SpecError(
            "trials and minutes: expected one of both, got both; a budget is in trials or in "
            "minutes."
        )
    if trials is not None and trials < 1:
        raise SpecError(f"trials: expected at least 1, the spec as it is, got {trials}.")
    if minutes is not None and not minutes > 0:
        raise SpecError(f"minutes: expected more than 0, got {minutes:g}.")
    if trials is None and minutes is None:
        return Budget(trials=spec.tuning.trials)
    return Budget(trials, minutes)


def check_target(target: Target) -> None:
    """Refuse a file that could not be written after hours.

    Raises:
        SpecError: Naming it.
    """
    path = target.path
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise SpecError(f"{path}: expected the name of a file in a folder that exists.")


def begin_tuning(
    spec_path: str,
    as_of: datetime | None,
    *,
    trials: int | None,
    minutes: float | None,
    target: Target,
) -> Search:
    """Prepare a search; one without `as_of` goes on with an unfinished one of the same spec.

    Args:
        spec_path: A YAML file, or the URI of one.
        as_of: The instant to pretend to live in; None takes that of the unfinished study of the
            last week, where there is one, or else the scheduled time of the run, or now.
        trials: Budget in trials.
        minutes: Budget in minutes of trials.
        target: Where the new spec goes.

    Raises:
        SpecError: If the spec, the budget or the target is wrong, or there is nothing to tune.
    """
    tonight = rehearse(spec_path, as_of)
    space = Space.of(tonight.spec)
    _check_networks(space)
    budget = budget_of(tonight.spec, trials, minutes)
    check_target(target)
    warehouse = open_warehouse(tonight.spec)
    if as_of is None:
        begun = unfinished(warehouse, _wanted(space), before=tonight.as_of, now=tonight.issued_at)
        if begun is not None:
            cutoff = tonight.grid.timestamp(tonight.grid.last_complete_slot(begun.as_of))
            tonight = replace(tonight, as_of=begun.as_of, cutoff=cutoff)
            log().info("Going on with %s, as of %s.", begun.folder, begun.as_of)
    return Search(tonight, spec_path, space, budget, target, asked_as_of=as_of is not None)


def choose_folds(tonight: Tonight, panel: Panel) -> list[Fold]:
    """The folds that specs are judged on; all of them lie before what the gate judges by.

    So the evidence of the gate stays unseen by the search, and the winner has yet to pass it.

    Raises:
        RefusedError: If the histories are too short for two folds, or there are fewer series than
            folds by series.
    """
    spec = tonight.spec
    gate = evaluation_origins(
        panel, origins=spec.gate.origins, every=spec.origin_step, horizon=spec.horizon
    )
    wanted = spec.tuning
    plan = Plan(
        folds=wanted.folds,
        origins=wanted.origins,
        every=wanted.every or spec.origin_step,
        window=wanted.window,
    )
    end = int(gate[0]) if len(gate) else panel.cutoff_slot
    folds: list[Fold] = []
    if len(gate) and wanted.by == "time":
        folds = folds_by_time(panel, plan, end=end, horizon=spec.horizon)
    elif len(gate):
        _refuse_too_few(panel, wanted.folds)
        seed = spec.training.seed
        folds = folds_by_series(panel, plan, end=end, horizon=spec.horizon, seed=seed)
    if not folds:
        wanted_folds = "folds by series" if wanted.by == "series" else "two folds"
        raise RefusedError(
            f"The longest history is {int(panel.lengths.max(initial=0))} steps, too short for "
            f"{wanted_folds} of a horizon of {spec.horizon} before the origins of the gate; lower "
            "horizon or wait for more history."
        )
    return folds


def _refuse_too_few(panel: Panel, folds: int) -> None:
    """Say it in terms of the spec where there are fewer series than folds by series."""
    if panel.num_series < folds:
        raise RefusedError(
            f"tuning.folds: expected at most as many folds by series as there are series, "
            f"{panel.num_series}, got {folds}; lower tuning.folds, or leave out tuning.by."
        )


def open_study(search: Search, panel: Panel, snapshot: Path, folds: list[Fold]) -> Work:
    """Begin a study, or go on with that of the same spec, data, code, ranges and folds.

    Raises:
        SpecError: If there is nothing to try, or the new spec would replace another file.
        StorageError: If another process has locked the study.
    """
    tonight, space = search.tonight, search.space
    identity = (_wanted(space), snapshot.name, [_identity(fold) for fold in folds])
    folder = study_folder(tonight.warehouse, tonight.cutoff, identity)
    refuse_to_overwrite(search.target, folder)
    longest = min(longest_learned(panel, fold) for fold in folds)
    study = Study(folder, space, search.budget, _trouble(space, longest))
    study.refuse_unless_there_is_something_to_try()
    begin_study(folder, _wanted(space), tonight.as_of)
    return Work(search, panel, snapshot.name, folds, study)


def refuse_to_overwrite(target: Target, folder: Path) -> None:
    """Refuse a file that is there, unless this study wrote it or it may be replaced.

    Raises:
        SpecError: Naming it.
    """
    if target.path is None or target.overwrite or not target.path.exists():
        return
    ours = folder / NEW_SPEC
    if not ours.exists() or ours.read_bytes() != target.path.read_bytes():
        raise SpecError(
            f"{target.path} exists already, and is not what this study wrote; name another file, "
            "or add --overwrite."
        )


def longest_learned(panel: Panel, fold: Fold) -> int:
    """Steps of the longest history that the training of a fold sees."""
    lengths = panel.lengths_until(fold.train_until)
    longest = int(lengths[fold.learned(panel)].max(initial=0))
    return min(longest, fold.train_until + 1 - fold.train_from)


def _identity(fold: Fold) -> tuple[object, ...]:
    """All that a fold is, as JSON can say it."""
    left_out = None if fold.left_out is None else fold.left_out.tolist()
    return fold.train_from, fold.train_until, fold.origins.tolist(), left_out


def _wanted(space: Space) -> str:
    """Digest of what is searched, whatever the data and the budget are."""
    ranges = {key: values_of(held) for key, held in space.ranges.items()}
    plan = space.spec.tuning.model_dump(mode="json", exclude={"ranges", "trials"})
    return digest_of((space.spec.digest, code_version(), ranges, plan))


def _check_networks(space: Space) -> None:
    for value in values_of(space.ranges.get(CANDIDATES, ())):
        for candidate in [value] if isinstance(value, str) else value:
            for network in networks_in(candidate):
                try:
                    check_network(network)
                except SpecError as error:
                    raise SpecError(f"tuning.ranges: {error}") from None


def _trouble(space: Space, longest: int) -> Callable[[Values], str]:
    return partial(_what_speaks_against, space, longest)


def _what_speaks_against(space: Space, longest: int, values: Values) -> str:
    try:
        spec = space.with_values(values)
        for candidate in spec.candidates:
            check_candidate(candidate, spec.training.members)
        check_components(spec)
    except SpecError as error:
        return str(error).removeprefix("tuning.ranges: ")
    context = spec.training.context_length
    if context is not None and context > longest:
        return (
            f"training.context_length: {context} steps, where the longest history that a fold "
            f"learns from has {longest}."
        )
    return ""
