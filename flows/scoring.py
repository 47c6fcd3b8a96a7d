"""Scoring: how good were the forecasts that were published, now that their actuals are in?

By hand:      nightcast score SPEC
By schedule:  a Prefect deployment of `scoring`, once the actuals of a night have arrived
"""

from datetime import datetime
from functools import partial

from prefect import flow

from data_contracts.realised import Scoring
from flows.endings import ends_in_a_sentence
from flows.names import spec_at_instant
from tasks.alarm import raise_alarm
from tasks.extract import extract
from tasks.input_stability import input_stability
from tasks.score import score_batches
from tasks.scoring import condense, keep_record, look_back, refuse_untrustworthy


@flow(name="scoring", flow_run_name=partial(spec_at_instant, "scoring as of"))
@ends_in_a_sentence
def scoring(spec: str, as_of: datetime | None = None, since: datetime | None = None) -> Scoring:
    """Bring `accuracy.delta` up to what is known, and say how good the forecasts have been.

    Run it again and nothing changes; kill it and the next run finishes. Nothing is counted twice.

    Args:
        spec: Path of the spec, a YAML file.
        as_of: The instant to pretend to live in; the scheduled time of the run by default.
        since: The first cutoff that is scored; all by default.

    Raises:
        SpecError: If the spec, `as_of` or `since` is wrong.
        RefusedError: If nothing has been published yet, or the source cannot be read.
        ContractError: If the actuals cannot be trusted; nothing is scored then.
        StorageError: If the warehouse cannot be read or written.
    """
    now = look_back(spec, as_of)
    known = extract(now)
    refuse_untrustworthy(now, known)

    done = score_batches(now, known.panel, since=since)
    drift = input_stability(now, known.panel)
    found = raise_alarm(now, condense(now, done, drift))
    keep_record(now, found)
    return found
