"""Tuning: try other specs on past days that they have not seen, and write down the best.

By hand:      nightcast tune SPEC --trials 20
From the UI:  the Prefect deployment `tuning/tune`
"""

from datetime import datetime
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from data_contracts.errors import NightcastError
from data_contracts.study import Tuned
from flows.endings import ends_in_a_sentence
from tasks.extract import extract
from tasks.search import Target, begin_tuning, choose_folds, open_study
from tasks.snapshot import snapshot
from tasks.stores.specs import read_spec
from tasks.trials import trials_within_budget, try_out
from tasks.tuned import conclude
from tasks.validate import set_aside


def _name() -> str:
    """Name of the run in the UI, such as `tuning of nyc-departures`."""
    path = flow_run.parameters["spec"]
    try:
        return f"tuning of {read_spec(path).name}"
    except NightcastError:  # the flow itself says what is wrong
        return f"tuning of {Path(path).stem}"


@flow(name="tuning", flow_run_name=_name)
@ends_in_a_sentence
def tuning(
    spec: str,
    trials: int | None = None,
    minutes: float | None = None,
    as_of: datetime | None = None,
    output: str | None = None,
    overwrite: bool = False,
) -> Tuned:
    """Search for a better spec within the ranges that it declares; nothing is put into service.

    Run it again with the same arguments and it goes on where it was interrupted; run it twice at
    the same time and both share the trials. The first trial is the spec as it is, so that the best
    is never worse on these folds. Whether it is better tonight is for the gate to say.

    Args:
        spec: Path of the spec, a YAML file, or the URI of one.
        trials: Specs that are tried in all, the one as it is included; 20, or as the spec says.
        minutes: Minutes of trials in all, in the place of `trials`.
        as_of: The instant to pretend to live in; now by default, or that of the study of this spec
            that was interrupted within the last week.
        output: Where to write the new spec, beside the folder of the study.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        SpecError: If the spec, the budget or `output` is wrong, or there is nothing to tune.
        RefusedError: If the input breaks its contract, or the histories are too short for folds.
        StorageError: If the warehouse cannot be written, or another process has locked the study.
    """
    target = Target(Path(output) if output else None, overwrite)
    search = begin_tuning(spec, as_of, trials=trials, minutes=minutes, target=target)
    known = extract(search.tonight)
    contract = known.judged(search.tonight.spec)
    contract.raise_if_critical()
    panel = set_aside(known.panel, contract)
    source = snapshot(search.tonight, panel)

    folds = choose_folds(search.tonight, panel)
    work = open_study(search, panel, source, folds)
    for claim in trials_within_budget(work):
        try_out(work, claim)
    return conclude(work)
