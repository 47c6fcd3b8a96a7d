"""Where everything of one spec is kept: the paths under `<warehouse>/<spec name>/`.

A warehouse is a folder, or lies in an object store. There its tables are written at their URIs; its
files go through a folder of this machine, the cache, which may be deleted at any time.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pandas as pd

from data_contracts.errors import SpecError
from data_contracts.plain_text import without_secrets
from data_contracts.spec import Spec
from tasks.stores.connection import SCHEMES, is_object_store
from tasks.stores.objects import ObjectStore

CACHE = "NIGHTCAST_CACHE"  # the environment variable that names another cache
NIGHT = "%Y%m%dT%H%M"  # what the folder of a cutoff is called after, in UTC


@dataclass(frozen=True)
class Warehouse:
    """Paths of the tables and files of one spec; see docs/tables.md for what each holds.

    Attributes:
        root: Its folder, or that of its files on this machine if it lies in an object store.
        store: The object store, None for a folder.
    """

    root: Path
    store: ObjectStore | None = None

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return str(self.root) if self.store is None else self.store.uri

    @property
    def forecasts(self) -> Path | str:
        """The table that readers read."""
        return self.table("forecasts")

    @property
    def baselines(self) -> Path | str:
        """What the baseline would have published."""
        return self.table("baselines")

    @property
    def accuracy(self) -> Path | str:
        """How far published forecasts were from what came."""
        return self.table("accuracy")

    @property
    def totals(self) -> Path | str:
        """Sums of the forecasts over static columns."""
        return self.table("totals")

    @property
    def evaluations(self) -> Path | str:
        """Losses from which the gate decided."""
        return self.table("evaluations")

    @property
    def decisions(self) -> Path | str:
        """What the gate decided, and why."""
        return self.table("decisions")

    @property
    def quarantine(self) -> Path | str:
        """What was set aside, and why."""
        return self.table("quarantine")

    @property
    def attention(self) -> Path | str:
        """Where published forecasts looked."""
        return self.table("attention")

    @property
    def registry(self) -> Path | str:
        """Model versions and the champion pointer."""
        return self.table("registry")

    @property
    def models(self) -> Path:
        """One immutable folder per model version."""
        return self.root / "models"

    @property
    def snapshots(self) -> Path:
        """One immutable folder per panel."""
        return self.root / "snapshots"

    @property
    def specs(self) -> Path:
        """One file per spec that nights were run with."""
        return self.root / "specs"

    @property
    def exports(self) -> Path:
        """Plain files for simple readers."""
        return self.root / "exports"

    @property
    def runs(self) -> Path:
        """One folder per cutoff."""
        return self.root / "runs"

    def table(self, name: str) -> Path | str:
        """Folder or URI of a table."""
        file = f"{name}.delta"
        return self.root / file if self.store is None else self.store.uri_of(file)

    def uri_of(self, path: Path) -> str:
        """By what other processes find a file or a folder of the warehouse.

        Args:
            path: Below the root.
        """
        if self.store is None:
            return str(path.resolve())
        return self.store.uri_of(path.relative_to(self.root).as_posix())

    def run(self, cutoff: pd.Timestamp) -> Path:
        """Stage markers, validation result and report of one cutoff."""
        return self.runs / f"{cutoff.tz_convert('UTC'):{NIGHT}}"


def warehouse_of(spec: Spec) -> Warehouse:
    """Where the warehouse of a spec is, whether it exists or not; nothing is created.

    Raises:
        SpecError: If it is neither a local path nor in an object store.
    """
    place = spec.warehouse.removeprefix("file://")
    if is_object_store(place):
        return _in_store(place, spec.name)
    if "://" in place:
        raise SpecError(
            f"warehouse: expected a folder or a URI that begins with {', '.join(SCHEMES)}, got "
            f"{without_secrets(place)!r}."
        )
    return Warehouse(Path(place) / spec.name)


def open_warehouse(spec: Spec) -> Warehouse:
    """Make sure that the warehouse of a spec can be written.

    Raises:
        SpecError: If it is no place for one, or a file cannot be created in its folder.
        StorageError: If the object store cannot be written.
    """
    warehouse = warehouse_of(spec)
    probe = warehouse.root / f".probe-{uuid4().hex}"
    try:
        warehouse.root.mkdir(parents=True, exist_ok=True)
        probe.touch()
        try:
            if warehouse.store is not None:
                warehouse.store.put(probe.name, probe)
                warehouse.store.remove([probe.name])
        finally:
            probe.unlink()
    except OSError as error:
        raise SpecError(
            f"warehouse: cannot write to {warehouse.root}: {os.strerror(error.errno or 0)}; "
            "name a folder that this user may write to."
        ) from None
    return warehouse


def cache_folder() -> Path:
    """Where this machine keeps files of object stores."""
    named = os.environ.get(CACHE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightcast"


def _in_store(uri: str, name: str) -> Warehouse:
    if any(sign in uri for sign in "?@"):
        raise SpecError(
            f"warehouse: expected a URI such as s3://bucket/prefix, got {without_secrets(uri)!r}; "
            "credentials and options come from the environment alone."
        )
    scheme, _, path = uri.partition("://")
    path = f"{path.strip('/')}/{name}"
    if path.startswith("/"):
        raise SpecError(f"warehouse: expected the name of a bucket after {scheme}://, got none.")
    return Warehouse(cache_folder() / scheme / path, ObjectStore(f"{scheme}://{path}"))
