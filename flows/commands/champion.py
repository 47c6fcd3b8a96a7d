"""`nightcast champion`: the model in service, and moving the pointer by hand."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Column, Table

from data_contracts.errors import SpecError
from data_contracts.spec import Spec, load_spec
from data_contracts.vocabulary import BASELINE
from flows.backend import quieten
from flows.console import OUT, print_json, shown
from tasks.by_hand import go_back, put_into_service
from tasks.stores.registry import (
    Champion,
    ModelVersion,
    champion_history,
    find_version,
    versions,
)
from tasks.stores.warehouse import Warehouse, warehouse_of


class Wish(NamedTuple):
    """What a person asks for.

    Attributes:
        version: To put into service, None for none.
        rollback: Whether to go back to what was in service before.
        reason: Why, for the records.
        lineage: Whether to show what the version in service was made from.
        versions: Whether to list all versions whose files are kept.
    """

    version: str | None = None
    rollback: bool = False
    reason: str = ""
    lineage: bool = False
    versions: bool = False


def show_champion(spec_path: Path, wish: Wish, *, as_json: bool) -> None:
    """Move the pointer if asked to, then print the champion and the moves that led to it."""
    quieten()
    spec = load_spec(spec_path)
    _refuse_contradiction(wish)
    changed = _move(spec, wish)
    warehouse = warehouse_of(spec)
    moves = champion_history(warehouse)[::-1]
    lineage = _lineage(warehouse, moves[0]) if moves else {}
    kept = [record for record in versions(warehouse) if record.removed_at is None][::-1]
    if as_json:
        print_json(_answer(moves, lineage, changed) | {"versions": list(map(_described, kept))})
        return
    if changed is False:
        OUT.print("Nothing was changed, for that is in service already.")
    _print_present(spec, moves)
    if wish.lineage and lineage:
        OUT.print(_lineage_table(lineage))
    if wish.versions:
        OUT.print(_versions_table(kept))
    if moves:
        OUT.print(_moves_table(moves))


def _refuse_contradiction(wish: Wish) -> None:
    if wish.version is not None and wish.rollback:
        raise SpecError("--set and --rollback: expected one of them, got both.")
    if wish.reason and wish.version is None and not wish.rollback:
        raise SpecError("--reason: expected only beside --set or --rollback, got it alone.")


def _move(spec: Spec, wish: Wish) -> bool | None:
    """Whether the pointer was moved, None where nobody asked for it."""
    if wish.version is not None:
        return put_into_service(spec, wish.version, reason=wish.reason).changed
    return go_back(spec, reason=wish.reason).changed if wish.rollback else None


def _answer(
    moves: list[Champion], lineage: Mapping[str, Any], changed: bool | None
) -> dict[str, Any]:
    present = moves[0] if moves else None
    return {
        "champion": present.version if present else None,
        "since": present.decided_at if present else None,
        "first_cutoff": present.cutoff if present else None,
        "reason": present.reason if present else None,
        "changed": bool(changed),
        "lineage": lineage or None,
        "history": [asdict(move) for move in moves],
    }


def _lineage(warehouse: Warehouse, move: Champion) -> dict[str, Any]:
    """What the version in service was made from; empty where the baseline is."""
    if move.version is None:
        return {}
    record = find_version(warehouse, move.version)
    return record.lineage | {
        "created_at": record.created_at.isoformat(),
        "train_minutes": record.train_minutes,
        "manifest": record.manifest,
        "folder": f"{warehouse.place}/models/{move.version}",
    }


def _print_present(spec: Spec, moves: list[Champion]) -> None:
    if not moves:
        OUT.print(f"{spec.name}: no model is in service; {_baseline(spec)} is.")
        return
    present = moves[0]
    what = present.model_version
    if what == BASELINE:
        what = _baseline(spec)
    OUT.print(
        f"{spec.name}: [bold]{shown(what)}[/] is in service since "
        f"{present.decided_at:%Y-%m-%d %H:%M} UTC, from the night of "
        f"{present.cutoff:%Y-%m-%d %H:%M} UTC on.",
        soft_wrap=True,
    )


def _baseline(spec: Spec) -> str:
    return f"the baseline {' or '.join(spec.baselines)}"


def _lineage_table(lineage: Mapping[str, Any]) -> Table:
    table = Table("made from", Column("", overflow="fold"))
    for name, value in lineage.items():
        if isinstance(value, dict):
            value = ", ".join(f"{library} {version}" for library, version in value.items())
        table.add_row(name, shown("" if value is None else str(value)))
    return table


def _described(record: ModelVersion) -> dict[str, Any]:
    """What tells a version from the others."""
    return {
        "model_version": record.model_version,
        "train_cutoff": record.train_cutoff,
        "train_minutes": record.train_minutes,
        "start": record.start,
    }


def _versions_table(kept: list[ModelVersion]) -> Table:
    longest = max((len(record.model_version) for record in kept), default=0)
    version = Column("version", min_width=longest, overflow="fold")  # whole, to be copied
    table = Table(version, "learned until", "minutes", "from")
    for record in kept:
        table.add_row(
            shown(record.model_version),
            f"{record.train_cutoff:%Y-%m-%d}",
            f"{record.train_minutes:.1f}",
            shown(record.start or "scratch"),
        )
    return table


def _moves_table(moves: list[Champion]) -> Table:
    table = Table("since (UTC)", Column("in service", overflow="fold"), "by", "reason")
    for move in moves:
        table.add_row(
            f"{move.decided_at:%Y-%m-%d %H:%M}",
            *map(shown, (move.model_version, move.run_id[:8], move.reason)),
        )
    return table
