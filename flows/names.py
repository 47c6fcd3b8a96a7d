"""What the runs of a flow are called in the Prefect UI, after the spec among their parameters."""

from datetime import datetime
from pathlib import Path

from prefect.runtime import flow_run

from data_contracts.errors import NightcastError
from data_contracts.moments import in_utc
from data_contracts.spec import Spec
from tasks.stores.specs import read_spec


def spec_name() -> str:
    """Name of the spec of the present run, or of its file where it cannot be read."""
    spec = _spec()
    return spec.name if spec else _file()


def spec_at_instant(relation: str) -> str:
    """Name of the present run, such as `nyc-departures as of 2013-10-16 04:00 UTC`.

    Args:
        relation: What stands between the spec and the instant that the run pretends to live in,
            such as `as of`.
    """
    spec = _spec()
    if spec is None:
        return _file()
    moment = flow_run.parameters.get("as_of") or flow_run.scheduled_start_time
    if isinstance(moment, str):  # as it was typed into a form
        moment = datetime.fromisoformat(moment)
    return f"{spec.name} {relation} {in_utc(moment, spec.grid.timezone):%Y-%m-%d %H:%M} UTC"


def _spec() -> Spec | None:
    try:
        return read_spec(flow_run.parameters["spec"])
    except NightcastError:  # the flow itself says what is wrong
        return None


def _file() -> str:
    return Path(flow_run.parameters["spec"]).stem
