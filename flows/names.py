"""What the runs of a flow are called in the Prefect UI."""

from datetime import datetime
from pathlib import Path

from prefect.runtime import flow_run

from data_contracts.errors import NightcastError
from data_contracts.moments import in_utc
from tasks.stores.specs import read_spec


def spec_and_instant() -> str:
    """Name of the present run, such as `nyc-departures as of 2013-10-16 04:00 UTC`."""
    path, as_of = flow_run.parameters["spec"], flow_run.parameters.get("as_of")
    try:
        spec = read_spec(path)
    except NightcastError:  # the flow itself says what is wrong
        return Path(path).stem
    moment = as_of or flow_run.scheduled_start_time
    if isinstance(moment, str):  # as it was typed into a form
        moment = datetime.fromisoformat(moment)
    return f"{spec.name} as of {in_utc(moment, spec.grid.timezone):%Y-%m-%d %H:%M} UTC"
