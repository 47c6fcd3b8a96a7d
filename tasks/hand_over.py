"""Tonight's training: here, or handed to a worker of the gpu pool by reference.

What travels is where the spec and the snapshot are, never their content; what comes back is in the
registry. Whatever becomes of the worker, the night goes on with who is left.
"""

import hashlib
from pathlib import Path

from data_contracts.errors import NightcastError
from models.gate.schedule import Due
from models.panel import Ints
from tasks.contenders import CHALLENGER, Contender, open_contender
from tasks.lineage import code_version
from tasks.progress import log, stage
from tasks.remote import Answer, Order, Patience, call
from tasks.starts import Start
from tasks.stores.registry import is_stored, versions
from tasks.stores.snapshots import load_panel
from tasks.stores.specs import keep_spec
from tasks.tonight import LOCAL, Tonight
from tasks.train import (
    WENT_ON,
    Trained,
    keep_apart,
    starts_tonight,
    told_of,
    train_challengers,
    version_of,
)

DEPLOYMENT = "training/train"
POOL = "gpu"  # the work pool of that deployment
COUNTS = ("completed", "failed", "running")  # what ends of a training let the next one wait


def train_tonight(tonight: Tonight, due: Due, snapshot: Path, origins: Ints) -> Trained:
    """Train every candidate, if training is due, where the spec says.

    Args:
        tonight: The night.
        due: Whether training is due.
        snapshot: Folder of the panel to learn from.
        origins: Slots from which challengers are judged; they learn up to the first.

    Raises:
        SpecError: If the spec names a version to start from that does not fit.
    """
    if not due.train or tonight.spec.training.on == LOCAL:
        return train_challengers(tonight, due, snapshot, origins)
    return _hand_over(tonight, snapshot, train_until=int(origins[0]))


def _hand_over(tonight: Tonight, snapshot: Path, *, train_until: int) -> Trained:
    starts = starts_tonight(tonight, load_panel(snapshot), train_until=train_until)
    if not tonight.may_move:
        keep_apart(tonight, snapshot, starts, train_until)
    if _is_done(tonight, snapshot, train_until, starts):
        answer = Answer("completed", "")
        where = f"An earlier run of this night had handed it to the work pool {POOL}."
    else:
        with stage(f"train on {POOL}"):
            answer = call(_order(tonight, snapshot, train_until), _patience(tonight))
        where = where_of(answer)
    made, missing = _made(tonight, snapshot, train_until)
    failures = failures_of(tonight, answer, missing)
    for failure in failures:
        log().warning(failure)
    return Trained(
        challengers=made,
        failures=failures,
        starts=told_of(tonight, starts),
        where=where,
        counts=answer.ended in COUNTS,
    )


def _is_done(tonight: Tonight, snapshot: Path, train_until: int, starts: dict[str, Start]) -> bool:
    """Whether an earlier run of this night has got everything that it would be asked for again."""
    names = (
        version_of(tonight, network, snapshot, train_until, start).model_version
        for network, start in starts.items()
    )
    return all(is_stored(tonight.warehouse, name) for name in names)


def _order(tonight: Tonight, snapshot: Path, train_until: int) -> Order:
    spec = keep_spec(tonight.warehouse, tonight.spec)
    until = tonight.grid.timestamp(train_until).isoformat()
    parts = (spec, snapshot.name, until, tonight.cutoff.isoformat(), code_version())
    return Order(
        deployment=DEPLOYMENT,
        parameters={
            "spec": spec,
            "as_of": tonight.as_of.isoformat(),
            "snapshot": tonight.warehouse.uri_of(snapshot),
            "train_until": until,
        },
        key=hashlib.sha256(" ".join(parts).encode()).hexdigest(),
        name=f"{tonight.spec.name} as of {tonight.as_of:%Y-%m-%d %H:%M} UTC",
        tags=(tonight.spec.name,),
    )


def _patience(tonight: Tonight) -> Patience:
    queue = 60 * tonight.spec.training.queue_minutes
    # A worker that has taken a run may have to wait for a machine.
    start = max(queue, Patience.start)
    return Patience(queue=queue, start=start, run=tonight.spec.training_timeout.total_seconds())


def _made(
    tonight: Tonight, snapshot: Path, train_until: int
) -> tuple[list[Contender], dict[str, str]]:
    """What the registry has of tonight's candidates, and why the others are not there.

    A worker with other libraries gives its versions other names, so that what they were made from
    is compared, and the newest counts.
    """
    found = {
        each.model: each.model_version
        for each in versions(tonight.warehouse)  # the oldest first
        if each.removed_at is None
        and each.cutoff == tonight.cutoff
        and each.snapshot == snapshot.name
        and each.spec_digest == tonight.spec.digest
        and each.train_cutoff == tonight.grid.timestamp(train_until)
    }
    made, missing = [], {}
    for network in tonight.spec.candidates:
        try:
            if network in found:
                made.append(open_contender(tonight.warehouse, found[network], CHALLENGER))
            else:
                missing[network] = ""
        except NightcastError as error:
            missing[network] = str(error)
    return made, missing


def where_of(answer: Answer) -> str:
    """For the record: what became of the training."""
    handed = f"It was handed to the work pool {POOL}"
    return {
        "completed": f"{handed}.",
        "failed": f"{handed}, where it failed.",
        "crashed": f"{handed}, where it died.",
        "cancelled": f"{handed}, where it was cancelled.",
        "untaken": f"No worker of the work pool {POOL} took it.",
        "running": f"{handed}, where it goes on.",
        "absent": f"It could not be handed to the work pool {POOL}.",
    }[answer.ended]


def failures_of(tonight: Tonight, answer: Answer, missing: dict[str, str]) -> list[str]:
    """For people: why networks were not trained, and what to do; nothing where all were."""
    if answer.ended == "completed":
        return [
            f"The training of {network} on the work pool {POOL} gave nothing that can be used: "
            f"{why or 'no version of it is in the registry.'}"
            for network, why in missing.items()
        ]
    return [_failure(tonight, answer)] if missing else []


def _failure(tonight: Tonight, answer: Answer) -> str:
    what = f"The training on the work pool {POOL}"
    seen = f"see {answer.url or f'the run {answer.run}'}"
    queue = f"{tonight.spec.training.queue_minutes:g} minutes"
    timeout = f"{tonight.spec.training_timeout.total_seconds() / 60:g} minutes"
    return {
        "failed": f"{what} failed{WENT_ON}: {answer.message}",
        "crashed": f"{what} died{WENT_ON}: {answer.message} For more {seen}.",
        "cancelled": f"{what} was cancelled{WENT_ON}; for more {seen}.",
        "untaken": (
            f"{what} did not begin within {queue}{WENT_ON}: {answer.message} Start a worker "
            f"with `prefect worker start --pool {POOL}`, or raise training.queue_minutes."
        ),
        "running": (
            f"{what} takes longer than {timeout}{WENT_ON}: what it makes is judged the next "
            f"night. Raise training.timeout_minutes if that is usual; for more {seen}."
        ),
        "absent": (
            f"{what} could not begin{WENT_ON}: {answer.message} Run `nightcast serve SPEC` "
            "and let PREFECT_API_URL name its server, or train here with training.on: local."
        ),
    }[answer.ended]
