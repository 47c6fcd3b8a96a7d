"""The night: learn from what is known, keep the better model, publish the next horizon.

By hand:      nightcast run SPEC --as-of 2013-10-16
By schedule:  a Prefect deployment of `nightly`
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run

from data_contracts.night import Night
from models.schedule import training_due
from tasks.evaluate import evaluate
from tasks.extract import extract
from tasks.forecast import forecast
from tasks.promote import load_champion, promote
from tasks.publish import publish
from tasks.report import report, report_refusal
from tasks.snapshot import snapshot
from tasks.tonight import begin
from tasks.train import train_challenger
from tasks.validate import set_aside, validate_input, validate_output


def _name() -> str:
    parameters = flow_run.parameters
    moment = parameters.get("as_of") or "now"
    return f"{Path(parameters['spec']).stem} as of {moment}"


@flow(name="nightly", flow_run_name=_name)
def nightly(
    spec: str,
    as_of: datetime | None = None,
    train: Literal["auto", "always", "never"] | None = None,
) -> Night:
    """Publish the forecast batch that starts after the last complete step at `as_of`.

    Run it again for the same cutoff and the same rows are in the table, once.

    Args:
        spec: Path of the spec, a YAML file.
        as_of: The instant to pretend to live in; the scheduled time of the run by default.
        train: Whether to train; as the spec says by default.

    Raises:
        SpecError: If the spec or `as_of` is wrong.
        ContractError: If the input breaks its contract; nothing is published then.
    """
    tonight = begin(spec, as_of)

    extraction = extract(tonight)
    contract = validate_input(tonight, extraction)
    if contract.critical:
        report_refusal(tonight, contract)
    contract.raise_if_critical()
    panel = set_aside(extraction.panel, contract)
    source = snapshot(tonight, panel)

    champion = load_champion(tonight)
    due = training_due(
        train or tonight.spec.training.when,
        champion_age=champion.age(tonight.cutoff) if champion else None,
        max_age=tonight.max_champion_age,
    )
    candidates = tonight.spec.candidates if due.train else ()
    challengers = [train_challenger(tonight, name, source) for name in candidates]

    trial = evaluate(tonight, panel, champion, challengers)
    service = promote(tonight, trial)
    batch = forecast(tonight, extraction.panel, contract, service)
    batch, output = validate_output(tonight, batch)

    publish(tonight, batch)
    return report(tonight, ...)
