"""What a night came to: everything that its record and its report are made of."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from data_contracts.night import Decision, Night
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import QUALITY, UNIQUE_ID
from models.gate.schedule import Due
from tasks.attention import Looked
from tasks.baselines import Baseline
from tasks.contenders import Contender
from tasks.evaluate import Entry
from tasks.lineage import code_version
from tasks.progress import LEDGER
from tasks.service import Service
from tasks.stores.observations import Extraction
from tasks.tonight import Tonight
from tasks.totals import NO_TOTALS, Totals
from tasks.train import Trained
from tasks.upkeep import Upkeep


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """A published night.

    Attributes:
        known: What was read.
        contract: The verdict on it.
        before: Who was in service.
        source: Folder of the snapshot; `Path()` where none was needed.
        due: Whether and why tonight trained.
        trained: What came of it.
        baseline: Which one everyone had to beat.
        entries: Everyone who was judged.
        service: Who made the batch.
        decision: What the gate decided.
        batch: The rows that were published.
        output: The verdict on them.
        totals: Their sums over static columns.
        version: Of the table that first holds them.
        looked: Where their forecasts looked.
        upkeep: What came of the steps after that.
    """

    known: Extraction
    contract: Verdict
    before: Service
    source: Path
    due: Due
    trained: Trained
    baseline: Baseline
    entries: list[Entry]
    service: Contender
    decision: Decision
    batch: pd.DataFrame
    output: Verdict
    version: int
    totals: Totals = NO_TOTALS
    looked: Looked = field(default_factory=Looked)
    upkeep: tuple[Upkeep, ...] = ()


def record_of(tonight: Tonight, outcome: Outcome) -> Night:
    """The record of a published night."""
    findings = [*outcome.contract.warnings, *outcome.output.warnings]
    trouble = [*filter(None, [outcome.before.trouble]), *outcome.trained.failures]
    trouble += outcome.totals.notes
    trouble += filter(None, [outcome.looked.trouble, *(step.trouble for step in outcome.upkeep)])
    aside = outcome.contract.rows_aside_told
    return _record(
        tonight,
        outcome.decision,
        {
            "snapshot": outcome.source.name,
            "num_series": outcome.batch[UNIQUE_ID].nunique(),
            "published": True,
            "model": outcome.service.name,
            "model_version": outcome.service.version,
            "qualities": outcome.batch[QUALITY].value_counts().to_dict(),
            "scores": tuple(entry.score for entry in outcome.entries),
            "quarantined": {
                name: reasons[0].sentence for name, reasons in outcome.contract.quarantined.items()
            },
            "warnings": (*trouble, *aside, *(finding.sentence for finding in findings)),
            "baseline": outcome.baseline.reason,
            "training": " ".join(
                filter(None, [outcome.due.reason, outcome.trained.where, *outcome.trained.starts])
            ),
            "faithfulness": outcome.looked.faithfulness,
            "upkeep": tuple(step.done for step in outcome.upkeep if step.done),
            "version": outcome.version,
        },
    )


def record_of_refusal(tonight: Tonight, contract: Verdict, *, num_series: int = 0) -> Night:
    """The record of a night that a contract stopped, or whose source could not be read."""
    reason = " ".join(finding.sentence for finding in contract.critical)
    decision = Decision(outcome="kept", reason=reason, champion=None, previous=None, origins=0)
    return _record(
        tonight,
        decision,
        {
            "snapshot": "",
            "num_series": num_series,
            "published": False,
            "model": "",
            "model_version": "",
            "qualities": {},
        },
    )


def _record(tonight: Tonight, decision: Decision, more: dict[str, object]) -> Night:
    ledger = LEDGER.get()
    return Night.model_validate(
        {
            "name": tonight.spec.name,
            "spec_digest": tonight.spec.digest,
            "code_version": code_version(),
            "run_id": tonight.run_id,
            "as_of": tonight.as_of,
            "cutoff": tonight.cutoff,
            "issued_at": tonight.issued_at,
            "horizon": tonight.spec.horizon,
            "backfill": tonight.backfill,
            "decision": decision,
            "stages": tuple(ledger.stages) if ledger else (),
            "resumed": " ".join(ledger.resumed) if ledger else "",
            **more,
        }
    )
