"""What Nightcast asks of a Prefect server: work pools, deployments, blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from data_contracts.errors import NightcastError, SpecError
from flows.backend import is_configured, is_healthy, quieten
from flows.service.automations import TAG
from flows.service.description import CronSchedule
from flows.service.plan import Planned

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse

Template = dict[str, Any]  # of the jobs of a work pool, as Prefect has it
START_IN = "prefect.deployments.steps.set_working_directory"
PAGE = 200  # what a server answers at the most


@contextmanager
def connection() -> Iterator["SyncPrefectClient"]:
    """A client of the server that is configured, while the context lasts.

    Raises:
        SpecError: If none is configured.
        NightcastError: If it does not answer, or refuses what it is asked.
    """
    quieten()
    if not is_configured():
        raise SpecError(
            "No Prefect server is named: set PREFECT_API_URL, as in "
            "PREFECT_API_URL=http://127.0.0.1:4200/api; `nightcast serve SPEC` starts one."
        )
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    from tasks.remote import is_of_server

    api = str(PREFECT_API_URL.value())
    if not is_healthy(api):
        raise NightcastError(
            f"No Prefect server answers at {api}; start it, or name another one by PREFECT_API_URL."
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except (httpx.HTTPError, RuntimeError) as error:
        if not is_of_server(error):
            raise
        first = str(error).split("\n", 1)[0]
        raise NightcastError(
            f"The Prefect server at {api} did not do what it was asked: {first} Run the same "
            "command again once it is well; nothing is made twice."
        ) from error


def deployments_of_ours(client: "SyncPrefectClient") -> dict[str, "DeploymentResponse"]:
    """All that Nightcast has deployed, by flow and name."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=ours, offset=len(found), limit=PAGE):
        found += page
    flows = {flow.id: flow.name for flow in client.read_flows(deployment_filter=ours)}
    return {f"{flows[one.flow_id]}/{one.name}": one for one in found}


def ensure_pool(client: "SyncPrefectClient", name: str, template: Template | None) -> None:
    """Have a work pool of that name: with this template, or of processes; one that exists stays.

    The template of processes comes from the worker's class. Asked for none, the server would look
    it up on the internet.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=name,
            type="kubernetes" if template else ProcessWorker.type,
            base_job_template=template or ProcessWorker.get_default_base_job_template(),
        )
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return  # a worker was first
    else:
        if template:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def put_deployment(
    client: "SyncPrefectClient",
    planned: Planned,
    before: "DeploymentResponse | None",
    *,
    folder: str,
) -> UUID:
    """Create a deployment or change the one of that name; what was paused there stays paused.

    Args:
        client: Of the server.
        planned: What it is to be.
        before: What it is.
        folder: Where its runs start.
    """
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    entry = planned.described
    limit = entry.concurrency_limit
    return client.create_deployment(
        client.create_flow_from_name(planned.flow_name),
        entry.name,
        description=entry.description,
        tags=list(entry.tags),
        entrypoint=entry.entrypoint,
        parameters=entry.parameters,
        parameter_openapi_schema=planned.schema,
        enforce_parameter_schema=entry.enforce_parameter_schema,
        schedules=[_schedule(schedule, before) for schedule in entry.schedules],
        paused=before.paused if before else None,
        concurrency_limit=limit.limit if limit else None,
        concurrency_options=ConcurrencyOptions(
            collision_strategy=ConcurrencyLimitStrategy(limit.collision_strategy)
        )
        if limit
        else None,
        work_pool_name=entry.work_pool.name,
        job_variables=entry.work_pool.job_variables.model_dump(),
        pull_steps=[{START_IN: {"directory": folder}}],
    )


def _schedule(
    schedule: CronSchedule, before: "DeploymentResponse | None"
) -> "DeploymentScheduleCreate":
    """A schedule that somebody has switched in the UI keeps its position."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule as Cron

    switched = {known.slug: known.active for known in (before.schedules if before else [])}
    return DeploymentScheduleCreate(
        schedule=Cron(cron=schedule.cron, timezone=schedule.timezone),
        active=switched.get(schedule.slug, schedule.active),
        slug=schedule.slug,
    )


def next_run(client: "SyncPrefectClient", deployment: UUID) -> datetime | None:
    """When a deployment runs next by itself; the server plans that now and not in a minute."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    of_it = {"id": deployment}
    client.request("POST", "/deployments/{id}/schedule", path_params=of_it, json={})
    scheduled = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [deployment]}, "state": {"name": {"any_": ["Scheduled"]}}}
    )
    runs = client.read_flow_runs(
        flow_run_filter=scheduled, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=1
    )
    return cast(datetime | None, runs[0].expected_start_time) if runs else None


def notification_block(client: "SyncPrefectClient", block: str) -> UUID | str:
    """The id of a block that can tell somebody something, or one sentence on what is wrong.

    Args:
        client: Of the server.
        block: Its type and its name.
    """
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    try:
        found: Any = client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        return f"there is no block {block} on this server; create it there under Blocks"
    if "notify" not in found.block_schema.capabilities:
        return f"the block {block} is none that notifies, such as slack-webhook or custom-webhook"
    identity: UUID = found.id
    return identity
