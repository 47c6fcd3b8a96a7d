"""Model versions on disk, and which of them is in service.

A version is an immutable folder with a manifest; its row in the registry holds the digest of that
manifest. The champion pointer is the last of the moves that the registry keeps.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import pandas as pd
import pyarrow as pa

from data_contracts import registry
from data_contracts.errors import ConflictError, SpecError, StorageError
from data_contracts.registry import KIND, PROMOTION, SEQUENCE, VERSION
from data_contracts.vocabulary import MODEL_VERSION
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
from tasks.stores.files import sha256, sync
from tasks.stores.table import Table, Value, conform
from tasks.stores.warehouse import Warehouse

if TYPE_CHECKING:
    from deltalake import DeltaTable

MANIFEST = "manifest.json"


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
        start: The version that training started from, None from scratch.
        start_reason: Why from there, one sentence; does not count for its name.
        model_version: Its name. It follows from everything above, so that a night that is run again
            makes the same version again; given only where a version is read back.
        manifest: sha256 of the manifest, set when the version is stored.
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

    def __post_init__(self) -> None:
        if not self.model_version:
            object.__setattr__(self, "model_version", self._name())

    @property
    def lineage(self) -> dict[str, Any]:
        """What the version was made from, in values that JSON can hold."""
        made = asdict(self)
        for outcome in ("created_at", "train_minutes", "model_version", "manifest"):
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
        model_version: What went into service.
        previous: What was in service before, None for the first.
        sequence: Number of the move, from 1.
        decided_at: When, UTC.
        run_id: Which run moved it.
        reason: Why, one sentence.
    """

    model_version: str
    previous: str | None
    sequence: int
    decided_at: pd.Timestamp
    run_id: str
    reason: str


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
    if _damage(folder) is not None:
        with storage_trouble("write", folder):
            _write_folder(folder, save, record)
    record = replace(record, manifest=sha256(folder / MANIFEST))
    registered = {known.model_version: known for known in versions(warehouse)}
    known = registered.get(record.model_version)
    if known is not None and known.manifest == record.manifest:
        return known
    replace_rows(
        registry_table(warehouse),
        _rows(record.to_row()),
        where={KIND: VERSION, MODEL_VERSION: record.model_version},
        commit=Commit(run_id=record.model_version),
    )
    return record


def open_model(warehouse: Warehouse, version: str) -> Path:
    """The folder of a version, after every file in it was compared with its manifest.

    Raises:
        SpecError: If there is no such version.
        StorageError: If a file is missing or has been altered.
    """
    record = find_version(warehouse, version)
    folder = warehouse.models / version
    damage = _damage(folder, record.manifest)
    if damage is not None:
        raise StorageError(
            f"Model {version} cannot be used: {damage} in {folder}; restore the folder from a "
            "backup, or put another version into service."
        )
    return folder


def is_stored(warehouse: Warehouse, version: str) -> bool:
    """Whether a version is in the registry and its files are as they were written."""
    return any(
        known.model_version == version
        and _damage(warehouse.models / version, known.manifest) is None
        for known in versions(warehouse)
    )


def versions(warehouse: Warehouse) -> list[ModelVersion]:
    """All versions, the oldest first."""
    rows = read_table(registry_table(warehouse)).to_pylist()
    return [ModelVersion.from_row(row) for row in rows if row[KIND] == VERSION]


def find_version(warehouse: Warehouse, version: str) -> ModelVersion:
    """What is known about one version.

    Raises:
        SpecError: If there is no such version.
    """
    known = {record.model_version: record for record in versions(warehouse)}
    if version not in known:
        newest = list(known)[-3:][::-1]
        raise SpecError(
            f"No model version {version!r} in {warehouse.root}; "
            f"the newest are: {', '.join(newest) or 'none yet'}."
        )
    return known[version]


def champion(warehouse: Warehouse) -> Champion | None:
    """The version in service, None before the first promotion."""
    history = champion_history(warehouse)
    return history[-1] if history else None


def champion_history(warehouse: Warehouse) -> list[Champion]:
    """Every move of the pointer, the oldest first."""
    opened = open_table(registry_table(warehouse))
    return [] if opened is None else _moves(warehouse, opened)


def promote(
    warehouse: Warehouse, version: str, *, expected: str | None, run_id: str, reason: str
) -> Champion:
    """Put a version into service if the champion is still the one that was compared with it.

    Nothing happens if the version is in service already.

    Args:
        warehouse: Whose pointer.
        version: What goes into service.
        expected: What is in service, None for nothing: what the decision was made against.
        run_id: Who decided.
        reason: Why, one sentence.

    Returns:
        The move that put the version into service.

    Raises:
        SpecError: If there is no such version.
        ConflictError: If something else is in service by now; decide again against that.
        StorageError: If the registry cannot be written.
    """
    find_version(warehouse, version)
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
        move = Champion(
            model_version=version,
            previous=in_service,
            sequence=len(moves) + 1,
            decided_at=pd.Timestamp.now("UTC").as_unit("us"),
            run_id=run_id,
            reason=reason,
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
    return [Champion(**move | {"decided_at": pd.Timestamp(move["decided_at"])}) for move in moves]


def _try_move(opened: "DeltaTable", table: Table, move: Champion) -> bool:
    """Commit a move on the snapshot in which the champion was looked up, so that only one wins."""
    where: dict[str, Value] = {KIND: PROMOTION, SEQUENCE: move.sequence}
    rows = conform(_rows({KIND: PROMOTION, **asdict(move)}), table, where)
    commit = Commit(move.run_id, token=move.sequence)
    return try_replace(opened, table, rows, where=where, commit=commit) is not None


def _write_folder(folder: Path, save: Callable[[Path], None], record: ModelVersion) -> None:
    """Write beside, then rename: the folder is there whole or not at all."""
    draft = folder.with_name(f".tmp-{uuid4().hex}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        save(draft)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        manifest = {
            MODEL_VERSION: record.model_version,
            "lineage": record.lineage,
            "files": {path.relative_to(draft).as_posix(): sha256(path) for path in files},
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
        for path in (draft, *draft.rglob("*")):
            sync(path)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_in_place(draft: Path, folder: Path) -> None:
    if folder.exists() and _damage(folder) is not None:
        damaged = folder.rename(draft.with_name(f"{draft.name}-damaged"))
        shutil.rmtree(damaged)
    try:
        draft.rename(folder)
    except OSError:
        if _damage(folder) is not None:  # else another run stored the same version first
            raise
    sync(folder.parent)


def _damage(folder: Path, manifest_digest: str | None = None) -> str | None:
    """What is wrong with a model folder, None if nothing is."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return f"{MANIFEST} is missing"
    if manifest_digest is not None and sha256(manifest) != manifest_digest:
        return f"{MANIFEST} is not the one that was registered"
    try:
        files = json.loads(manifest.read_bytes())["files"]
    except (ValueError, KeyError):
        return f"{MANIFEST} cannot be read"
    for name, digest in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if sha256(folder / name) != digest:
            return f"{name} has been altered"
    return None


def _text(instant: pd.Timestamp) -> str:
    return instant.tz_convert("UTC").isoformat()
