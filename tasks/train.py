"""Train challengers on a snapshot, and store them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError
from data_contracts.night import Decision
from data_contracts.spec import NO_START
from models.forecasters.forecaster import Forecaster
from models.gate.schedule import Due, When, training_due
from models.learning.pretrained import pretrained_settings
from models.learning.settings import TrainingSettings
from models.panel import Ints, Panel
from tasks.contenders import CHALLENGER, Contender, open_contender
from tasks.lineage import code_version, library_versions
from tasks.progress import Step, stage, taken_over
from tasks.service import Service, write_down
from tasks.standing import NO_EVIDENCE, TRAINED, Evidence, bounds_of, standing_tonight
from tasks.starts import Start, choose_starts
from tasks.stores.records import set_apart
from tasks.stores.registry import ModelVersion, find_version, is_stored
from tasks.stores.runs import events_folder
from tasks.stores.snapshots import load_panel
from tasks.tonight import Tonight, decomposition_of
from tasks.versions import keep_version

if TYPE_CHECKING:
    from models.learning.training import Listener, Progress

WENT_ON = " and the night went on without it"


class Trained(NamedTuple):
    """What came out of tonight's training.

    Attributes:
        challengers: The models that were trained.
        failures: One sentence per network whose training failed.
        starts: One sentence per network on where its training began, if not simply from scratch.
        where: One sentence on the worker that training was handed to, empty where it was not.
        counts: Whether it was a training, after which the next has to wait; not where no worker
            brought it to an end.
    """

    challengers: list[Contender]
    failures: list[str]
    starts: tuple[str, ...] = ()
    where: str = ""
    counts: bool = True

    def noted(self, due: Due) -> Mapping[str, float]:
        """What the next nights have to know of tonight's training."""
        return due.numbers if self.counts else {**due.numbers, TRAINED: 0.0}


def training_tonight(
    tonight: Tonight,
    before: Service,
    origins: Ints,
    *,
    asked: When | None,
    evidence: Evidence = NO_EVIDENCE,
) -> Due:
    """Whether tonight trains, as asked or as the spec says.

    A night that a later one has overtaken trains nothing, because its model could never be in
    service, and neither does one without an origin from which to judge a model.

    Args:
        tonight: The night.
        before: Who is in service.
        origins: Slots from which a model would be judged.
        asked: What the command says, None to go by the spec.
        evidence: What tonight has seen of the champion and the input.

    Returns:
        The answer, its reason, and numbers that belong into the record of tonight's decision.
    """
    if before.overtaken:
        return Due(False, "No training, because a later night has decided who is in service.")
    if not len(origins):
        return Due(
            False, "No training, because the histories are too short to judge a model afterwards."
        )
    standing, numbers = standing_tonight(tonight, before, evidence)
    due = training_due(asked or tonight.spec.training.when, standing, bounds_of(tonight.spec))
    return replace(due, numbers={**numbers, TRAINED: float(due.train)})


def train_challengers(tonight: Tonight, due: Due, snapshot: Path, origins: Ints) -> Trained:
    """Train every candidate, if training is due, on what lies before the first origin.

    Where one fails, its task has failed and says why; the night goes on with the others, with the
    champion and with the baseline, because readers always have a batch.

    Raises:
        SpecError: If the spec names a version to start from that does not fit.
    """
    if not due.train:
        return Trained([], [])
    return train_candidates(tonight, snapshot, train_until=int(origins[0]))


def train_candidates(
    tonight: Tonight, snapshot: Path, *, train_until: int, limit: float | None = None
) -> Trained:
    """Train every candidate on what lies before the unseen origins; what fails is left out.

    Args:
        tonight: The night.
        snapshot: Folder of the panel to learn from.
        train_until: Slot of the last step that training may see.
        limit: Seconds after which the training of one candidate is given up, None: never.

    Raises:
        SpecError: If the spec names a version to start from that does not fit.
    """
    starts = starts_tonight(tonight, load_panel(snapshot), train_until=train_until)
    if not tonight.may_move:
        keep_apart(tonight, snapshot, starts, train_until)
    trained = Trained([], [], told_of(tonight, starts))
    for network, start in starts.items():
        state = train_challenger.with_options(timeout_seconds=limit)(
            tonight, network, snapshot, train_until=train_until, start=start, return_state=True
        )
        made = state.result(raise_on_failure=False)
        if isinstance(made, Contender):
            trained.challengers.append(made)
        else:
            trained.failures.append(_failure(network, made))
    return trained


def starts_tonight(tonight: Tonight, panel: Panel, *, train_until: int) -> dict[str, Start]:
    """Where the training of every candidate begins.

    Raises:
        SpecError: If the spec names a version that does not fit.
    """
    longest = _longest(panel, train_until)
    settings = {
        network: training_settings(tonight, network, longest=longest)
        for network in tonight.spec.candidates
    }
    return choose_starts(tonight, settings, panel, train_until=train_until)


def told_of(tonight: Tonight, starts: Mapping[str, Start]) -> tuple[str, ...]:
    """Why trainings begin where they do, except where the spec wants all of them from scratch."""
    asked = tonight.spec.training.start_from != NO_START
    return tuple(start.reason for start in starts.values()) if asked else ()


def _longest(panel: Panel, train_until: int) -> int:
    return int(panel.lengths_until(train_until).max(initial=0))


