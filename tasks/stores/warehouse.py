"""Where everything of one spec is kept: the paths under `<warehouse>/<spec name>/`."""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pandas as pd

from data_contracts.errors import SpecError
from data_contracts.spec import Spec

NIGHT = "%Y%m%dT%H%M"  # what the folder of a cutoff is called after, in UTC


@dataclass(frozen=True)
class Warehouse:
    """Paths of the tables and files of one spec; see DESIGN for what each holds."""

    root: Path

    @property
    def forecasts(self) -> Path:
        """The table that readers read."""
        return self.root / "forecasts.delta"

    @property
    def evaluations(self) -> Path:
        """Losses from which the gate decided."""
        return self.root / "evaluations.delta"

    @property
    def decisions(self) -> Path:
        """What the gate decided, and why."""
        return self.root / "decisions.delta"

    @property
    def quarantine(self) -> Path:
        """What was set aside, and why."""
        return self.root / "quarantine.delta"

    @property
    def registry(self) -> Path:
        """Model versions and the champion pointer."""
        return self.root / "registry.delta"

    @property
    def models(self) -> Path:
        """One immutable folder per model version."""
        return self.root / "models"

    @property
    def snapshots(self) -> Path:
        """One immutable folder per panel."""
        return self.root / "snapshots"

    @property
    def exports(self) -> Path:
        """Plain files for simple readers."""
        return self.root / "exports"

    @property
    def runs(self) -> Path:
        """One folder per cutoff."""
        return self.root / "runs"

    def run(self, cutoff: pd.Timestamp) -> Path:
        """Stage markers, validation result and report of one cutoff."""
        return self.runs / f"{cutoff.tz_convert('UTC'):{NIGHT}}"


def warehouse_of(spec: Spec) -> Warehouse:
    """Where the warehouse of a spec is, whether it exists or not; nothing is created.

    Raises:
        SpecError: If it is no local path.
    """
    if "://" in spec.warehouse.removeprefix("file://"):
        raise SpecError(
            f"warehouse: expected a folder on this machine, got {spec.warehouse!r}; "
            "object stores are not supported yet."
        )
    return Warehouse(Path(spec.warehouse.removeprefix("file://")) / spec.name)


def open_warehouse(spec: Spec) -> Warehouse:
    """Make sure that the warehouse of a spec can be written.

    Raises:
        SpecError: If it is no local path, or a file cannot be created there.
    """
    warehouse = warehouse_of(spec)
    probe = warehouse.root / f".probe-{uuid4().hex}"
    try:
        warehouse.root.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SpecError(
            f"warehouse: cannot write to {warehouse.root}: {os.strerror(error.errno or 0)}; "
            "name a folder that this user may write to."
        ) from None
    return warehouse
