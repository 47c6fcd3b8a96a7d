"""The description of the deployments, `deployments/prefect.yaml`, as records."""

import importlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from prefect import Flow

FILE = "prefect.yaml"
OF_A_SPEC = ("nightly", "score")  # deployments of which every spec has its own


class Record(BaseModel):
    """A part of the file: a key that nothing here reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobVariables(Record):
    """What a worker does differently for these runs.

    Attributes:
        env: Variables of the environment that a run sees.
    """

    env: dict[str, str] = {}


class WorkPool(Record):
    """Where runs are executed."""

    name: str
    job_variables: JobVariables = JobVariables()


class ConcurrencyLimit(Record):
    """How many runs there are at once, and what becomes of one too many."""

    limit: int
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]


class CronSchedule(Record):
    """When runs start by themselves.

    Attributes:
        slug: Tells schedules of one deployment apart.
        cron: Five fields.
        timezone: IANA name.
        active: Whether they do.
    """

    slug: str
    cron: str
    timezone: str
    active: bool = True


class Deployment(Record):
    """A flow that can be started on the server, with what it is started with.

    Attributes:
        name: Beside that of the flow.
        entrypoint: Module and name of the flow.
        description: What a person reads above the form.
        parameters: Values that the form is filled in with.
        enforce_parameter_schema: Whether the server refuses values that the form does not offer.
    """

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any] = {}
    schedules: tuple[CronSchedule, ...] = ()
    concurrency_limit: ConcurrencyLimit | None = None
    work_pool: WorkPool
    enforce_parameter_schema: bool = True

    @property
    def is_installed(self) -> bool:
        """Whether the module of the flow is there."""
        return find_spec(self.entrypoint.rpartition(".")[0]) is not None

    def flow(self) -> "Flow[..., Any]":
        """The flow; its module is imported."""
        module, _, name = self.entrypoint.rpartition(".")
        found: Flow[..., Any] = getattr(importlib.import_module(module), name)
        return found


@cache
def described() -> tuple[Deployment, ...]:
    """The deployments of the file, in its order."""
    text = files("deployments").joinpath(FILE).read_text(encoding="utf-8")
    return tuple(Deployment.model_validate(entry) for entry in yaml.safe_load(text)["deployments"])
