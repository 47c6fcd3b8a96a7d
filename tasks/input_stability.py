"""How far the recent input has moved away from the snapshot that the champion learned from."""

from typing import NamedTuple

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError
from data_contracts.realised import InputDrift
from data_contracts.spec import Spec
from models.gate.stability import SHIFTED, series_stability
from models.panel import Panel
from tasks.progress import stage
from tasks.stores.registry import champion_history, find_version
from tasks.stores.sharing import on_this_machine
from tasks.stores.snapshots import load_panel
from tasks.tonight import Tonight


class Span(NamedTuple):
    """What is compared.

    Attributes:
        until: Slot of the last step that training saw.
        begin: Slot of the first step that is recent.
        season: Steps in the season that is taken away.
    """

    until: int
    begin: int
    season: int


@task(name="input stability", task_run_name="input stability", cache_policy=NO_CACHE)
def input_stability(tonight: Tonight, panel: Panel) -> tuple[InputDrift | None, str]:
    """Compare the recent input of every series with what the champion learned from.

    Returns:
        What was found, None where no network is in service, and why nothing could be, one sentence,
        empty where something was.
    """
    version = serving(tonight)
    if version is None:
        return None, ""
    with stage("input stability"):
        try:
            record = find_version(tonight.warehouse, version)
            snapshot = tonight.warehouse.snapshots / record.snapshot
            learned = load_panel(on_this_machine(tonight.warehouse, snapshot))
        except NightcastError as error:  # the scores are good without it
            return None, f"The input is not compared with what the champion learned from: {error}"
        until = panel.grid.slot(record.train_cutoff)
        return drift_since(version, learned, panel, until=until, spec=tonight.spec), ""


def serving(tonight: Tonight) -> str | None:
    """The version in service at the cutoff, None where the baseline is or nothing was yet."""
    moves = [move for move in champion_history(tonight.warehouse) if move.cutoff <= tonight.cutoff]
    return moves[-1].version if moves else None


def drift_since(
    version: str, learned: Panel, panel: Panel, *, until: int, spec: Spec
) -> InputDrift:
    """The stability index of every series that both panels have.

    Recent are as many steps as the gate judges, in whole seasons, without those that training saw.

    Args:
        version: In service.
        learned: The snapshot that it was trained on.
        panel: What is known now.
        until: Slot of the last step that training saw.
        spec: Says how many steps are recent.
    """
    season = spec.season_length
    span = max(2, -(-spec.gate.origins * spec.origin_step // season)) * season
    begin = max(until + 1, panel.cutoff_slot + 1 - span)
    places = {name: k for k, name in enumerate(learned.unique_ids)}
    found = {
        name: _stability(learned, places[name], panel, k, Span(until, begin, season))
        for k, name in enumerate(panel.unique_ids)
        if name in places
    }
    known = {name: index for name, index in found.items() if not np.isnan(index)}
    ranked = dict(sorted(known.items(), key=lambda item: (-item[1], item[0])))
    indices = np.array(list(known.values()))
    stamps = panel.grid.timestamps(np.array([begin, panel.cutoff_slot + 1]))
    return InputDrift(
        champion=version,
        days=round((stamps[1] - stamps[0]).total_seconds() / 86_400, 2),
        stability_index=float(np.median(indices)) if known else float("nan"),
        shifted=float((indices > SHIFTED).mean()) if known else float("nan"),
        series=ranked,
    )


def _stability(learned: Panel, place: int, panel: Panel, k: int, span: Span) -> float:
    """The index of one series, which is at one place in the snapshot and at another one now."""
    first = int(learned.first_slots[place])
    start = max(span.begin, int(panel.first_slots[k]))
    past = learned.history(place)[: max(0, span.until + 1 - first)]
    recent = panel.history(k)[start - int(panel.first_slots[k]) :]
    return series_stability(past, recent, offset=start - first, season=span.season)
