"""Bring specs onto a Prefect server: work pools, deployments, automations; again makes none twice.

Everything is read and checked before the server is asked to change anything.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from data_contracts.errors import SpecError
from flows.service.automations import (
    crash_the_silent,
    drop,
    end_the_hung,
    keep,
    late_name,
    tell_of_failures,
    tell_of_the_late,
    telling_name,
)
from flows.service.description import OF_A_SPEC, described
from flows.service.plan import Given, Planned, plan, read_specs
from flows.service.server import (
    START_IN,
    Template,
    connection,
    deployments_of_ours,
    ensure_pool,
    next_run,
    notification_block,
    put_deployment,
)

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

NIGHTLY = "flows.nightly.nightly"


class Deployed(BaseModel):
    """One deployment as it stands on the server.

    Attributes:
        name: Flow and deployment.
        spec: Path that its form is filled in with, where it has one.
        cron, timezone: When it runs by itself; None: when a person or another run starts it.
        active: Whether it does.
        next_run: When it does so next.
    """

    name: str
    pool: str
    spec: str | None
    cron: str | None = None
    timezone: str | None = None
    active: bool = False
    next_run: datetime | None = None


class Deployments(BaseModel):
    """What a server offers after it was deployed to.

    Attributes:
        api: Address of the server's API.
        folder: Where runs start.
        left: Deployments of specs that were not given; they go on as they were.
        warnings: What could not be done.
    """

    api: str
    folder: str
    deployments: list[Deployed]
    left: list[str]
    warnings: list[str]


def deploy(paths: Sequence[Path], pools: Path | None = None) -> Deployments:
    """Deploy specs on the server that is configured; without any, those that are deployed there.

    Args:
        paths: Of the specs.
        pools: Folder with the templates of Kubernetes pools; None makes pools of processes.

    Raises:
        SpecError: If a spec or a template is wrong, two specs have one name, or no server is named.
        NightcastError: If the server does not answer or refuses.
    """
    given, folder, warnings = read_specs(paths), str(Path.cwd()), list[str]()
    templates = _templates(pools)
    with connection() as client:
        before = deployments_of_ours(client)
        if not paths:
            given = _deployed_before(before, folder, warnings)
        left = _left(before, given)
        paths_left = [str(before[name].parameters.get("spec", "")) for name in left]
        planned = plan(given, list(filter(None, paths_left))) if given else ()
        for pool in sorted({one.described.work_pool.name for one in planned}):
            ensure_pool(client, pool, templates.get(pool))
        deployed = {
            one.name: put_deployment(client, one, before.get(one.name), folder=folder)
            for one in planned
        }
        if given:
            keep(client, crash_the_silent())
            keep(client, end_the_hung())
        for each in given:
            own = [deployed[f"{flow}/{each.spec.name}"] for flow in ("nightly", "scoring")]
            warnings += _tell(client, each, own)
        now = deployments_of_ours(client)
        return Deployments(
            api=str(client.api_url),
            folder=folder,
            deployments=[_as_it_stands(client, one, now[one.name]) for one in planned],
            left=left,
            warnings=warnings,
        )


def _templates(folder: Path | None) -> dict[str, Template]:
    """A template for every pool, each from a JSON file of its name."""
    if folder is None:
        return {}
    found = {}
    for pool in sorted({entry.work_pool.name for entry in described()}):
        path = folder / f"{pool}.json"
        try:
            found[pool] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(
                f"--pools: expected the template of a work pool in {path}, as JSON, got {error}."
            ) from None
    return found


def _deployed_before(
    before: Mapping[str, "DeploymentResponse"], folder: str, warnings: list[str]
) -> tuple[Given, ...]:
    """The specs of the nights on the server, as their files are now; others get a warning."""
    given: list[Given] = []
    for name, night in before.items():
        if night.entrypoint != NIGHTLY or "spec" not in night.parameters:
            continue
        start = [step[START_IN]["directory"] for step in night.pull_steps or ()]
        if start != [folder]:
            warnings.append(f"{name} stays as it is: it was deployed in {start[0]}, not here.")
            continue
        try:
            (one,) = read_specs([Path(night.parameters["spec"])])
        except SpecError as error:
            warnings.append(f"{name} stays as it is: {error}")
            continue
        if one.spec.name == night.name:  # otherwise it is none of ours, or its spec was renamed
            given.append(one)
    return tuple(given)


def _left(before: Mapping[str, "DeploymentResponse"], given: Sequence[Given]) -> list[str]:
    """Names of deployments of other specs."""
    own = {entry.entrypoint for entry in described() if entry.name in OF_A_SPEC}
    names = {one.spec.name for one in given}
    return sorted(
        name for name, one in before.items() if one.entrypoint in own and one.name not in names
    )


def _tell(client: "SyncPrefectClient", given: Given, own: Sequence[UUID]) -> list[str]:
    """Have failed runs told of where the spec wants that; a sentence where it cannot be had.

    Args:
        client: Of the server.
        given: The spec.
        own: Its deployments, that of its nights first.
    """
    spec = given.spec
    if spec.notify is None:
        drop(client, telling_name(spec.name))
        drop(client, late_name(spec.name))
        return []
    block = notification_block(client, spec.notify)
    if isinstance(block, str):
        return [
            f"Nobody is told of failed nights of {spec.name}: {block}, and deploy again; "
            "everything else is deployed."
        ]
    keep(client, tell_of_failures(spec.name, own, block))
    keep(client, tell_of_the_late(spec.name, own[0], block))
    return []


def _as_it_stands(
    client: "SyncPrefectClient", planned: Planned, now: "DeploymentResponse"
) -> Deployed:
    entry = planned.described
    state = Deployed(
        name=planned.name, pool=entry.work_pool.name, spec=entry.parameters.get("spec")
    )
    if not entry.schedules:
        return state
    schedule = entry.schedules[0]
    active = not now.paused and all(one.active for one in now.schedules)
    return state.model_copy(
        update={
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "active": active,
            "next_run": next_run(client, now.id) if active else None,
        }
    )
