"""Training by itself: on a worker with a GPU for a night that waits, or started by a person.

For a night:  `training.on: gpu` in the spec
By hand:      the deployment `training/train` in the Prefect UI; the spec is enough
"""

from datetime import datetime
from functools import partial
from pathlib import Path

from prefect import flow

from data_contracts.stored import Stored
from flows.endings import ends_in_a_sentence
from flows.names import spec_at_instant
from tasks.extract import extract
from tasks.lesson import (
    all_stored,
    begin_training,
    fetch_snapshot,
    judge_source,
    last_seen,
    of_snapshot,
)
from tasks.snapshot import snapshot as keep_snapshot
from tasks.stores.snapshots import load_panel
from tasks.tonight import Tonight
from tasks.train import train_candidates
from tasks.validate import set_aside


@flow(name="training", flow_run_name=partial(spec_at_instant, "training as of"))
@ends_in_a_sentence
def training(
    spec: str,
    as_of: datetime | None = None,
    snapshot: str | None = None,
    train_until: datetime | None = None,
) -> Stored:
    """Train the candidates of a spec and store them, for the next night to judge.

    The spec is enough: then they learn from what is known now. A version that is stored already is
    not trained again, so that a run which died may simply be started anew.

    Args:
        spec: Path or URI of the spec, a YAML file.
        as_of: The instant to pretend to live in; now by default, or that of the snapshot.
        snapshot: Digest or URI of the snapshot to learn from; a new one is made by default.
        train_until: Last step that training sees; by default what lies before the days on which
            the next night compares all models.

    Returns:
        The versions that are stored now.

    Raises:
        SpecError: If the spec or a parameter is wrong, or the device that it names is not there.
        RefusedError: If the source cannot be read, or is too short.
        ContractError: If the input breaks its contract; nothing is trained then.
        NightcastError: If the training of a candidate fails; the others are stored.
    """
    tonight = begin_training(spec, as_of)
    source = fetch_snapshot(tonight, snapshot) if snapshot else _snapshot_of_now(tonight)
    panel = load_panel(source)
    tonight = of_snapshot(tonight, panel, as_of=as_of)
    until = last_seen(tonight, panel, train_until)
    limit = tonight.spec.training_limit.total_seconds()
    return all_stored(train_candidates(tonight, source, train_until=until, limit=limit))


def _snapshot_of_now(tonight: Tonight) -> Path:
    known = extract(tonight)
    contract = judge_source(tonight, known)
    return keep_snapshot(tonight, set_aside(known.panel, contract))
