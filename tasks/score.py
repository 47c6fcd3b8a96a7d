"""Score: hold published batches against what came."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import accuracy
from data_contracts.accuracy import BASELINE_LOSSES, BASIS, LOSSES, NOMINAL_COVERAGE, SCALE
from data_contracts.errors import RefusedError
from data_contracts.moments import in_utc
from data_contracts.vocabulary import (
    BASELINE,
    CUTOFF,
    CUTOFF_DATE,
    DS,
    LEAD,
    MODEL,
    MODEL_VERSION,
    QUALITY,
    RUN_ID,
    UNIQUE_ID,
    Y,
)
from models.gate.evaluation import seasonal_errors
from models.gate.realised import realised_losses
from models.panel import Bools, Floats, Ints, Panel
from models.scores import Doubles
from models.windows import observed_at
from tasks.progress import Step, stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.accuracy import (
    Batch,
    kept_baselines,
    published_batches,
    quantiles_in,
    read_baselines,
    read_forecasts,
    replace_scores,
    scored_from,
)
from tasks.stores.warehouse import Warehouse
from tasks.tonight import Tonight

RECIPE = 1  # raise it when the same forecasts and actuals make other rows: all are scored anew
CUTOFFS_AT_ONCE = 64  # in one commit
ROWS_AT_ONCE = 500_000  # in memory
COPIED = (UNIQUE_ID, CUTOFF, LEAD, DS, MODEL, MODEL_VERSION, QUALITY, RUN_ID, CUTOFF_DATE)


class Basis(NamedTuple):
    """What the rows of a cutoff follow from.

    Attributes:
        digest: Of all of it; empty where no actual is known.
        scale: What MASE is scaled by, shape `(S,)`.
    """

    digest: str
    scale: Doubles


class Done(NamedTuple):
    """What a scoring changed.

    Attributes:
        cutoffs: Cutoffs whose rows were written anew.
        rows: Rows that were written.
        unchanged: Cutoffs of which nothing was new.
        waiting: Cutoffs of which no actual is known yet.
    """

    cutoffs: int
    rows: int
    unchanged: int
    waiting: int


@dataclass(frozen=True, eq=False)
class Actuals:
    """What is known of the series at the instant of the scoring.

    Attributes:
        panel: All series.
        season_length: Steps in the season that MASE is scaled by.
        names: Names of the series, as Arrow looks them up.
        marks: Eight bytes per series that change with its name or a label, shape `(S, 8)`.
    """

    panel: Panel
    season_length: int
    names: pa.Array
    marks: np.ndarray

    @classmethod
    def of(cls, panel: Panel, season_length: int) -> "Actuals":
        """The actuals of a panel."""
        said = [
            repr((name, *labels)).encode()
            for name, labels in zip(panel.unique_ids, panel.static.tolist(), strict=True)
        ]
        marks = b"".join(hashlib.sha256(text).digest()[:8] for text in said)
        return cls(
            panel,
            season_length,
            pa.array(panel.unique_ids, pa.string()),
            np.frombuffer(marks, np.uint8).reshape(-1, 8),
        )

    def slots(self, cutoffs: Sequence[pd.Timestamp]) -> tuple[Ints, Bools]:
        """Slots of some instants, and which of them begin their step."""
        instants = pd.DatetimeIndex(list(cutoffs)).as_unit("us").asi8
        return self.panel.grid.slots(instants)

    def scales(self, slots: Ints) -> Doubles:
        """What MASE is scaled by, of every series at every slot, shape `(S, O)`."""
        everyone = np.arange(self.panel.num_series)
        scales, _ = seasonal_errors(self.panel, everyone, slots, season_length=self.season_length)
        return scales


@task(
    name="score",
    task_run_name="score",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def score_batches(tonight: Tonight, panel: Panel, *, since: datetime | None = None) -> Done:
    """Bring `accuracy.delta` up to what is known now.

    Cutoffs are written anew where anything that their rows follow from has changed: an actual that
    has arrived, was corrected or was taken back, another batch, another label. All others are left
    alone, so that a scoring that was killed is finished by the next, and one that is run twice
    writes nothing the second time. Cutoffs at which nothing of the horizon is over stay as they
    are.

    Args:
        tonight: The instant, the spec and the warehouse.
        panel: What was observed by then.
        since: The first cutoff that is looked at, in the spec's zone unless it carries an offset;
            None: all.

    Raises:
        RefusedError: If nothing has been published yet.
        ConflictError: If other runs kept writing the same rows.
        StorageError: If the warehouse cannot be read or written.
    """
    with stage("score") as step:
        first = None if since is None else in_utc(since, tonight.grid.timezone)
        batches = batches_to_score(tonight.warehouse, until=tonight.cutoff, since=first)
        actuals = Actuals.of(panel, tonight.spec.season_length)
        bases = bases_of(tonight.warehouse, batches, actuals)
        known = scored_from(tonight.warehouse)
        news = [each for each in batches if bases[each.cutoff].digest != known.get(each.cutoff, "")]
        rows = _rewrite(tonight, actuals, news, bases, step)
    waiting = sum(not bases[batch.cutoff].digest for batch in batches)
    unchanged = sum(known.get(batch.cutoff) == bases[batch.cutoff].digest for batch in batches)
    return Done(len(news), rows, unchanged, waiting)


def batches_to_score(
    warehouse: Warehouse, *, until: pd.Timestamp, since: pd.Timestamp | None = None
) -> list[Batch]:
    """Published batches before an instant, ascending.

    Args:
        warehouse: Where they are.
        until: The last step that is over; a batch of this cutoff has no actual yet.
        since: The first cutoff; None: all.

    Raises:
        RefusedError: If nothing has been published yet.
    """
    published = published_batches(warehouse)
    refuse_unpublished(warehouse, published)
    return [
        batch
        for batch in published
        if batch.cutoff < until and (since is None or batch.cutoff >= since)
    ]


def refuse_unpublished(warehouse: Warehouse, published: Sequence[Batch]) -> None:
    """Refuse to score where there is nothing to score.

    Raises:
        RefusedError: If nothing has been published yet.
    """
    if not published:
        raise RefusedError(
            f"No forecasts have been published in {warehouse.place}, so there is nothing to score; "
            "`nightcast run` publishes them."
        )


def bases_of(
    warehouse: Warehouse, batches: Sequence[Batch], actuals: Actuals
) -> dict[pd.Timestamp, Basis]:
    """By cutoff, what its rows follow from.

    Only series with an actual count: one that appears later changes nothing of nights before it.
    """
    slots, on_grid = actuals.slots([batch.cutoff for batch in batches])
    scales, kept = actuals.scales(slots), kept_baselines(warehouse)
    recipe = repr((RECIPE, actuals.season_length, actuals.panel.static_names))
    bases = {}
    for batch, slot, known, scale in zip(batches, slots, on_grid, scales.T, strict=True):
        y = _window(actuals.panel, int(slot), batch.horizon)
        seen = known & ~np.isnan(y).all(axis=1)
        made = f"{recipe} {batch.made} {kept.get(batch.cutoff) == batch.run_id}"
        digest = hashlib.sha256(made.encode())
        for part in (actuals.marks[seen], y[seen], scale[seen]):
            digest.update(np.ascontiguousarray(part).tobytes())
        bases[batch.cutoff] = Basis(digest.hexdigest()[:16] if seen.any() else "", scale)
    return bases


def realised_rows(
    published: pa.Table, kept: pa.Table, actuals: Actuals, bases: Mapping[pd.Timestamp, Basis]
) -> pa.Table:
    """What became of some batches, as rows of `accuracy.delta`.

    Args:
        published: Rows of `forecasts.delta`.
        kept: Rows of `baselines.delta` of the same cutoffs.
        actuals: What came.
        bases: What they follow from, by cutoff.
    """
    published, y = _with_actuals(published, actuals)
    panel, series = actuals.panel, _series(published, actuals)
    slots, _ = panel.grid.slots(_instants(published[CUTOFF]))
    cutoffs, night = np.unique(slots, return_inverse=True)
    losses, nominal = realised_losses(y, *quantiles_in(published))
    of_baseline, names = _baseline_losses(published, kept, y, actuals)
    of_nights = [bases[instant] for instant in panel.grid.timestamps(cutoffs)]
    scales = np.array([basis.scale for basis in of_nights]).reshape(-1, panel.num_series)
    digests = pa.array([basis.digest for basis in of_nights], pa.string())
    labels = dict(zip(panel.static_names, panel.static.T, strict=True))
    segments = accuracy.segment_columns(panel.static_names)
    return pa.table(
        {
            **{name: published[name] for name in COPIED},
            Y: y,
            **{name: _small(values) for name, values in zip(LOSSES, losses, strict=True)},
            NOMINAL_COVERAGE: _small(nominal),
            SCALE: _small(scales[night, series]),
            BASELINE: names,
            **{f"{BASELINE}_{name}": _small(of_baseline[name]) for name in BASELINE_LOSSES},
            BASIS: digests.take(pa.array(night)),
            **{
                segments[name]: pa.array(values.astype(object)).take(pa.array(series))
                for name, values in labels.items()
            },
        }
    )


def _rewrite(
    tonight: Tonight,
    actuals: Actuals,
    news: Sequence[Batch],
    bases: Mapping[pd.Timestamp, Basis],
    step: Step,
) -> int:
    """Write cutoffs anew, some in each commit; return how many rows they have."""
    rows = done = 0
    for cutoffs in _portions(news, actuals.panel.num_series):
        made = realised_rows(
            read_forecasts(tonight.warehouse, cutoffs),
            read_baselines(tonight.warehouse, cutoffs),
            actuals,
            bases,
        )
        replace_scores(
            tonight.warehouse,
            made,
            cutoffs=cutoffs,
            statics=actuals.panel.static_names,
            run_id=tonight.run_id,
        )
        rows, done = rows + made.num_rows, done + len(cutoffs)
        step(done, len(news), f"{done} of {len(news)} nights")
    return rows


def _portions(news: Sequence[Batch], num_series: int) -> Iterator[list[pd.Timestamp]]:
    """Cutoffs that are scored together."""
    horizon = max((batch.horizon for batch in news), default=1)
    size = max(1, min(CUTOFFS_AT_ONCE, ROWS_AT_ONCE // max(1, num_series * horizon)))
    for begin in range(0, len(news), size):
        yield [batch.cutoff for batch in news[begin : begin + size]]


def _window(panel: Panel, slot: int, horizon: int) -> Floats:
    """What came after a cutoff, shape `(S, H)`."""
    everyone = np.arange(panel.num_series)
    return observed_at(panel, everyone[:, None], slot + np.arange(1, horizon + 1))


def _with_actuals(rows: pa.Table, actuals: Actuals) -> tuple[pa.Table, Floats]:
    """The rows whose actual is known, and the actuals.

    Of a batch with other steps, as from before the frequency was changed, no actual is known.
    """
    series, grid = _series(rows, actuals), actuals.panel.grid
    slots, on_grid = grid.slots(_instants(rows[DS]))
    origins, begins = grid.slots(_instants(rows[CUTOFF]))
    there = (series >= 0) & on_grid & begins & (slots - origins == rows[LEAD].to_numpy())
    y = np.full(len(series), np.nan, np.float32)
    y[there] = observed_at(actuals.panel, series[there], slots[there])
    known = ~np.isnan(y)
    return rows.filter(pa.array(known)), y[known]


def _series(rows: pa.Table, actuals: Actuals) -> Ints:
    """Position of the series of each row, -1 for one that is not in the source."""
    names = rows[UNIQUE_ID].cast(pa.string())
    found = pc.fill_null(pc.index_in(names, value_set=actuals.names), -1)
    return np.asarray(found.to_numpy(), np.int64)


def _baseline_losses(
    published: pa.Table, kept: pa.Table, y: Floats, actuals: Actuals
) -> tuple[dict[str, Doubles], pa.Array]:
    """Losses of the baseline on the same steps, NaN where it kept none, and its name.

    Only what the run of the batch itself has kept counts: a run that died before it published had
    seen other data.
    """
    position = _matching(published, kept, actuals)
    found = position >= 0
    quantiles, levels = quantiles_in(kept)
    theirs = np.full((len(y), len(levels)), np.nan, np.float32)
    theirs[found] = quantiles[position[found]]
    values = dict(zip(LOSSES, realised_losses(y, theirs, levels=levels)[0], strict=True))
    return values, kept[MODEL].take(pa.array(position, mask=~found))


def _matching(published: pa.Table, kept: pa.Table, actuals: Actuals) -> Ints:
    """For each row the position of what the baseline kept for it, -1 where there is nothing."""
    nothing = np.full(published.num_rows, -1)
    if not kept.num_rows:
        return nothing
    runs = pa.concat_arrays([pc.unique(rows[RUN_ID]) for rows in (published, kept)]).unique()
    ours, theirs = (_keys(rows, runs, actuals) for rows in (published, kept))
    order = np.argsort(theirs, kind="stable")
    place = np.minimum(np.searchsorted(theirs[order], ours), len(order) - 1)
    nearest = order[place]
    return np.where(theirs[nearest] == ours, nearest, nothing)


def _keys(rows: pa.Table, runs: pa.Array, actuals: Actuals) -> Ints:
    """A number per row that is the same for the same run, series and step."""
    run = np.asarray(pc.index_in(rows[RUN_ID], value_set=runs).to_numpy(), np.int64)
    slots, _ = actuals.panel.grid.slots(_instants(rows[DS]))
    span = actuals.panel.num_series + 1
    return (slots * len(runs) + run) * span + _series(rows, actuals) + 1


def _instants(times: pa.ChunkedArray) -> Ints:
    """UTC microseconds since 1970, shape `(N,)`."""
    return np.asarray(times.cast(pa.int64()).to_numpy(), np.int64)


def _small(values: Doubles) -> Floats:
    """Numbers of the table's precision; what is not finite is missing."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    return np.where(np.isfinite(single), single, np.float32(np.nan))
