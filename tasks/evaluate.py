"""Evaluate: every contender forecasts the same unseen windows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import RefusedError
from data_contracts.evaluations import ROLE
from data_contracts.night import Score
from data_contracts.spec import Spec
from data_contracts.vocabulary import LEAD, MODEL, MODEL_VERSION, ORIGIN, UNIQUE_ID
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts, Losses, coverage_by_lead, losses_of, summary
from models.gate.origins import evaluation_origins
from models.hierarchy.past import Past
from models.panel import Ints, Panel
from models.scores import Doubles
from tasks.calibrate import Adjustment, adjust, calibrated, past_forecasts
from tasks.contenders import CHALLENGER, Contender
from tasks.progress import Step, stage
from tasks.reconcile import reconciled
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.records import record_evaluations
from tasks.tonight import Tonight


@dataclass(frozen=True, eq=False)
class Entry:
    """One contender, and how it did as it would have been published.

    Attributes:
        contender: Who.
        losses: Of its adjusted forecasts.
        adjustment: Of its next forecast, None where nothing is adjusted.
        raw_coverage: Share of actuals inside the widest interval by lead before any adjustment,
            shape `(H,)`.
        past: What its adjusted forecasts missed, None where no totals are asked for.
    """

    contender: Contender
    losses: Losses
    adjustment: Adjustment | None = None
    raw_coverage: Doubles | None = None
    past: Past | None = None

    @property
    def score(self) -> Score:
        """Its losses in a few numbers."""
        numbers = summary(self.losses)
        made = self.contender.record if self.contender.role == CHALLENGER else None
        return Score(
            contender=self.contender.name,
            role=self.contender.role,
            version=self.contender.version,
            mase=numbers.mase,
            wql=numbers.wql,
            coverage=numbers.coverage,
            nominal_coverage=numbers.nominal_coverage,
            bias=numbers.bias,
            train_minutes=made.train_minutes if made else None,
        )


def unseen_origins(tonight: Tonight, panel: Panel, champion: Contender | None) -> Ints:
    """Slots from which contenders are judged: the rolling origins that the champion has not seen.

    Challengers may learn up to the first of them.
    """
    spec = tonight.spec
    origins = evaluation_origins(
        panel, origins=spec.gate.origins, every=spec.origin_step, horizon=spec.horizon
    )
    return champion.unseen(origins) if champion else origins


def rolling_origins(tonight: Tonight, panel: Panel, *, origins: int, every: int | None) -> Ints:
    """Slots from which a backtest forecasts.

    Raises:
        RefusedError: If the histories are too short for a single origin.
    """
    spec = tonight.spec
    slots = evaluation_origins(
        panel, origins=origins, every=every or spec.origin_step, horizon=spec.horizon
    )
    if not len(slots):
        raise RefusedError(
            f"The longest history is {int(panel.lengths.max(initial=0))} steps, too short to "
            f"train and to be judged on a horizon of {spec.horizon}; lower horizon or give more."
        )
    return slots


@task(
    name="evaluate",
    task_run_name="evaluate",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def evaluate_contenders(
    tonight: Tonight, panel: Panel, contenders: list[Contender], origins: Ints
) -> list[Entry]:
    """Score all contenders on the same origins and keep their losses.

    Args:
        tonight: The night.
        panel: The series that are judged.
        contenders: Who takes part; a version takes part once.
        origins: Slots from which forecasts start, none of which a contender has learned from.
    """
    if not contenders:
        return []
    fresh = all(contender.role == CHALLENGER for contender in contenders)
    with stage("evaluate challengers" if fresh else "evaluate") as step:
        entries = judge(tonight, panel, contenders, origins, step=step)
        for entry in entries:  # one at a time: ten thousand series make millions of rows
            rows = loss_rows(entry, panel)
            record_evaluations(
                tonight.warehouse, rows, cutoff=tonight.cutoff, run_id=tonight.run_id
            )
    return entries


def judge(
    tonight: Tonight, panel: Panel, contenders: list[Contender], origins: Ints, *, step: Step
) -> list[Entry]:
    """Score all contenders on the same origins; see `evaluate_contenders` for the arguments."""
    return [
        _entry(
            tonight.spec,
            panel,
            contender,
            origins,
            progress=_part(step, number, len(contenders), contender.name),
        )
        for number, contender in enumerate(contenders)
    ]


def as_published(
    tonight: Tonight, panel: Panel, service: Contender, entries: list[Entry]
) -> Contender:
    """Who publishes, with the adjustment that its past forecasts ask for.

    Args:
        tonight: The night.
        panel: The series that were judged.
        service: Who publishes; one that is rolled back to was not judged, and is looked at now.
        entries: Who was judged tonight.
    """
    origins = _origins(entries)
    entry = _entry_of(service, entries)
    if entry is None:
        publisher = calibrated(tonight, panel, service, origins)
    else:
        publisher = entry.adjustment.of(service) if entry.adjustment else service
    past = past_of(tonight, panel, service, entries)
    return reconciled(tonight, panel, publisher, past, service.unseen(origins))


def past_of(
    tonight: Tonight, panel: Panel, service: Contender, entries: list[Entry]
) -> Past | None:
    """What the past forecasts of who publishes missed, as they would have been published.

    Args:
        tonight: The night.
        panel: The series that were judged.
        service: Who publishes; one that was not judged is looked at now.
        entries: Who was judged tonight.

    Returns:
        None where no totals are asked for.
    """
    spec = tonight.spec
    if entry := _entry_of(service, entries):
        return entry.past
    if not spec.hierarchy.is_asked_for:
        return None
    raw = past_forecasts(spec, panel, service, service.unseen(_origins(entries)))
    return _past(spec, panel, *adjust(spec, panel, raw))


def _entry_of(service: Contender, entries: list[Entry]) -> Entry | None:
    of_service = (entry for entry in entries if entry.contender.version == service.version)
    return next(of_service, None)


def _origins(entries: list[Entry]) -> Ints:
    return entries[0].losses.origins if entries else np.empty(0, np.int64)


def _past(
    spec: Spec, panel: Panel, adjusted: Forecasts, adjustment: Adjustment | None
) -> Past | None:
    if not spec.hierarchy.is_asked_for:
        return None
    if adjustment is None:
        return Past.of(adjusted, Support.of(panel, until=panel.cutoff_slot))
    return Past.of(adjusted, adjustment.calibration.support)


def _entry(
    spec: Spec,
    panel: Panel,
    contender: Contender,
    origins: Ints,
    *,
    progress: Callable[[int, int], None],
) -> Entry:
    raw = past_forecasts(spec, panel, contender, origins, progress=progress)
    adjusted, adjustment = adjust(spec, panel, raw)
    past = _past(spec, panel, adjusted, adjustment)
    if not len(origins) or adjustment is None:
        return Entry(contender, losses_of(adjusted), past=past)
    first = int(origins[0])
    return Entry(
        contender,
        losses_of(adjusted.since(first)),
        adjustment,
        coverage_by_lead(losses_of(raw.since(first))),
        past,
    )


def _part(step: Step, number: int, count: int, note: str) -> Callable[[int, int], None]:
    """Reports to one of several equal parts of a step."""
    return lambda done, total: step(number + done / total, count, note)


def loss_rows(entry: Entry, panel: Panel) -> pa.Table:
    """Losses as rows of `evaluations.delta`, one per observed step, in the order of its key.

    A loss that is not finite becomes null: the gate has read it by then, and says so.
    """
    losses, contender = entry.losses, entry.contender
    if losses.leads is None:
        raise ValueError("Expected losses by lead, got means over windows.")
    seen = ~np.isnan(losses.leads.absolute_y)  # (S, O, H)
    series, origin, lead = (
        np.broadcast_to(positions, seen.shape)[seen]
        for positions in np.ogrid[tuple(slice(np.int32(size)) for size in seen.shape)]
    )
    instants = panel.grid.timestamps(losses.origins).to_numpy()
    measured = {name: values[seen] for name, values in vars(losses.leads).items()}
    measured["scale"] = losses.scale.astype(np.float32)[series, origin]
    return pa.table(
        {
            MODEL_VERSION: pa.repeat(contender.version, len(lead)),
            MODEL: pa.repeat(contender.name, len(lead)),
            ROLE: pa.repeat(contender.role, len(lead)),
            UNIQUE_ID: pa.DictionaryArray.from_arrays(
                pa.array(series, pa.int32()), pa.array(losses.unique_ids)
            ),
            ORIGIN: pa.array(instants[origin]).cast(pa.timestamp("us", tz="UTC")),
            LEAD: (lead + 1).astype(np.int32),
            "steps": np.ones(len(lead), np.int32),
            **{
                name: np.where(np.isfinite(values), values, np.float32(np.nan))
                for name, values in measured.items()
            },
        }
    )
