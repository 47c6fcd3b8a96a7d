"""What is deployed for some specs: a plan that is made, and may be refused, without a server."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import SpecError
from data_contracts.spec import Spec, load_spec
from flows.service.description import OF_A_SPEC, CronSchedule, Deployment, described


@dataclass(frozen=True)
class Given:
    """A spec and how runs call it: its path from the folder in which they start."""

    path: str
    spec: Spec


@dataclass(frozen=True)
class Planned:
    """One deployment, as the server is to know it.

    Attributes:
        described: As the file has it, for this spec.
        flow_name: What the flow is called.
        schema: Of the parameters, from which the form is made.
    """

    described: Deployment
    flow_name: str
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        """Flow and deployment, as in `nightly/nyc-departures`."""
        return f"{self.flow_name}/{self.described.name}"


def read_specs(paths: Iterable[Path]) -> tuple[Given, ...]:
    """Read all specs, each once.

    Raises:
        SpecError: If one is wrong, or two have one name: they would share tables and champion.
    """
    given: dict[str, Given] = {}
    for path in dict.fromkeys(os.path.normpath(path) for path in paths):
        spec = load_spec(path)
        if spec.name in given:
            raise SpecError(
                f"{path}: expected a name of its own, got {spec.name!r}, the name of "
                f"{given[spec.name].path}; two specs of one name would share tables and champion."
            )
        given[spec.name] = Given(path, spec)
    return tuple(given.values())


def plan(given: Sequence[Given], others: Sequence[str] = ()) -> tuple[Planned, ...]:
    """Deployments of these specs; their flows are imported.

    Args:
        given: At least one.
        others: Paths of specs that the server knows from before, which stay among the choices.
    """
    own = {entry.name: entry for entry in described() if entry.name in OF_A_SPEC}
    shared = [entry for entry in described() if entry.name not in own and entry.is_installed]
    choices = [*dict.fromkeys([*(one.path for one in given), *others])]
    return (
        *(_planned(_of_spec(own[name], one), [one.path]) for one in given for name in OF_A_SPEC),
        *(_planned(_prefilled(entry, choices[0]), choices) for entry in shared),
    )


def _of_spec(entry: Deployment, given: Given) -> Deployment:
    """The entry of the file, with name, path and schedule of one spec."""
    spec = given.spec
    cron = spec.schedule.cron if entry.name == "nightly" else spec.schedule.scoring
    return entry.model_copy(
        update={
            "name": spec.name,
            "tags": (*entry.tags, spec.name),
            "parameters": {**entry.parameters, "spec": given.path},
            "schedules": (_schedule(entry, spec, cron),) if cron else (),
        }
    )


def _schedule(entry: Deployment, spec: Spec, cron: str) -> CronSchedule:
    """A schedule whose slug says whether the spec has it run, so that a change of that is seen."""
    word = entry.schedules[0].slug.removesuffix("-paused")
    active = spec.schedule.active
    return CronSchedule(
        slug=word if active else f"{word}-paused",
        cron=cron,
        timezone=spec.grid.timezone,
        active=active,
    )


def _prefilled(entry: Deployment, path: str) -> Deployment:
    if "spec" not in entry.parameters:
        return entry
    return entry.model_copy(update={"parameters": {**entry.parameters, "spec": path}})


def _planned(entry: Deployment, choices: Sequence[str]) -> Planned:
    from prefect.utilities.callables import parameter_schema

    flow = entry.flow()
    schema = parameter_schema(flow).model_dump()
    if len(choices) > 1 and "spec" in schema["properties"]:
        schema["properties"]["spec"]["enum"] = list(choices)
    return Planned(entry, flow.name, schema)
