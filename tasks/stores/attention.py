"""Keep where published forecasts looked."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import attention as contract
from data_contracts.attention import HEAD, OBSERVED, POSITION, STEPS, WEIGHT
from data_contracts.errors import ContractError
from data_contracts.vocabulary import DS, LEAD, RUN_ID, UNIQUE_ID
from models.attention import Attention, Look, observed_steps
from models.panel import Ints, Panel
from tasks.stores.delta import Commit, delete_rows, replace_rows
from tasks.stores.table import Table, of_night, stamped
from tasks.stores.warehouse import Warehouse


def attention_table(warehouse: Warehouse) -> Table:
    """The table of where forecasts looked."""
    return Table.of(warehouse.attention, contract)


def attention_rows(
    looks: Sequence[Look], attention: Attention, panel: Panel, series: Ints
) -> pa.Table:
    """The weights of some looks as rows, in the order of the table.

    Args:
        looks: Those of `attention` that are wanted.
        attention: Where the forecasts from the cutoff of the panel looked.
        panel: Where the histories are.
        series: Position of each series, ascending, shape `(B,)`.
    """
    ordered = sorted(looks, key=lambda look: look.head)
    blocks = [_of_one_series(look, attention, panel) for look in ordered]
    same = pa.concat_tables(blocks)  # of every series
    weights = np.concatenate([_backwards(look.weights) for look in ordered], axis=1)
    observed = np.concatenate(
        [_observed(look, attention, panel, series) for look in ordered], axis=1
    )
    every = np.tile(np.arange(same.num_rows), len(series))
    names = pa.array(np.array(panel.unique_ids, dtype=object)[series])
    which = np.repeat(np.arange(len(series)), same.num_rows)
    return (
        same.take(every)
        .append_column(UNIQUE_ID, names.take(which))
        .append_column(WEIGHT, pa.array(weights.ravel()))
        .append_column(OBSERVED, pa.array(observed.ravel()))
    )


def record_attention(
    warehouse: Warehouse, rows: pa.Table, *, cutoff: pd.Timestamp, run_id: str, token: int
) -> None:
    """Keep where the batch of a cutoff looked, in the place of what was kept for it before.

    Args:
        warehouse: Where to.
        rows: Columns of the contract; `cutoff_date`, `cutoff` and `run_id` are added where they are
            missing.
        cutoff: Of all rows.
        run_id: Who published the batch.
        token: Start of the attempt in nanoseconds; what a later attempt wrote stays.

    Raises:
        ContractError: If the rows do not keep the contract, their sums included.
        ConflictError: If a later attempt has written this cutoff, or others keep doing so.
        StorageError: If the warehouse cannot be written.
    """
    broken = contract.broken_sums(rows)
    if broken:
        raise ContractError("attention", broken)
    night = of_night(cutoff)
    replace_rows(
        attention_table(warehouse),
        stamped(rows, {**night, RUN_ID: run_id}),
        where=night,
        commit=Commit(run_id, token),
    )


def forget_attention(
    warehouse: Warehouse, *, cutoff: pd.Timestamp, run_id: str, token: int
) -> None:
    """Remove what an earlier run of a cutoff kept; nothing happens where there is nothing.

    Raises:
        ConflictError: If a later attempt has written this cutoff, or others keep doing so.
        StorageError: If the warehouse cannot be written.
    """
    why = "What an earlier run of the night kept explains another batch."
    delete_rows(
        attention_table(warehouse), where=of_night(cutoff), commit=Commit(run_id, token, why)
    )


def _of_one_series(look: Look, attention: Attention, panel: Panel) -> pa.Table:
    """The columns of a look that are the same for all series: the last patch first, by lead."""
    leads, patches = len(attention.leads), len(look.steps)
    begins = panel.grid.timestamps(panel.cutoff_slot + 1 - look.begins[::-1])
    return pa.table(
        {
            HEAD: pa.repeat(look.head, leads * patches),
            LEAD: np.repeat(attention.leads, patches).astype(np.int32),
            POSITION: np.tile(np.arange(1, patches + 1, dtype=np.int32), leads),
            DS: pa.array(begins.take(np.tile(np.arange(patches), leads))),
            STEPS: np.tile(look.steps[::-1].astype(np.int32), leads),
        }
    )


def _backwards(weights: np.ndarray) -> np.ndarray:
    """Per series its weights by lead and position, shape `(B, J * T)`."""
    return weights[..., ::-1].reshape(len(weights), -1)


def _observed(look: Look, attention: Attention, panel: Panel, series: Ints) -> Ints:
    """The same of the steps that were observed."""
    counts = observed_steps(panel, series, panel.cutoff_slot, look.steps)[:, ::-1]
    return np.tile(counts, len(attention.leads)).astype(np.int32)
