"""Which commits made a batch what it is: when, by whom, why, and whether it can still be read."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import RefusedError
from data_contracts.vocabulary import CUTOFF, MODEL, MODEL_VERSION, RUN_ID
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table, of_cutoff
from tasks.stores.table import Table
from tasks.stores.time_travel import are_kept, commits, go_to
from tasks.stores.warehouse import Warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable

REASON = "reason"
# As the table format records it: cutoff = arrow_cast('2013-10-19T03:00:00.000000', …)
NAMED = re.compile(r"\bcutoff = \D*'?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)")


class Change(NamedTuple):
    """One commit that published a batch.

    Attributes:
        version: Of the table that first held the batch so.
        at: When, UTC.
        cutoff: Of the batch.
        run_id: Who published.
        reason: Why; None where the commit does not say.
        rows: How many the batch has; None where the log does not say.
        model: Of its rows, several joined by `+`; None where the log does not say any more.
        model_version: The same.
        is_kept: Whether the batch can still be read as of this version.
    """

    version: int
    at: pd.Timestamp
    cutoff: pd.Timestamp
    run_id: str
    reason: str | None
    rows: int | None
    model: str | None
    model_version: str | None
    is_kept: bool


def batch_history(warehouse: Warehouse, cutoff: pd.Timestamp | None = None) -> list[Change]:
    """Every publication that the log still has, newest first.

    Args:
        warehouse: Where from.
        cutoff: Of which batch; None takes all of them.

    Raises:
        RefusedError: If the log has none.
        StorageError: If the table cannot be read.
    """
    table = forecasts_table(warehouse)
    opened = open_table(table)
    changes = []
    for commit in [] if opened is None else commits(table, opened):
        of = _cutoff(commit)
        if opened is not None and of is not None and cutoff in (None, of):
            changes.append(_change(table, opened, of, commit))
    if not changes:
        which = "" if cutoff is None else f" of the cutoff {cutoff.isoformat()}"
        raise RefusedError(
            f"The log of {table.path} has no publication{which}; `nightcast run` publishes, and "
            "entries go that are older than retention.history_days."
        )
    return changes


def _cutoff(commit: Mapping[str, Any]) -> pd.Timestamp | None:
    """Which batch a commit replaced; None if it did something else."""
    match = NAMED.search(commit.get("operationParameters", {}).get("predicate") or "")
    return pd.Timestamp(match[1], tz="UTC").as_unit("us") if match else None


def _change(
    table: Table, opened: "DeltaTable", cutoff: pd.Timestamp, commit: Mapping[str, Any]
) -> Change:
    reached = go_to(table, opened, commit["version"])
    files = _files(opened, cutoff) if reached else None
    return Change(
        version=commit["version"],
        at=pd.Timestamp(commit["timestamp"], unit="ms", tz="UTC"),
        cutoff=cutoff,
        run_id=str(commit.get(RUN_ID, "")),
        reason=commit.get(REASON),
        rows=commit.get("operationMetrics", {}).get("num_added_rows"),
        model=_told(files, MODEL),
        model_version=_told(files, MODEL_VERSION),
        is_kept=reached and are_kept(table, opened, of_cutoff(cutoff)),
    )


def _files(opened: "DeltaTable", cutoff: pd.Timestamp) -> pa.Table:
    """What the log says of the files that begin with a cutoff."""
    files = pa.table(opened.get_add_actions(flatten=True))
    return files.filter(pc.equal(files[f"min.{CUTOFF}"], cutoff.to_pydatetime()))


def _told(files: pa.Table | None, name: str) -> str | None:
    """The lowest and the highest value of a column, once if they are the same."""
    if files is None:
        return None
    values = [files[f"{side}.{name}"].to_pylist() for side in ("min", "max")]
    found = {str(value) for side in values for value in side if value is not None}
    return "+".join(sorted(found)) or None
