"""One writer at a time: runs that publish the same night do so one after the other.

What keeps an older attempt from writing over a newer one is the token in the commits of each table.
A concurrency limit of the Prefect server is a courtesy on top: it keeps attempts from taking
turns over the tables of one night. So nobody fails for it: a run that gets no turn publishes all
the same. A run that dies frees its place when its lease ends.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pandas as pd

from tasks.progress import log
from tasks.tonight import Tonight

PLACES = 8  # limits per spec: neighbouring nights have different ones, and there are never more
LEASE = 60  # seconds until the place of a run that died is free; 60 are the fewest
PATIENCE = 300  # seconds until a run stops waiting


@contextmanager
def turn(tonight: Tonight) -> Iterator[None]:
    """Be the only run that publishes this night, as far as the server of the run can tell."""
    with ExitStack() as last:
        held = last.enter_context(_let_go())
        if _reports_to_a_server():
            try:
                held.enter_context(_place(place_of(tonight.spec.name, tonight.cutoff)))
            except Exception as error:  # the tables refuse older writers without it, too
                log().warning("Publishing without waiting for a turn: %s", error)
        yield


def place_of(name: str, cutoff: pd.Timestamp) -> str:
    """Name of the limit under which the night of a spec is published.

    >>> place_of("nyc-departures", pd.Timestamp("2013-10-16T03:00Z"))
    'nightcast-publish-nyc-departures-5'
    """
    return f"nightcast-publish-{name}-{cutoff.toordinal() % PLACES}"


def _reports_to_a_server() -> bool:
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


@contextmanager
def _place(name: str) -> Iterator[None]:
    """Hold the only place of a limit, which is made where there is none."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.concurrency.sync import concurrency
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another run has made it
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=name, limit=1)
                )
    with concurrency(
        name,
        timeout_seconds=PATIENCE,
        lease_duration=LEASE,
        strict=True,
        raise_on_lease_renewal_failure=False,  # half a publication is worse than two at once
    ):
        yield


@contextmanager
def _let_go() -> Iterator[ExitStack]:
    """What is held until the end; trouble while letting go undoes nothing."""
    held = ExitStack()
    try:
        yield held
    finally:
        try:
            held.close()
        except Exception as error:
            log().warning("The place of this run is free only when its lease ends: %s", error)
