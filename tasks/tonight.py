"""What one run of a night stands on: its spec, its cutoff, its place, its name."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pandas as pd

from data_contracts.backfilled import Model
from data_contracts.errors import SpecError
from data_contracts.frequency import Grid
from data_contracts.moments import in_utc
from data_contracts.observations import check_severities
from data_contracts.spec import NO_START, PRETRAINED, Spec
from data_contracts.vocabulary import CHAMPION
from models.decomposition.settings import Decomposition, check_decomposition
from models.forecasters.baselines import check_baseline
from models.learning.device import check_device
from models.learning.settings import networks_in
from models.networks import check_network
from tasks.progress import LEDGER, Ledger
from tasks.stores.registry import find_version
from tasks.stores.sharing import share_file
from tasks.stores.specs import keep_spec, read_spec
from tasks.stores.tables import check_tables
from tasks.stores.warehouse import Warehouse, open_warehouse, warehouse_of

LOCAL = "local"  # where training takes place that is handed to nobody


@dataclass(frozen=True)
class Tonight:
    """One run of one night.

    Attributes:
        as_of: The instant that the run pretends to live in, UTC.
        cutoff: Last complete step at `as_of`, UTC.
        issued_at: When this run really began, UTC.
        run_id: Of the Prefect flow run.
        token: Grows with time; an older run cannot overwrite what a newer one wrote.
        backfill: Whose forecasts a backfill publishes for this cutoff; None for a night.
        yields: Whether the batch of any other run stays, however old it is.
    """

    spec: Spec
    warehouse: Warehouse
    as_of: pd.Timestamp
    cutoff: pd.Timestamp
    issued_at: pd.Timestamp
    run_id: str
    token: int
    backfill: Model | None = None
    yields: bool = False

    @property
    def may_move(self) -> bool:
        """Whether this run may change who is in service; a backfill never does."""
        return self.backfill is None

    @property
    def grid(self) -> Grid:
        """The time grid of the series."""
        return self.spec.grid


def begin(spec_path: str, as_of: datetime | None) -> Tonight:
    """Prepare a night: open the warehouse and the ledger of the run, and keep the spec.

    Args:
        spec_path: A YAML file, or the URI of one.
        as_of: None takes the scheduled time of the flow run, or now. Without an offset it is meant
            in the time zone of the spec.

    Raises:
        SpecError: If the spec is wrong, `as_of` is to come, or the warehouse cannot be written.
        StorageError: If the warehouse cannot be read or written.
        VersionError: If a newer Nightcast has written one.
    """
    tonight = rehearse(spec_path, as_of)
    if as_of is not None:
        _refuse_future(tonight)
    warehouse = open_warehouse(tonight.spec)
    check_tables(warehouse)
    keep_spec(warehouse, tonight.spec)
    LEDGER.set(Ledger(warehouse.run(tonight.cutoff), partial(share_file, warehouse)))
    return tonight


def _refuse_future(tonight: Tonight) -> None:
    if tonight.as_of > tonight.issued_at:
        raise SpecError(
            f"as_of: expected an instant that has come, got {tonight.as_of:%Y-%m-%dT%H:%MZ}, and "
            f"it is {tonight.issued_at:%Y-%m-%dT%H:%MZ}."
        )


def rehearse(spec_path: str, as_of: datetime | None, *, models: list[str] | None = None) -> Tonight:
    """Load the spec and find the cutoff; nothing is written.

    Args:
        spec_path: As for `begin`.
        as_of: As for `begin`.
        models: Networks in the place of the spec's candidates.

    Raises:
        SpecError: If the spec is wrong.
    """
    LEDGER.set(Ledger())  # in the place of one that an earlier flow of this process left
    spec = read_spec(spec_path)
    if models is not None:
        spec = spec.model_copy(update={"candidates": tuple(models)})
    check_training(spec)
    check_severities(spec)
    instant = in_utc(as_of or _scheduled_time(), spec.grid.timezone)
    cutoff = spec.grid.timestamp(spec.grid.last_complete_slot(instant))
    warehouse = warehouse_of(spec)
    check_start(spec, warehouse)
    return Tonight(
        spec=spec,
        warehouse=warehouse,
        as_of=instant,
        cutoff=cutoff,
        issued_at=pd.Timestamp.now(UTC).as_unit("us"),
        run_id=_run_id(),
        token=time.time_ns(),
    )


def check_training(spec: Spec) -> None:
    """Refuse now what training would refuse in an hour."""
    for baseline in spec.baselines:
        check_baseline(baseline)
    for candidate in spec.candidates:
        check_candidate(candidate, spec.training.members)
    check_components(spec)
    if spec.training.on == LOCAL:  # else it is for the worker to say what it sees
        check_device(spec.training.device)


def check_components(spec: Spec) -> None:
    """Refuse a decomposition that the context of the spec cannot carry.

    Raises:
        SpecError: Saying what it can.
    """
    if apart := decomposition_of(spec):
        check_decomposition(apart, spec.context_length, min(spec.seasons[0], spec.context_length))


def decomposition_of(spec: Spec) -> Decomposition | None:
    """How each context is taken apart, with noise from the seed of the training."""
    apart = spec.training.decomposition
    return Decomposition(apart.method, apart.modes, spec.training.seed) if apart else None


def check_candidate(candidate: str, members: int) -> None:
    """Refuse networks that do not exist, are there twice, or would have no member."""
    networks = networks_in(candidate)
    if len(networks) > 1 and "" in networks:
        raise SpecError(
            f"candidates: expected names of networks joined by +, got {candidate!r}; there is none "
            "on one side of a +."
        )
    for network in networks:
        check_network(network)
    if len(set(networks)) < len(networks):
        raise SpecError(
            f"candidates: expected every network of a forecaster once, got {candidate!r}; "
            "training.members says how many of each there are."
        )
    if members < len(networks):
        raise SpecError(
            f"training.members: expected at least {len(networks)}, one for each network of "
            f"{candidate}, got {members}."
        )


def check_start(spec: Spec, warehouse: Warehouse) -> None:
    """Refuse a version to start from that does not exist.

    Raises:
        SpecError: Naming the newest that there are.
    """
    if spec.training.start_from in (NO_START, PRETRAINED, CHAMPION):
        return
    try:
        find_version(warehouse, spec.training.start_from)
    except SpecError as error:
        raise SpecError(f"training.start_from: {error}") from None


def _scheduled_time() -> datetime:
    """The time a run was scheduled for: a late or repeated run still means the same night."""
    from prefect.runtime import flow_run

    return flow_run.scheduled_start_time or datetime.now(UTC)


def _run_id() -> str:
    from prefect.runtime import flow_run

    return str(flow_run.id or uuid4())
