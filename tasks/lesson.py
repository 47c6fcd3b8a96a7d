"""What a training stands on that runs by itself: night, snapshot, and how far it may see."""

import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from rich.console import Console

from data_contracts.errors import NightcastError, RefusedError, SpecError
from data_contracts.moments import in_utc
from data_contracts.stored import Stored
from data_contracts.verdicts import Verdict
from models.learning.device import CPU, training_device
from models.panel import Panel
from tasks.evaluate import unseen_origins
from tasks.progress import log
from tasks.promote import load_champion
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.observations import Extraction
from tasks.stores.sharing import on_this_machine
from tasks.stores.tables import check_tables
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import LOCAL, Tonight, rehearse
from tasks.train import WENT_ON, Trained


def begin_training(spec_path: str, as_of: datetime | None) -> Tonight:
    """Prepare a training: as a night, whose ledger is left to it.

    Args:
        spec_path: A YAML file, or the URI of one.
        as_of: As for a night.

    Raises:
        SpecError: If the spec is wrong, its device is not there, or the warehouse cannot be
            written.
        StorageError: If a table of the warehouse cannot be read.
        VersionError: If a newer Nightcast has written one.
    """
    _outlive_the_worker()
    tonight = rehearse(spec_path, as_of)
    check_tables(open_warehouse(tonight.spec))
    _say_where(tonight)
    return tonight


def judge_source(tonight: Tonight, known: Extraction) -> Verdict:
    """The verdict on the input, which is written nowhere: the record is the night's.

    Raises:
        ContractError: If the input breaks its contract.
    """
    verdict = known.judged(tonight.spec)
    verdict.raise_if_critical()
    return verdict


@task(
    name="fetch snapshot",
    task_run_name="fetch snapshot",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def fetch_snapshot(tonight: Tonight, reference: str) -> Path:
    """Bring a snapshot to this machine.

    Args:
        tonight: Of whose warehouse.
        reference: Its digest, or a path or URI that ends with it.

    Raises:
        StorageError: If the object store cannot be read.
    """
    folder = tonight.warehouse.snapshots / reference.rstrip("/").rpartition("/")[2]
    return on_this_machine(tonight.warehouse, folder)


def of_snapshot(tonight: Tonight, panel: Panel, *, as_of: datetime | None) -> Tonight:
    """The night that made a snapshot, of which its trainings are.

    Args:
        tonight: As begun.
        panel: The snapshot.
        as_of: What was asked for beside the snapshot.

    Raises:
        SpecError: If that is another night.
    """
    cutoff = tonight.grid.timestamp(panel.cutoff_slot)
    if as_of is not None and tonight.cutoff != cutoff:
        raise SpecError(
            f"as_of: expected an instant of the night of the snapshot, whose cutoff is {cutoff}, "
            f"got one whose cutoff is {tonight.cutoff}; leave one of the two out."
        )
    return replace(tonight, cutoff=cutoff)


def last_seen(tonight: Tonight, panel: Panel, train_until: datetime | None) -> int:
    """Slot of the last step that training may see: as asked, or before the origins of the gate.

    Raises:
        SpecError: If what is asked for is no step before the end of the panel.
        RefusedError: If the histories are too short to judge a model afterwards.
    """
    if train_until is not None:
        return _slot(tonight, panel, train_until)
    before = load_champion(tonight, may_move=False)
    origins = unseen_origins(tonight, panel, before.champion)
    if not len(origins):
        raise RefusedError(
            "The histories are too short to judge a model after its training, or the champion has "
            "learned from all of them; train later, or lower gate.origins."
        )
    return int(origins[0])


def all_stored(trained: Trained) -> Stored:
    """What a training has come to.

    Raises:
        NightcastError: If a candidate is missing; the others are stored nevertheless.
    """
    if trained.failures:
        raise NightcastError(" ".join(each.replace(WENT_ON, "") for each in trained.failures))
    records = {each.name: each.record for each in trained.challengers if each.record}
    return Stored(
        versions={name: record.model_version for name, record in records.items()},
        minutes={name: round(record.train_minutes, 3) for name, record in records.items()},
        starts=trained.starts,
    )


def _slot(tonight: Tonight, panel: Panel, train_until: datetime) -> int:
    instant = in_utc(train_until, tonight.grid.timezone)
    slots, on_grid = tonight.grid.slots(pd.DatetimeIndex([instant]).as_unit("us").asi8)
    if not on_grid[0] or slots[0] >= panel.cutoff_slot:
        raise SpecError(
            f"train_until: expected a step before the cutoff {tonight.cutoff}, got {instant}; "
            "leave it out to learn up to the origins of the gate."
        )
    return int(slots[0])


def _say_where(tonight: Tonight) -> None:
    """Say on what this process trains.

    Raises:
        SpecError: If the spec asks for a GPU and there is none.
    """
    training = tonight.spec.training
    device = training_device(training.device)
    if device.kind == CPU and training.on != LOCAL and training.device != CPU:
        log().warning(
            "This worker sees no GPU and trains on the CPU, as training.device: %s allows.",
            training.device,
        )
    else:
        log().info("Trains on %s.", device.kind)


def _outlive_the_worker() -> None:
    """Let a line that nobody reads any more be lost.

    A process that was started by a worker prints into it. When the worker is killed, the console
    of Prefect's log would end the process at the next line, and the training with it.
    """
    for handler in logging.getLogger().handlers:
        console = getattr(handler, "console", None)
        if isinstance(console, Console):
            console.on_broken_pipe = _ignore  # type: ignore[method-assign] # made to be replaced


def _ignore() -> None:
    """Go on."""
