"""What a whole night makes of a case: a batch that is whole, or none.

A night here is the body of the flow `nightly` with the functions of its tasks and without Prefect,
whose bookkeeping costs seconds a night and sees no data. It trains nothing, so the baseline
publishes; everything else happens as in any night, the report with one chart included.
"""

import importlib
import inspect
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import tasks.report
from benchmarks.hostile.material import Case
from benchmarks.hostile.outcomes import Outcome
from data_contracts.errors import NightcastError, SpecError
from data_contracts.night import Night
from data_contracts.spec import Spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import (
    CUTOFF,
    LEAD,
    MEAN,
    QUALITY,
    SUBSTITUTED,
    UNIQUE_ID,
    quantile_columns,
)
from tasks.stores.delta import read_table
from tasks.stores.forecasts import cutoffs, read_batch
from tasks.stores.records import quarantine_table
from tasks.stores.runs import NIGHT
from tasks.stores.warehouse import Warehouse, warehouse_of

STOPPED = ("refused", "critical", "traceback")


def spend_night(case: Case, spec: Spec, place: Path, outcome: Outcome) -> list[str]:
    """Run the night of a case, and say in which ways it did not do what it has to.

    Args:
        case: What was spoilt.
        spec: As `write` gave it.
        place: Folder of `spec.yaml`.
        outcome: What the check alone came to.
    """
    warehouse = warehouse_of(spec)
    try:
        night = _night(place / "spec.yaml", case.cut.as_of)
    except NightcastError as error:
        if outcome.verdict not in STOPPED:
            return [f"stopped, though the check lets it pass: {error}"]
        return [*_published_nevertheless(warehouse), *_not_recorded(case, spec, warehouse, error)]
    except Exception as error:  # whatever it is, a person would see a traceback
        told = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({Path(told.filename).name}:{told.lineno})"]
    if outcome.contract is None or outcome.known is None or outcome.verdict in STOPPED:
        return ["published, though the check stops it"]
    batch = read_batch(warehouse).to_pandas()
    names = outcome.known.panel.unique_ids
    return [
        *_not_whole(case, spec, batch),
        *_lacking(batch, names, outcome.contract),
        *_not_substituted(batch, outcome.contract),
        *_untold(night, warehouse, outcome.contract),
    ]


def _night(spec: Path, as_of: pd.Timestamp) -> Night:
    with without_prefect() as body:
        night = inspect.unwrap(body.nightly.fn)  # what becomes a state elsewhere is raised here
        return night(str(spec), as_of.to_pydatetime(), "never")


@contextmanager
def without_prefect() -> Iterator[Any]:
    """The module of the flow, its tasks in the place of what Prefect makes of them."""
    body = importlib.import_module("flows.nightly")
    with ExitStack() as stack:
        for module in (body, tasks.report):
            stack.enter_context(patch.dict(vars(module), _plain(module)))
        stack.enter_context(patch("tasks.report.MAX_CHARTS", 1))
        yield body


def _plain(module: ModuleType) -> dict[str, Any]:
    """The functions of the tasks of a module, and of what shows in the UI one that does nothing."""
    from prefect import Task

    plain = {name: each.fn for name, each in vars(module).items() if isinstance(each, Task)}
    shown = [name for name in vars(module) if name.endswith("_artifact")]
    return plain | dict.fromkeys(shown, lambda **_: None)


def _published_nevertheless(warehouse: Warehouse) -> list[str]:
    return ["published, though it was stopped"] if cutoffs(warehouse) else []


def _not_recorded(case: Case, spec: Spec, warehouse: Warehouse, error: NightcastError) -> list[str]:
    """A night that the data stopped leaves a record; one without data or spec has no place."""
    if isinstance(error, SpecError):
        return []
    record = warehouse.run(_cutoff(case, spec)) / NIGHT
    if not record.exists():
        return ["no record of the stopped night"]
    return ["recorded as published"] if Night.from_json(record.read_text()).published else []


def _not_whole(case: Case, spec: Spec, batch: pd.DataFrame) -> list[str]:
    """What the batch lacks of all leads, finite numbers, ordered quantiles and one cutoff."""
    levels = batch[quantile_columns(spec.quantile_levels)].to_numpy(float)
    leads = batch.groupby(UNIQUE_ID)[LEAD].apply(sorted)
    wanted = list(range(1, spec.horizon + 1))
    breaches = {
        "not all leads": any(found != wanted for found in leads),
        "not finite": not (np.isfinite(levels).all() and np.isfinite(batch[MEAN]).all()),
        "quantiles fall": bool((np.diff(levels, axis=1) < 0).any()),
        "another cutoff": set(batch[CUTOFF]) != {_cutoff(case, spec)},
    }
    return [f"batch: {words}" for words, broken in breaches.items() if broken]


def _cutoff(case: Case, spec: Spec) -> pd.Timestamp:
    return spec.grid.timestamp(spec.grid.last_complete_slot(case.cut.as_of))


def _lacking(batch: pd.DataFrame, names: tuple[str, ...], contract: Verdict) -> list[str]:
    """Series that were observed, have no forecast, and of which nobody says why."""
    told = {finding.unique_id for finding in contract.findings} | set(contract.ended)
    lacking = sorted(set(names) - set(batch[UNIQUE_ID]) - told)
    return [f"no forecast for {', '.join(lacking)}"] if lacking else []


def _not_substituted(batch: pd.DataFrame, contract: Verdict) -> list[str]:
    aside = batch[batch[UNIQUE_ID].isin(list(contract.quarantined))]
    other = sorted(set(aside.loc[aside[QUALITY] != SUBSTITUTED, UNIQUE_ID]))
    return [f"not substituted: {', '.join(other)}"] if other else []


def _untold(night: Night, warehouse: Warehouse, contract: Verdict) -> list[str]:
    """Findings that neither the record of the night nor the table of quarantines has."""
    rows = read_table(quarantine_table(warehouse)).to_pylist()
    kept = {(row[UNIQUE_ID], row["expectation"]) for row in rows}
    aside = [f for reasons in contract.quarantined.values() for f in reasons]
    aside += contract.rows_aside
    lost = [
        f"{f.expectation} is not in quarantine"
        for f in aside
        if (str(f.unique_id), f.expectation) not in kept
    ]
    unsaid = [f.expectation for f in contract.warnings if f.sentence not in night.warnings]
    return [*lost, *(f"{name} is not in the record" for name in unsaid)]
