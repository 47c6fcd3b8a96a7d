"""Train challengers on a snapshot, and store them."""

import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError
from models.forecaster import Forecaster
from models.panel import Ints, Panel
from models.schedule import Due, When, training_due
from models.settings import TrainingSettings
from tasks.contenders import CHALLENGER, Contender, open_contender
from tasks.lineage import code_version, library_versions
from tasks.progress import Step, stage
from tasks.promote import Service
from tasks.stores.registry import ModelVersion, is_stored, store_model
from tasks.stores.snapshots import load_panel
from tasks.tonight import Tonight


class Trained(NamedTuple):
    """What came out of tonight's training.

    Attributes:
        challengers: The models that were trained.
        failures: One sentence per network whose training failed.
    """

    challengers: list[Contender]
    failures: list[str]


def training_tonight(
    tonight: Tonight, before: Service, origins: Ints, *, asked: When | None
) -> Due:
    """Whether tonight trains, as asked or as the spec says.

    A night that a later one has overtaken trains nothing, because its model could never be in
    service, and neither does one without an origin from which to judge a model.
    """
    if before.overtaken:
        return Due(False, "No training, because a later night has put a model into service.")
    if not len(origins):
        return Due(
            False, "No training, because the histories are too short to judge a model afterwards."
        )
    training = tonight.spec.training
    return training_due(
        asked or training.when,
        champion_age=before.champion.age(tonight.cutoff) if before.champion else None,
        max_age=timedelta(days=training.max_age_days),
    )


def train_challengers(tonight: Tonight, due: Due, snapshot: Path, origins: Ints) -> Trained:
    """Train every candidate, if training is due, on what lies before the first origin.

    Where one fails, its task has failed and says why; the night goes on with the others, with the
    champion and with the baseline, because readers always have a batch.
    """
    trained = Trained([], [])
    for network in tonight.spec.candidates if due.train else ():
        state = train_challenger(
            tonight, network, snapshot, train_until=int(origins[0]), return_state=True
        )
        made = state.result(raise_on_failure=False)
        if isinstance(made, Contender):
            trained.challengers.append(made)
        else:
            trained.failures.append(_failure(network, made))
    return trained


def _failure(network: str, error: object) -> str:
    kind = "" if isinstance(error, NightcastError) else f"{type(error).__name__}: "
    return f"The training of {network} failed and the night went on without it: {kind}{error}"


@task(task_run_name="train {network}", cache_policy=NO_CACHE)
def train_challenger(
    tonight: Tonight, network: str, snapshot: Path, *, train_until: int
) -> Contender:
    """Train a network on what lies before the unseen origins, store it, and read it back.

    A version that an earlier run of this night has stored is not trained again: the same spec,
    snapshot, seed and code give the same model.

    Args:
        tonight: The night.
        network: Name of the network.
        snapshot: Folder of the panel to learn from.
        train_until: Slot of the last step that training may see.
    """
    version = _version(tonight, network, snapshot, train_until)
    with stage(f"train {network}") as step:
        if not is_stored(tonight.warehouse, version.model_version):
            _train(tonight, version, snapshot, train_until=train_until, step=step)
    return open_contender(tonight.warehouse, version.model_version, CHALLENGER)


def _train(
    tonight: Tonight, version: ModelVersion, snapshot: Path, *, train_until: int, step: Step
) -> None:
    begun = time.monotonic()
    forecaster = _fit(tonight, version.model, load_panel(snapshot), train_until, step)
    minutes = (time.monotonic() - begun) / 60
    now = pd.Timestamp.now("UTC").as_unit("us")
    store_model(tonight.warehouse, forecaster.save, version.finished(now, minutes))


@task(name="rehearse", task_run_name="rehearse {network}", cache_policy=NO_CACHE)
def rehearse_challenger(
    tonight: Tonight, network: str, panel: Panel, *, train_until: int
) -> Contender:
    """Train a network for a backtest; it is scored and forgotten, never stored."""
    with stage(f"train {network}") as step:
        forecaster = _fit(tonight, network, panel, train_until, step)
    return Contender(forecaster, CHALLENGER, version=network)


def _fit(tonight: Tonight, network: str, panel: Panel, train_until: int, step: Step) -> Forecaster:
    from models.sampling import lengths_until
    from models.training import Progress, train

    def report(progress: Progress) -> None:
        step(progress.done, progress.total, f"loss {progress.loss:.3f}")

    longest = int(lengths_until(panel, train_until).max(initial=0))
    settings = training_settings(tonight, network, longest=longest)
    return train(panel, settings, train_until=train_until, progress=report)


def training_settings(tonight: Tonight, network: str, *, longest: int) -> TrainingSettings:
    """What the spec says about training one of its candidates, which share the budget.

    Args:
        tonight: The night.
        network: The candidate.
        longest: Steps of the longest history. A context that the spec does not name is no longer.
    """
    spec = tonight.spec
    usual = max(1, min(spec.context_length, longest))
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
    )


def _version(tonight: Tonight, network: str, snapshot: Path, train_until: int) -> ModelVersion:
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
    )
