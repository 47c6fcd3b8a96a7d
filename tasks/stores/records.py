"""Write down what a night found out: losses, the decision, what was set aside.

Each function may run twice for the same night: the second time writes over the first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import decisions, evaluations, quarantine
from data_contracts.backfilled import MARK
from data_contracts.night import Decision
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE, DS, MODEL_VERSION, RUN_ID
from tasks.stores.delta import Commit, delete_rows, read_table, replace_rows
from tasks.stores.table import Table, Value, stamped
from tasks.stores.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """When and by what something was decided.

    Attributes:
        cutoff: Of the night.
        run_id: Of the run.
        spec_digest: Of the spec that was in force.
        code_version: Of Nightcast.
        decided_at: The instant, aware of its zone.
    """

    cutoff: pd.Timestamp
    run_id: str
    spec_digest: str
    code_version: str
    decided_at: pd.Timestamp


def evaluations_table(warehouse: Warehouse) -> Table:
    """The table of losses."""
    return Table.of(warehouse.evaluations, evaluations)


def decisions_table(warehouse: Warehouse) -> Table:
    """The table of decisions."""
    return Table.of(warehouse.decisions, decisions)


def quarantine_table(warehouse: Warehouse) -> Table:
    """The table of series and rows that were set aside."""
    return Table.of(warehouse.quarantine, quarantine)


def record_evaluations(
    warehouse: Warehouse, rows: pa.Table, *, cutoff: pd.Timestamp, run_id: str
) -> None:
    """Keep the losses of a night, in the place of those of the same versions at this cutoff.

    Versions that an earlier run of the night judged and this one did not keep their rows.

    Args:
        warehouse: Where to.
        rows: Columns of `evaluations.SCHEMA`; `cutoff_date`, `cutoff` and `run_id` are added where
            they are missing. NaN means that nothing was observed. No rows: nothing is changed.
        cutoff: Of the night.
        run_id: Of the run.

    Raises:
        ContractError: If the rows do not keep the contract.
        StorageError: If the warehouse cannot be written.
    """
    if rows.num_rows == 0:
        return
    night: dict[str, Value] = {
        CUTOFF_DATE: cutoff.tz_convert("UTC").date(),
        CUTOFF: cutoff.tz_convert("UTC"),
    }
    replace_rows(
        evaluations_table(warehouse),
        stamped(rows, {**night, RUN_ID: run_id}),
        where={**night, MODEL_VERSION: pc.unique(rows[MODEL_VERSION]).to_pylist()},
        commit=Commit(run_id),
    )


def record_decision(warehouse: Warehouse, decision: Decision, *, occasion: Occasion) -> None:
    """Keep what the gate decided in one run.

    Args:
        warehouse: Where to.
        decision: The decision.
        occasion: The night, the run and what was in force.

    Raises:
        StorageError: If the warehouse cannot be written.
    """
    row = {
        **decision.model_dump(),
        **vars(occasion),
        "numbers": json.dumps(decision.numbers, sort_keys=True),
        "judged": list(decision.judged),
    }
    known = {name: row[name] for name in decisions.SCHEMA.names}
    replace_rows(
        decisions_table(warehouse),
        pa.Table.from_pylist([known], schema=decisions.SCHEMA),
        where={CUTOFF: occasion.cutoff.tz_convert("UTC"), RUN_ID: occasion.run_id},
        commit=Commit(occasion.run_id),
    )


def find_decision(warehouse: Warehouse, cutoff: pd.Timestamp, run_id: str) -> Mapping[str, Any]:
    """What a run decided: the columns of `decisions.SCHEMA`, empty where nothing is known.

    Raises:
        StorageError: If the table cannot be read.
    """
    rows = read_table(decisions_table(warehouse))
    of_run = (pc.field(CUTOFF) == cutoff) & (pc.field(RUN_ID) == run_id)
    found: list[dict[str, Any]] = rows.filter(of_run).to_pylist()
    return found[0] if found else {}


class Settled(NamedTuple):
    """Challengers that need no verdict any more.

    Attributes:
        versions: Those that the gate had a verdict on.
        cutoffs: Nights from before decisions named whom they judged; all of theirs are settled.
    """

    versions: frozenset[str]
    cutoffs: frozenset[pd.Timestamp]


def settled(warehouse: Warehouse, *, before: pd.Timestamp) -> Settled:
    """Whom the gate had a verdict on in a night before a cutoff.

    Raises:
        StorageError: If the table cannot be read.
    """
    rows = read_table(decisions_table(warehouse)).select([CUTOFF, decisions.JUDGED])
    earlier = rows.filter(pc.field(CUTOFF) < before).to_pylist()
    return Settled(
        frozenset(version for row in earlier for version in row[decisions.JUDGED] or ()),
        frozenset(pd.Timestamp(row[CUTOFF]) for row in earlier if row[decisions.JUDGED] is None),
    )


def set_apart(warehouse: Warehouse) -> frozenset[str]:
    """Versions that a backfill has trained or is training, which no night puts into service.

    Raises:
        StorageError: If the table cannot be read.
    """
    rows = read_table(decisions_table(warehouse)).filter(_of_backfills())
    return frozenset(
        version for judged in rows[decisions.JUDGED].to_pylist() for version in judged or ()
    )


def _of_backfills() -> pc.Expression:
    return pc.starts_with(pc.field(RUN_ID), MARK)


def decisions_before(
    warehouse: Warehouse, cutoff: pd.Timestamp, *, nights: int
) -> list[dict[str, Any]]:
    """What was decided on the last nights before a cutoff, the newest first.

    Args:
        warehouse: Where from.
        cutoff: Of the night that asks; its own decisions do not count, nor do those of backfills.
        nights: How many, at the most.

    Returns:
        The columns of `decisions.SCHEMA` of each night's last run, `numbers` as a dict.

    Raises:
        StorageError: If the table cannot be read.
    """
    rows = read_table(decisions_table(warehouse)).filter(
        (pc.field(CUTOFF) < cutoff) & ~_of_backfills()
    )
    # A move by hand saw no evidence: it counts only where no run of its night did.
    rows = rows.append_column("by_hand", pc.equal(rows["outcome"], "by_hand"))
    order = [(CUTOFF, "descending"), ("by_hand", "ascending"), ("decided_at", "descending")]
    newest = rows.sort_by(order).drop_columns("by_hand")
    _, places = np.unique(-newest[CUTOFF].cast(pa.int64()).to_numpy(), return_index=True)
    return [
        {**row, "numbers": json.loads(row["numbers"])}
        for row in newest.take(places[:nights]).to_pylist()
    ]


def record_quarantine(
    warehouse: Warehouse, rows: pa.Table, *, cutoff: pd.Timestamp, run_id: str
) -> None:
    """Keep what was set aside, in the place of what an earlier run of the night said.

    Args:
        warehouse: Where to.
        rows: Columns of `quarantine.SCHEMA`; `cutoff` and `run_id` are added where they are
            missing. An expectation about no column in particular may leave `column` null; where a
            whole series is meant, `scope` and `ds` may be left out or null. No rows: nothing is in
            quarantine, and what an earlier run said is removed.
        cutoff: Of the night.
        run_id: Of the run.

    Raises:
        ContractError: If the rows do not keep the contract.
        StorageError: If the warehouse cannot be written.
    """
    night = {CUTOFF: cutoff.tz_convert("UTC")}
    table = quarantine_table(warehouse)
    if rows.num_rows == 0:
        delete_rows(table, where=night, commit=Commit(run_id))
        return
    meant: dict[str, Value] = {
        quarantine.COLUMN: "",
        quarantine.SCOPE: quarantine.SERIES,
        DS: night[CUTOFF],
    }
    rows = _filled(stamped(rows, {**night, **meant, RUN_ID: run_id}), meant)
    replace_rows(table, rows, where=night, commit=Commit(run_id))


def _filled(rows: pa.Table, values: Mapping[str, Value]) -> pa.Table:
    """The rows with a value of its own in the place of each null of a column."""
    for name, value in values.items():
        column = rows[name].cast(quarantine.SCHEMA.field(name).type)
        rows = rows.set_column(rows.column_names.index(name), name, pc.fill_null(column, value))
    return rows
