"""Tuning: try other specs on past days that they have not seen, and write down the best.

By hand:      nightcast tune SPEC --trials 20
From the UI:  the Prefect deployment `tuning/tune`
"""

from datetime import datetime
from pathlib import Path

from prefect import flow

from data_contracts.study import Tuned
from flows.endings import ends_in_a_sentence
from flows.names import spec_name
from tasks.extract import extract
from tasks.lesson import judge_source
from tasks.search import Target, begin_tuning, choose_folds, open_study
from tasks.snapshot import snapshot
from tasks.trials import trials_within_budget, try_out
from tasks.tuned import conclude
from tasks.validate import set_aside


def _name() -> str:
    """Name of the run in the UI, such as `tuning of nyc-departures`."""
    return f"tuning of {spec_name()}"


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
    contract = judge_source(search.tonight, known)
    panel = set_aside(known.panel, contract)
    source = snapshot(search.tonight, panel)

    folds = choose_folds(search.tonight, panel)
    work = open_study(search, panel, source, folds)
    for claim in trials_within_budget(work):
        try_out(work, claim)
    return conclude(work)