def keep_apart(
    tonight: Tonight, snapshot: Path, starts: dict[str, Start], train_until: int
) -> None:
    """Say before they exist that these versions are for a backfill alone, in case it dies.

    A version that a night has stored stays the night's.
    """
    made = [
        version_of(tonight, network, snapshot, train_until, start).model_version
        for network, start in starts.items()
    ]
    apart = set_apart(tonight.warehouse)
    own = [each for each in made if each in apart or not is_stored(tonight.warehouse, each)]
    write_down(
        tonight,
        Decision(
            outcome="backfilled",
            reason="A backfill trains, and has decided nothing yet.",
            champion=None,
            previous=None,
            origins=0,
            judged=tuple(own),
        ),
    )


def _failure(network: str, error: object) -> str:
    kind = "" if isinstance(error, NightcastError) else f"{type(error).__name__}: "
    return f"The training of {network} failed{WENT_ON}: {kind}{error}"


@task(task_run_name="train {network}", cache_policy=NO_CACHE)
def train_challenger(
    tonight: Tonight, network: str, snapshot: Path, *, train_until: int, start: Start
) -> Contender:
    """Train a network on what lies before the unseen origins, store it, and read it back.

    A version that an earlier run of this night has stored is not trained again: the same spec,
    snapshot, seed, start and code give the same model.

    Args:
        tonight: The night.
        network: Name of the network.
        snapshot: Folder of the panel to learn from.
        train_until: Slot of the last step that training may see.
        start: Where it begins.
    """
    version = version_of(tonight, network, snapshot, train_until, start)
    with stage(f"train {network}") as step:
        if is_stored(tonight.warehouse, version.model_version):
            stored = find_version(tonight.warehouse, version.model_version)
            when = f"{stored.created_at:%Y-%m-%d %H:%M} UTC"
            taken_over(f"train {network} was taken over as it was stored at {when}.")
        else:
            begun = time.monotonic()
            panel = load_panel(snapshot)
            with _event_log(tonight, network) as log:
                forecaster = _fit(
                    tonight,
                    network,
                    panel,
                    train_until=train_until,
                    start=start,
                    listeners=[_shown_in(step), *log],
                )
            minutes = (time.monotonic() - begun) / 60
            now = pd.Timestamp.now("UTC").as_unit("us")
            keep_version(tonight, version.finished(now, minutes), forecaster, panel)
    return open_contender(tonight.warehouse, version.model_version, CHALLENGER)


@task(name="rehearse", task_run_name="rehearse {network}", cache_policy=NO_CACHE)
def rehearse_challenger(
    tonight: Tonight, network: str, panel: Panel, *, train_until: int, start: Start
) -> Contender:
    """Train a network for a backtest; it is scored and forgotten, never stored."""
    with stage(f"train {network}") as step:
        listeners = [_shown_in(step)]
        forecaster = _fit(
            tonight, network, panel, train_until=train_until, start=start, listeners=listeners
        )
    return Contender(forecaster, CHALLENGER, version=network)


def _shown_in(step: Step) -> "Listener":
    def report(progress: "Progress") -> None:
        step(progress.done, progress.total, f"loss {progress.loss:.3f}")

    return report


@contextmanager
def _event_log(tonight: Tonight, network: str) -> Iterator[list["Listener"]]:
    """Who writes down how a training goes; nobody where the spec does not ask for it."""
    if tonight.spec.training.log == "none":
        yield []
        return
    from models.learning.event_log import EventLog

    folder = events_folder(tonight.warehouse, tonight.cutoff) / network
    with EventLog(folder) as log:
        yield [log.add]


def _fit(
    tonight: Tonight,
    network: str,
    panel: Panel,
    *,
    train_until: int,
    start: Start,
    listeners: list["Listener"],
) -> Forecaster:
    from models.learning.training import train

    def report(progress: "Progress") -> None:
        for listener in listeners:
            listener(progress)

    settings = training_settings(tonight, network, longest=_longest(panel, train_until))
    if start.pretrained:
        settings = pretrained_settings(settings, panel, train_until=train_until)
    return train(panel, settings, train_until=train_until, progress=report, start=start.forecaster)


def training_settings(tonight: Tonight, network: str, *, longest: int) -> TrainingSettings:
    """What the spec says about training one of its candidates, which share the budget.

    Args:
        tonight: The night.
        network: The candidate.
        longest: Steps of the longest history. A context that the spec does not name is no longer.
    """
    spec = tonight.spec
    usual = max(1, min(spec.context_length, longest))
    apart = spec.training.decomposition
    return TrainingSettings(
        network=network,
        context_length=spec.training.context_length or usual,
        horizon=spec.horizon,
        quantile_levels=spec.quantile_levels,
        season_lengths=spec.seasons,
        members=spec.training.members,
        minutes=spec.training.minutes / len(spec.candidates),
        max_epochs=spec.training.max_epochs,
        seed=spec.training.seed,
        combine=spec.training.combine,
        patch=spec.training.patch_length,
        auxiliary=spec.training.auxiliary,
        decomposition=decomposition_of(spec),
        components=apart.components if apart else "channels",
        holt=spec.training.holt,
        freeze=spec.training.freeze,
        device=spec.training.device,
    )


def version_of(
    tonight: Tonight, network: str, snapshot: Path, train_until: int, start: Start
) -> ModelVersion:
    """What the model will be made from; its name follows from that."""
    return ModelVersion(
        model=network,
        snapshot=snapshot.name,
        spec_digest=tonight.spec.digest,
        seed=tonight.spec.training.seed,
        code_version=code_version(),
        packages=library_versions(),
        train_cutoff=tonight.grid.timestamp(train_until),
        cutoff=tonight.cutoff,
        created_at=tonight.issued_at,
        train_minutes=0.0,
        start=start.version,
        start_reason=start.reason,
    )
