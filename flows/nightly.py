"""The night: learn from what is known, keep the better model, publish the next horizon.

By hand:      nightcast run SPEC --as-of 2013-10-16
By schedule:  a Prefect deployment of `nightly`
"""

from datetime import datetime
from functools import partial
from typing import Literal

from prefect import flow

from data_contracts.night import Night
from flows.endings import ends_in_a_sentence
from flows.names import spec_at_instant
from tasks.attention import look
from tasks.baselines import baseline_tonight
from tasks.catch_up import refuse_repetition
from tasks.challengers import challengers_tonight, made_before, waiting_challengers
from tasks.contenders import SUBSTITUTE, in_service
from tasks.evaluate import as_published, evaluate_contenders, past_of, unseen_origins
from tasks.extract import extract
from tasks.forecast import forecast, reference_batch
from tasks.hand_over import train_tonight
from tasks.outcome import Outcome
from tasks.promote import fall_back, load_champion, promote
from tasks.publish import publish
from tasks.report import refusals_on_record, refuse_critical, report
from tasks.resume import leave_behind, resume
from tasks.snapshot import snapshot
from tasks.standing import Evidence
from tasks.tonight import begin
from tasks.totals import add_up
from tasks.train import training_tonight
from tasks.upkeep import mirror, tidy_up
from tasks.validate import set_aside, validate_input, validate_output


@flow(name="nightly", flow_run_name=partial(spec_at_instant, "as of"))
@ends_in_a_sentence
def nightly(
    spec: str,
    as_of: datetime | None = None,
    train: Literal["auto", "always", "never"] | None = None,
) -> Night:
    """Publish the forecast batch that starts after the last complete step at `as_of`.

    Run it again for the same cutoff and the same rows are in the table, once.

    Args:
        spec: Path or URI of the spec, a YAML file.
        as_of: The instant to pretend to live in; the scheduled time of the run by default.
        train: Whether to train; as the spec says by default.

    Raises:
        SpecError: If the spec or `as_of` is wrong.
        RefusedError: If the source cannot be read; nothing is published then.
        ContractError: If the input or every batch breaks its contract; nothing is published then.
        ConflictError: If a later attempt has published this night.
    """
    tonight = begin(spec, as_of)
    refuse_repetition(tonight)

    with refusals_on_record(tonight):
        known = resume(tonight) or extract(tonight)
    contract = validate_input(tonight, known)
    refuse_critical(tonight, known, contract)
    panel = set_aside(known.panel, contract)
    source = snapshot(tonight, panel)
    leave_behind(tonight, known, contract, source)

    before = load_champion(tonight)
    origins = unseen_origins(tonight, panel, before.champion)
    baseline = baseline_tonight(tonight, panel, origins)
    seated = in_service(baseline.contender, before.champion)
    entries = evaluate_contenders(tonight, panel, seated, origins)
    waiting = waiting_challengers(tonight, before, origins)
    seen = Evidence(panel, entries, made_before(tonight, waiting))
    due = training_tonight(tonight, before, origins, asked=train, evidence=seen)
    trained = train_tonight(tonight, due, source, origins)
    rivals = challengers_tonight(before, trained.challengers, waiting)
    entries += evaluate_contenders(tonight, panel, rivals, origins)
    noted = trained.noted(due)
    service, decision = promote(tonight, before, entries, segments=panel.labels, noted=noted)

    publisher = as_published(tonight, panel, service, entries)
    batch = forecast(tonight, known.panel, publisher, contract)
    output = validate_output(tonight, batch, known, contract)
    while output.critical and service.version != SUBSTITUTE:  # readers always have a batch
        service, decision = fall_back(tonight, decision, output)
        publisher = as_published(tonight, panel, service, entries)
        batch = forecast(tonight, known.panel, publisher, contract)
        output = validate_output(tonight, batch, known, contract)
    refuse_critical(tonight, known, output, earlier=contract)

    usual = as_published(tonight, panel, baseline.contender, entries)
    reference = reference_batch(tonight, known.panel, usual, contract, batch)
    past = past_of(tonight, panel, service, entries)
    totals = add_up(tonight, known.panel, batch, contract, publisher, past)
    version = publish(tonight, batch, reference, totals.rows)
    looked = look(tonight, known.panel, publisher, batch)
    upkeep = (tidy_up(tonight), mirror(tonight, entries))
    outcome = Outcome(
        known=known,
        contract=contract,
        before=before,
        source=source,
        due=due,
        trained=trained,
        baseline=baseline,
        entries=entries,
        service=service,
        decision=decision,
        batch=batch,
        output=output,
        totals=totals,
        version=version,
        looked=looked,
        upkeep=upkeep,
    )
    return report(tonight, outcome)
