"""Model versions on disk, and which of them is in service.

A version is an immutable folder with a manifest; its row in the registry holds the digest of that
manifest. The champion pointer is the last of the moves that the registry keeps; it points at a
version, or at `baseline` where no version shall be in service.
"""

import difflib
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import pyarrow as pa

from data_contracts import registry
from data_contracts.errors import ConflictError, SpecError, StorageError
from data_contracts.registry import KIND, PROMOTION, SEQUENCE, VERSION
from data_contracts.vocabulary import BASELINE, MODEL_VERSION
from tasks.stores.delta import (
    ATTEMPTS,
    Commit,
    ensure_table,
    open_table,
    read_table,
    replace_rows,
    storage_trouble,
    try_replace,
)
from tasks.stores.files import sha256
from tasks.stores.model_folders import MANIFEST, damage, write_folder
from tasks.stores.sharing import fetch_folder, share_folder
from tasks.stores.table import Table, Value, conform
from tasks.stores.warehouse import Warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable


_OUTCOMES = ("created_at", "train_minutes", "removed_at")  # what no version is named after


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """What a version was made from, and what came out.

    Attributes:
        model: Name of the network, such as `attention_lstm`.
        snapshot: Digest of the panel that it was trained on.
        spec_digest: Of the spec.
        seed: Where its randomness started.
        code_version: Of Nightcast.
        packages: Name and version of the libraries that it depends on.
        train_cutoff: Last step that training saw.
        cutoff: Of the night that trained it.
        created_at: When it was stored; does not count for its name.
        train_minutes: How long training took; does not count for its name.
        start: The version or pretrained weights that training started from, None from scratch.
        start_reason: Why from there, one sentence; does not count for its name.
        model_version: Its name. It follows from everything above, so that a night that is run again
            makes the same version again; given only where a version is read back.
        manifest: sha256 of the manifest, set when the version is stored.
        removed_at: When its files were removed because nothing needed them any more, None while
            they are kept.
    """

    model: str
    snapshot: str
    spec_digest: str
    seed: int
    code_version: str
    packages: dict[str, str] = field(hash=False)
    train_cutoff: pd.Timestamp
    cutoff: pd.Timestamp
    created_at: pd.Timestamp
    train_minutes: float
    start: str | None = None
    start_reason: str = ""
    model_version: str = ""
    manifest: str = ""
    removed_at: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        if not self.model_version:
            object.__setattr__(self, "model_version", self._name())

    @property
    def lineage(self) -> dict[str, Any]:
        """What the version was made from, in values that JSON can hold."""
        made = asdict(self)
        for outcome in (*_OUTCOMES, "model_version", "manifest"):
            del made[outcome]
        instants = {name: _text(made[name]) for name in ("train_cutoff", "cutoff")}
        return made | instants

    def finished(self, created_at: pd.Timestamp, train_minutes: float) -> Self:
        """The same version once it has been trained."""
        return replace(self, created_at=created_at, train_minutes=train_minutes)

    def _name(self) -> str:
        made_from = {name: value for name, value in self.lineage.items() if name != "start_reason"}
        content = json.dumps(made_from, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:6]
        return f"{self.cutoff.tz_convert('UTC'):%Y%m%dT%H%M}-{self.model}-{digest}"

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Read a row of the registry."""
        fields = {name: row[name] for name in cls.__dataclass_fields__}
        instants = ("train_cutoff", "cutoff", "created_at")
        return cls(
            **fields
            | {name: pd.Timestamp(row[name]) for name in instants}
            | {"packages": json.loads(row["packages"]), "start_reason": row["start_reason"] or ""}
            | {"removed_at": _instant(row["removed_at"])}
        )

    def to_row(self) -> dict[str, Any]:
        """A row of the registry."""
        return asdict(self) | {
            KIND: VERSION,
            SEQUENCE: 0,
            "packages": json.dumps(self.packages, sort_keys=True),
        }


@dataclass(frozen=True, kw_only=True)
class Champion:
    """One move of the champion pointer.

    Attributes:
        model_version: What went into service; `baseline` if no version did.
        previous: What was in service before, None for the first.
        sequence: Number of the move, from 1.
        cutoff: Of the first night that it is good for; a run for an earlier one does not see it.
        decided_at: When, UTC.
        run_id: Which run moved it.
        reason: Why, one sentence.
        restores: Number of the earlier move that it goes back to, None if it goes forward.
    """

    model_version: str
    previous: str | None
    sequence: int
    cutoff: pd.Timestamp
    decided_at: pd.Timestamp
    run_id: str
    reason: str
    restores: int | None = None

    @property
    def version(self) -> str | None:
        """The version in service, None where the baseline is."""
        return None if self.model_version == BASELINE else self.model_version


@dataclass(frozen=True)
class Why:
    """Who moves the pointer, and why.

    Attributes:
        run_id: Of the run.
        reason: One sentence.
        cutoff: Of the first night that the move is good for; None takes that of the version.
        restores: Number of the earlier move that it goes back to, None if it goes forward.
    """

    run_id: str
    reason: str
    cutoff: pd.Timestamp | None = None
    restores: int | None = None


def store_model(
    warehouse: Warehouse, save: Callable[[Path], None], record: ModelVersion
) -> ModelVersion:
    """Put a model into its folder and into the registry; a version that is there already stays.

    Args:
        warehouse: Where to.
        save: Writes the files of the model into the folder that it is given, which does not exist
            yet.
        record: What the model was made from.

    Returns:
        The version as it is in the registry.

    Raises:
        StorageError: If the warehouse cannot be written.
        ConflictError: If other runs kept registering the same version.
    """
    folder = warehouse.models / record.model_version
    anew = _damage(warehouse, folder) is not None
    if anew:
        described = {MODEL_VERSION: record.model_version, "lineage": record.lineage}
        with storage_trouble("write", folder):
            write_folder(folder, save, described)
    share_folder(warehouse, folder, anew=anew)
    record = replace(record, manifest=sha256(folder / MANIFEST))
    registered = {known.model_version: known for known in versions(warehouse)}
    known = registered.get(record.model_version)
    if known is not None and known.manifest == record.manifest and known.removed_at is None:
        return known
    _register(warehouse, record)
    return record


def mark_removed(warehouse: Warehouse, version: ModelVersion, removed_at: pd.Timestamp) -> None:
    """Say that the files of a version are no longer kept; what it was made from stays known.

    Raises:
        StorageError: If the warehouse cannot be written.
    """
    _register(warehouse, replace(version, removed_at=removed_at))


def _register(warehouse: Warehouse, record: ModelVersion) -> None:
    replace_rows(
        registry_table(warehouse),
        _rows(record.to_row()),
        where={KIND: VERSION, MODEL_VERSION: record.model_version},
        commit=Commit(run_id=record.model_version),
    )


def open_model(warehouse: Warehouse, version: str) -> Path:
    """The folder of a version, after every file in it was compared with its manifest.

    Raises:
        SpecError: If there is no such version.
        StorageError: If a file is missing or has been altered.
    """
    record = find_version(warehouse, version)
    if record.removed_at is not None:
        raise StorageError(
            f"Model {version} cannot be used: retention removed its files on "
            f"{record.removed_at:%Y-%m-%d}, because nothing needed them; train it again, or name "
            "another version."
        )
    folder = warehouse.models / version
    trouble = _damage(warehouse, folder, record.manifest)
    if trouble is not None:
        raise StorageError(
            f"Model {version} cannot be used: {trouble} in {folder}; restore the folder from a "
            "backup, or put another version into service."
        )
    return folder


def is_stored(warehouse: Warehouse, version: str) -> bool:
    """Whether a version is in the registry and its files are as they were written."""
    return any(
        known.model_version == version
        and known.removed_at is None
        and _damage(warehouse, warehouse.models / version, known.manifest) is None
        for known in versions(warehouse)
    )


def _damage(warehouse: Warehouse, folder: Path, manifest: str | None = None) -> str | None:
    """What is wrong with the folder of a version, after it was fetched where that helps."""
    trouble = damage(folder, manifest)
    if trouble is not None and fetch_folder(warehouse, folder):
        trouble = damage(folder, manifest)
    return trouble


def versions(warehouse: Warehouse) -> list[ModelVersion]:
    """All versions, the oldest first; of the same instant, by name."""
    rows = read_table(registry_table(warehouse)).to_pylist()
    known = [ModelVersion.from_row(row) for row in rows if row[KIND] == VERSION]
    # A table keeps no order of its rows: what was written last may well be read first.
    return sorted(known, key=lambda version: (version.created_at, version.model_version))


def find_version(warehouse: Warehouse, version: str) -> ModelVersion:
    """What is known about one version.

    Raises:
        SpecError: If there is no such version.
    """
    known = {record.model_version: record for record in versions(warehouse)}
    if version not in known:
        raise SpecError(
            f"No model version {version!r} in {warehouse.place}; "
            f"{_suggestion(version, list(known))}."
        )
    return known[version]


def _suggestion(version: str, known: list[str]) -> str:
    """The names that resemble one which does not exist, or the newest."""
    close = difflib.get_close_matches(version, known, n=3)
    if close:
        return f"did you mean {' or '.join(close)}?"[:-1]
    return f"the newest are: {', '.join(known[-3:][::-1]) or 'none yet'}"


def champion(warehouse: Warehouse) -> Champion | None:
    """The last move of the pointer, None before the first."""
    history = champion_history(warehouse)
    return history[-1] if history else None


def champion_history(warehouse: Warehouse) -> list[Champion]:
    """Every move of the pointer, the oldest first; their cutoffs ascend."""
    opened = open_table(registry_table(warehouse))
    return [] if opened is None else _moves(warehouse, opened)


def served_before(moves: list[Champion], move: Champion) -> list[Champion]:
    """What a move can be rolled back to, the latest first; every version is there once.

    A move that went back itself counts as the one that it restored, so that whoever rolls back
    again walks further back, and what was rolled back stays out.

    Args:
        moves: All of them, the oldest first.
        move: One of them.
    """
    line: list[Champion] = []
    seen = {move.model_version}
    at = _place(moves, move)
    while at > 1:
        earlier = moves[at - 2]
        at = _place(moves, earlier)
        if earlier.model_version not in seen:
            seen.add(earlier.model_version)
            line.append(earlier)
    return line


def _place(moves: list[Champion], move: Champion) -> int:
    """Number of the move that first put into service what a move restores."""
    while move.restores is not None:
        move = moves[move.restores - 1]
    return move.sequence


def promote(warehouse: Warehouse, version: str, *, expected: str | None, why: Why) -> Champion:
    """Put something else into service if the champion is still the one that was judged.

    Nothing happens if it is in service already.

    Args:
        warehouse: Whose pointer.
        version: What goes into service; `baseline` takes every version out of it.
        expected: What is in service, None for nothing yet: what the decision was made against.
        why: Who decided, and why.

    Returns:
        The move that put it into service.

    Raises:
        SpecError: If there is no such version.
        ConflictError: If something else is in service by now; decide again against that.
        StorageError: If the registry cannot be written.
    """
    made = None if version == BASELINE else find_version(warehouse, version).cutoff
    table = registry_table(warehouse)
    for _ in range(ATTEMPTS):
        opened = ensure_table(table)
        moves = _moves(warehouse, opened)
        current = moves[-1] if moves else None
        if current is not None and current.model_version == version:
            return current
        in_service = current.model_version if current else None
        if in_service != expected:
            break
        cutoffs = [why.cutoff or made, current.cutoff if current else None]
        move = Champion(
            model_version=version,
            previous=in_service,
            sequence=len(moves) + 1,
            cutoff=max(cutoff for cutoff in cutoffs if cutoff is not None),
            decided_at=pd.Timestamp.now("UTC").as_unit("us"),
            run_id=why.run_id,
            reason=why.reason,
            restores=why.restores,
        )
        if _try_move(opened, table, move):
            return move
    raise ConflictError(
        f"{version} was to follow {expected or 'no champion'}, but meanwhile "
        f"{in_service or 'nothing'} is in service; compare with that and decide again."
    )


def registry_table(warehouse: Warehouse) -> Table:
    """The table of versions and of the moves of the champion pointer."""
    return Table.of(warehouse.registry, registry)


def _rows(row: dict[str, Any]) -> pa.Table:
    # Rows of one kind leave the columns of the other kind null.
    return pa.Table.from_pylist([row], schema=registry.SCHEMA)


def _moves(warehouse: Warehouse, opened: "DeltaTable") -> list[Champion]:
    rows = read_table(registry_table(warehouse), opened).to_pylist()
    names = Champion.__dataclass_fields__
    moves = [{name: row[name] for name in names} for row in rows if row[KIND] == PROMOTION]
    instants = ("cutoff", "decided_at")
    return [
        Champion(**move | {name: pd.Timestamp(move[name]) for name in instants}) for move in moves
    ]


def _try_move(opened: "DeltaTable", table: Table, move: Champion) -> bool:
    """Commit a move on the snapshot in which the champion was looked up, so that only one wins."""
    where: dict[str, Value] = {KIND: PROMOTION, SEQUENCE: move.sequence}
    rows = conform(_rows({KIND: PROMOTION, **asdict(move)}), table, where)
    commit = Commit(move.run_id, token=move.sequence)
    return try_replace(opened, table, rows, where=where, commit=commit) is not None


def _instant(value: Any) -> pd.Timestamp | None:
    return None if value is None else pd.Timestamp(value)


def _text(instant: pd.Timestamp) -> str:
    return instant.tz_convert("UTC").isoformat()
