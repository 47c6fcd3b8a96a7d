"""One date of a backfill: publish what would have been said then, and move nothing.

By a backfill:  a run of its own for each date; see flows/backfill.py
By hand:        a Prefect deployment of `backfill-date`, or a retry of such a run
"""

from datetime import datetime
from functools import partial

from prefect import flow

from data_contracts.backfilled import Existing, Model
from data_contracts.night import Night
from flows.endings import ends_in_a_sentence
from flows.names import spec_at_instant
from tasks.attention import look
from tasks.backfill import (
    BY_GATE,
    NO_SNAPSHOT,
    Asked,
    begin_date,
    choose,
    load_model,
    look_at,
    no_training,
    origins_to_judge,
    refuse_done,
    retraining,
    stand_in,
)
from tasks.baselines import baseline_tonight
from tasks.contenders import SUBSTITUTE
from tasks.evaluate import as_published, evaluate_contenders, past_of
from tasks.extract import extract
from tasks.forecast import forecast, reference_batch
from tasks.outcome import Outcome
from tasks.publish import publish
from tasks.report import refusals_on_record, refuse_critical, report
from tasks.snapshot import snapshot
from tasks.totals import add_up
from tasks.train import train_challengers
from tasks.validate import set_aside, validate_input, validate_output


@flow(name="backfill-date", flow_run_name=partial(spec_at_instant, "backfill of"))
@ends_in_a_sentence
def backfill_date(
    spec: str,
    as_of: datetime,
    model: Model = "then",
    existing: Existing = "skip",
    backfill: str = "",
) -> Night:
    """Publish the batch of one past date as it would have been, and move nothing.

    Nothing that became known later is read, and whoever is in service stays there. Run it again and
    the date is as it was.

    Args:
        spec: Path or URI of the spec, a YAML file.
        as_of: The instant to pretend to live in; in the spec's time zone unless it has an offset.
        model: Whose forecasts: of the champion then, of the champion now, or of a model that is
            trained as of this date and has to pass the gate.
        existing: Skip the date if it has a batch, or replace that.
        backfill: Id of the backfill that it belongs to; leave it empty for a date alone.

    Raises:
        SpecError: If the spec or `as_of` is wrong.
        OvertakenError: If the date has a batch, and nothing is left to do.
        RefusedError: If the source cannot be read; nothing is published then.
        ContractError: If the input or every batch breaks its contract; nothing is published then.
        ConflictError: If another run has published this date meanwhile.
    """
    tonight = begin_date(spec, as_of, Asked(model, existing, backfill))
    refuse_done(tonight)

    with refusals_on_record(tonight):
        known = extract(tonight)
    contract = validate_input(tonight, known)
    refuse_critical(tonight, known, contract)
    panel = set_aside(known.panel, contract)

    before = load_model(tonight)
    origins = origins_to_judge(tonight, panel, before)
    baseline = baseline_tonight(tonight, panel, origins)
    entries = look_at(tonight, panel, baseline.contender, before, origins)
    due = retraining(origins) if model == BY_GATE else no_training(tonight)
    source = snapshot(tonight, panel) if due.train else NO_SNAPSHOT
    trained = train_challengers(tonight, due, source, origins)
    entries += evaluate_contenders(tonight, panel, trained.challengers, origins)
    service, decision = choose(tonight, before, baseline, entries, segments=panel.labels)

    publisher = as_published(tonight, panel, service, entries)
    batch = forecast(tonight, known.panel, publisher, contract)
    output = validate_output(tonight, batch, known, contract)
    if output.critical and service.version != SUBSTITUTE:
        service, decision = stand_in(tonight, decision, service, output)
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
    )
    return report(tonight, outcome)
