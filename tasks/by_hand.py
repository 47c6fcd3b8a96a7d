"""Move the champion pointer by hand: the same checks as by night, and the same records."""

from typing import NamedTuple

import pandas as pd

from data_contracts.errors import ConflictError, RefusedError, StorageError
from data_contracts.spec import Spec
from data_contracts.vocabulary import BASELINE, CHAMPION
from tasks.contenders import misfit, open_proven
from tasks.lineage import code_version
from tasks.service import BY_HAND, decision_of
from tasks.stores.forecasts import cutoffs
from tasks.stores.records import Occasion, record_decision
from tasks.stores.registry import (
    Champion,
    Why,
    champion_history,
    find_version,
    promote,
    served_before,
)
from tasks.stores.tables import check_tables
from tasks.stores.warehouse import Warehouse, open_warehouse


class Moved(NamedTuple):
    """What came of a wish.

    Attributes:
        present: The last move of the pointer, None where nothing was ever in service.
        changed: Whether it is a new one; not where what was asked for is in service already.
    """

    present: Champion | None
    changed: bool


def put_into_service(spec: Spec, version: str, *, reason: str = "") -> Moved:
    """Put a version into service, or the baseline.

    It is good for the newest published night and all later ones.

    Args:
        spec: Whose pointer.
        version: Name of a version, or `baseline`.
        reason: Why, for the records.

    Raises:
        SpecError: If there is no such version, or the warehouse cannot be written.
        RefusedError: If the version cannot be used, or another run has moved the pointer meanwhile;
            nothing was changed then.
    """
    warehouse = _opened(spec)
    moves = champion_history(warehouse)
    present = moves[-1] if moves else None
    if version == (present.model_version if present else BASELINE):
        return Moved(present, changed=False)
    _refuse_unusable(warehouse, version, spec)
    why = Why(BY_HAND, reason or "Put into service by hand.", _first_night(warehouse, version))
    return Moved(_move(spec, warehouse, version, present, why), changed=True)


def go_back(spec: Spec, *, reason: str = "") -> Moved:
    """Put back into service what was there before; once more goes one further back.

    Args:
        spec: Whose pointer.
        reason: Why, for the records.

    Raises:
        SpecError: If the warehouse cannot be written.
        RefusedError: If nothing was in service before or it cannot be used, or another run has
            moved the pointer meanwhile; nothing was changed then.
    """
    warehouse = _opened(spec)
    moves = champion_history(warehouse)
    earlier = served_before(moves, moves[-1]) if moves else []
    if not earlier:
        present = moves[-1].model_version if moves else BASELINE
        raise RefusedError(
            f"Nothing was in service before {present}, so there is nothing to go back to; "
            "--set names what to put into service instead."
        )
    target = earlier[0].model_version
    _refuse_unusable(warehouse, target, spec)
    why = Why(
        BY_HAND,
        reason or "Rolled back by hand.",
        _first_night(warehouse, target),
        restores=earlier[0].sequence,
    )
    return Moved(_move(spec, warehouse, target, moves[-1], why), changed=True)


def _opened(spec: Spec) -> Warehouse:
    warehouse = open_warehouse(spec)
    check_tables(warehouse)
    return warehouse


def _refuse_unusable(warehouse: Warehouse, version: str, spec: Spec) -> None:
    if version == BASELINE:
        return
    find_version(warehouse, version)
    try:
        contender = open_proven(warehouse, version, CHAMPION)
    except StorageError as error:
        raise RefusedError(f"{str(error).rstrip('.')}; nothing was changed.") from None
    if why := misfit(contender, spec):
        raise RefusedError(f"Model {version} does not fit the spec: {why}; nothing was changed.")


def _first_night(warehouse: Warehouse, version: str) -> pd.Timestamp | None:
    """The newest published night: what was published before was decided without this."""
    made = [] if version == BASELINE else [find_version(warehouse, version).cutoff]
    return max([*cutoffs(warehouse), *made], default=None)


def _move(
    spec: Spec, warehouse: Warehouse, version: str, present: Champion | None, why: Why
) -> Champion:
    expected = present.model_version if present else None
    try:
        move = promote(warehouse, version, expected=expected, why=why)
    except ConflictError as error:
        raise RefusedError(f"Another run was faster: {error}") from None
    occasion = Occasion(
        cutoff=move.cutoff,
        run_id=f"{BY_HAND}, move {move.sequence}",
        spec_digest=spec.digest,
        code_version=code_version(),
        decided_at=move.decided_at,
    )
    record_decision(warehouse, decision_of(move, "by_hand"), occasion=occasion)
    return move
