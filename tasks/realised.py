"""Realised accuracy in a few numbers: by model, lead, series and night, and what is a bad night."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import accuracy
from data_contracts.accuracy import NOMINAL_COVERAGE, SCALE
from data_contracts.backfilled import HINDSIGHT, is_backfilled
from data_contracts.frequency import Grid
from data_contracts.realised import OfLeads, OfModel, OfNight, OfSeries
from data_contracts.spec import Spec
from data_contracts.vocabulary import (
    BASELINE,
    CHAMPION,
    CUTOFF,
    LEAD,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    UNIQUE_ID,
)
from models.gate.realised import (
    LEAST_OBSERVED,
    Limits,
    NightLoss,
    Realised,
    bad_in_a_row,
    baseline_scores_of,
    fault,
    relative_loss,
    scores_of,
)
from models.panel import Bools
from tasks.stores.accuracy import Batch, published_batches, read_accuracy
from tasks.stores.warehouse import Warehouse

WINDOWS = (7, 28)  # days before the newest night with actuals
LEAD_PARTS = 4
MOST_SERIES = 10  # that are listed
PASSED_OVER = 5  # nights without a verdict that a row of bad ones may skip
COLUMNS = (
    UNIQUE_ID,
    CUTOFF,
    LEAD,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    *accuracy.LOSSES,
    NOMINAL_COVERAGE,
    SCALE,
    *(f"{BASELINE}_{loss}" for loss in accuracy.BASELINE_LOSSES),
)


class Rows(NamedTuple):
    """Rows of `accuracy.delta`, ready to be condensed.

    Attributes:
        losses: Their numbers.
        series: Names that `losses.series` counts.
        cutoffs: What `losses.night` counts, ascending.
        texts: Columns `model`, `model_version` and `quality`, shape `(N,)` each.
    """

    losses: Realised
    series: list[str]
    cutoffs: list[pd.Timestamp]
    texts: dict[str, Any]

    def where(self, mask: Bools) -> "Rows":
        """Some of the rows."""
        texts = {name: values[mask] for name, values in self.texts.items()}
        return self._replace(losses=self.losses.where(mask), texts=texts)


def recent_rows(
    warehouse: Warehouse, *, days: int = WINDOWS[-1], until: pd.Timestamp | None = None
) -> Rows:
    """The rows of the last days before the newest night with actuals.

    Batches that were backfilled with the model of today are left out: it may have learned from what
    came.

    Args:
        warehouse: Where from.
        days: How many.
        until: The newest cutoff that counts; None: any.

    Raises:
        StorageError: If the table is damaged.
    """
    fair = ~pc.starts_with(pc.field(RUN_ID), HINDSIGHT)
    told = read_accuracy(warehouse, until=until, columns=[*accuracy.KEY, RUN_ID])
    newest = _newest(told.filter(fair))
    since = None if newest is None else newest - pd.Timedelta(days=days)
    rows = read_accuracy(warehouse, since=since, until=until, columns=COLUMNS).filter(fair)
    return rows_of(rows.filter(pc.field(CUTOFF) > since) if since is not None else rows)


def rows_of(table: pa.Table) -> Rows:
    """Rows of `accuracy.delta` with the columns of `COLUMNS`."""
    names = table[UNIQUE_ID].cast(pa.string()).combine_chunks().dictionary_encode()
    instants = table[CUTOFF].cast(pa.int64()).to_numpy()
    cutoffs, night = np.unique(instants, return_inverse=True)
    numbers = {name: _doubles(table, name) for name in (*accuracy.LOSSES, SCALE)}
    of_baseline = {
        f"base_{loss}": _doubles(table, f"{BASELINE}_{loss}") for loss in accuracy.BASELINE_LOSSES
    }
    losses = Realised(
        series=names.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        night=night.astype(np.int64),
        lead=table[LEAD].to_numpy().astype(np.int64),
        nominal=_doubles(table, NOMINAL_COVERAGE),
        **numbers,
        **of_baseline,
    )
    texts = {
        name: table[name].to_numpy().astype(object) for name in (MODEL, MODEL_VERSION, QUALITY)
    }
    stamps = list(pd.DatetimeIndex(cutoffs.astype("M8[us]"), tz="UTC"))
    return Rows(losses, names.dictionary.to_pylist(), stamps, texts)


def by_model(rows: Rows) -> list[OfModel]:
    """Each model over each window, the most rows first."""
    made = []
    for days in WINDOWS:
        inside = rows.where(_within(rows, days))
        for model in sorted(set(inside.texts[MODEL])):
            part = inside.losses.where(inside.texts[MODEL] == model)
            nights = len(np.unique(part.night))
            made.append(OfModel(model=model, days=days, nights=nights, **condensed(part)))
    return sorted(made, key=lambda score: (score.days, -score.rows, score.model))


def by_leads(rows: Rows, *, parts: int = LEAD_PARTS) -> list[OfLeads]:
    """All models together, at each part of the horizon."""
    losses = rows.losses
    leads = np.arange(1, losses.lead.max(initial=0) + 1)
    return [
        OfLeads(
            first_lead=int(part[0]),
            last_lead=int(part[-1]),
            **condensed(losses.where((losses.lead >= part[0]) & (losses.lead <= part[-1]))),
        )
        for part in np.array_split(leads, min(parts, len(leads)) or 1)
        if len(part)
    ]


def worst_series(rows: Rows) -> list[OfSeries]:
    """Series with the largest MASE, the largest first."""
    losses = rows.losses
    counted = (losses.scale > 0) & np.isfinite(losses.absolute_error)
    of_series, scaled = losses.series[counted], losses.absolute_error / losses.scale
    count = np.bincount(of_series, minlength=len(rows.series))
    total = np.bincount(of_series, scaled[counted], minlength=len(rows.series))
    mase = np.divide(total, count, out=np.full(len(count), -1.0), where=count > 0)
    worst = [k for k in np.argsort(-mase, kind="stable")[:MOST_SERIES] if count[k]]
    return [
        OfSeries(unique_id=rows.series[k], **condensed(losses.where(losses.series == k)))
        for k in worst
    ]


def by_night(
    rows: Rows, batches: Sequence[Batch], spec: Spec, until: pd.Timestamp
) -> list[OfNight]:
    """Each night, ascending, and what is bad about it.

    Args:
        rows: Of whole nights.
        batches: All that were published.
        spec: What is accepted.
        until: The last step that is over.
    """
    limits, verdicts = limits_of(spec), night_losses(rows, batches, spec.grid, until)
    return [
        OfNight(
            cutoff=verdict.cutoff,
            model_version=verdict.version,
            judged=verdict.judged,
            fault=fault(verdict, limits),
            **condensed(rows.losses.where(rows.losses.night == number)),
        )
        for number, verdict in enumerate(verdicts)
    ]


def limits_of(spec: Spec) -> Limits:
    """What the spec accepts of a night."""
    scoring = spec.scoring
    return Limits(scoring.max_loss_ratio, scoring.min_coverage, scoring.bad_nights)


def night_losses(
    rows: Rows, batches: Sequence[Batch], grid: Grid, until: pd.Timestamp
) -> list[NightLoss]:
    """How the network did in each night of some rows, ascending.

    Args:
        rows: Of whole nights.
        batches: All that were published.
        grid: The steps.
        until: The last step that is over.
    """
    published = {batch.cutoff: batch for batch in batches}
    return list(_night_losses(rows, published, grid, until))


def bad_nights(
    warehouse: Warehouse, spec: Spec, until: pd.Timestamp, *, version: str | None = None
) -> tuple[NightLoss, ...]:
    """The bad nights in a row that ask for a training, none where nothing does.

    Only nights count whose horizon was over at one instant, so that a night that is run again
    decides as it did. Backfilled dates are no nights: what is done about the past alarms nobody.

    Args:
        warehouse: Where from.
        spec: What is accepted.
        until: The last step that is over.
        version: In service; nights of another version say nothing of it. None: any.

    Raises:
        StorageError: If a table is damaged.
    """
    limits, grid = limits_of(spec), spec.grid
    batches = [
        each
        for each in published_batches(warehouse)
        if _is_over(each, grid, until) and not is_backfilled(each.run_id)
    ]
    last = batches[-(limits.bad_nights + PASSED_OVER) :]
    if len(last) < limits.bad_nights:
        return ()
    table = read_accuracy(warehouse, since=last[0].cutoff, until=last[-1].cutoff, columns=COLUMNS)
    bad = bad_in_a_row(night_losses(rows_of(table), last, grid, until), limits)
    return bad if version is None or all(night.version == version for night in bad) else ()


def in_words(bad: Sequence[NightLoss], limits: Limits) -> str:
    """Bad nights as the reason of a training; empty where there are none."""
    if not bad:
        return ""
    told = "; ".join(f"{night.cutoff:%Y-%m-%d %H:%M} UTC {fault(night, limits)}" for night in bad)
    nights = "the last night" if len(bad) == 1 else f"the last {len(bad)} nights"
    return f"{nights} with known actuals went badly ({told})"


def last_over(batches: Sequence[Batch], grid: Grid, until: pd.Timestamp) -> pd.Timestamp | None:
    """The newest cutoff whose horizon was over at an instant, None without one."""
    over = [batch.cutoff for batch in batches if _is_over(batch, grid, until)]
    return max(over, default=None)


def condensed(losses: Realised) -> dict[str, Any]:
    """The fields of `data_contracts.realised.Realised`."""
    ours, theirs = scores_of(losses), baseline_scores_of(losses)
    return {
        **ours._asdict(),
        "baseline_mase": theirs.mase,
        "baseline_wql": theirs.wql,
        "baseline_coverage": theirs.coverage,
        "gain": 1 - relative_loss(losses),
    }


def _night_losses(
    rows: Rows, published: dict[pd.Timestamp, Batch], grid: Grid, until: pd.Timestamp
) -> Iterator[NightLoss]:
    by_network = rows.texts[QUALITY] == CHAMPION
    for number, cutoff in enumerate(rows.cutoffs):
        of_night = rows.losses.night == number
        ours = rows.losses.where(of_night & by_network)
        versions = rows.texts[MODEL_VERSION][of_night & by_network]
        numbers, batch = scores_of(ours), published.get(cutoff)
        known = batch is not None and of_night.sum() >= LEAST_OBSERVED * batch.rows
        yield NightLoss(
            cutoff=cutoff.to_pydatetime(),
            version=str(versions[0]) if len(versions) else "",
            loss_ratio=relative_loss(ours),
            coverage=numbers.coverage / (numbers.nominal_coverage or float("nan")),
            judged=batch is not None and known and _is_over(batch, grid, until),
        )


def _is_over(batch: Batch, grid: Grid, until: pd.Timestamp) -> bool:
    return grid.slot(batch.cutoff) + batch.horizon <= grid.slot(until)


def _within(rows: Rows, days: int) -> Bools:
    if not rows.cutoffs:
        return np.zeros(0, bool)
    since = rows.cutoffs[-1] - pd.Timedelta(days=days)
    recent = np.array([cutoff > since for cutoff in rows.cutoffs])
    inside: Bools = recent[rows.losses.night]
    return inside


def _newest(rows: pa.Table) -> pd.Timestamp | None:
    newest = pc.max(rows[CUTOFF]).as_py()
    return None if newest is None else pd.Timestamp(newest)


def _doubles(table: pa.Table, name: str) -> Any:
    return table[name].to_numpy().astype(np.float64)
