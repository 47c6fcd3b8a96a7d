"""The folder of one cutoff, `runs/<cutoff>/`: what happened, for people and for re-runs."""

from pathlib import Path, PurePosixPath

import pandas as pd

from data_contracts.night import Night
from data_contracts.realised import Scoring
from data_contracts.verdicts import Verdict
from tasks.stores.files import write_text
from tasks.stores.sharing import fetch_file, share_file
from tasks.stores.warehouse import Warehouse

REPORT = "report.html"
NIGHT = "night.json"
VALIDATION = "validation.json"
ACCURACY = "accuracy.json"
TENSORBOARD = "tensorboard"


def write_night(warehouse: Warehouse, night: Night) -> Path:
    """Keep the record of a night; a re-run of the same cutoff replaces it."""
    path = warehouse.run(pd.Timestamp(night.cutoff)) / NIGHT
    return _keep(warehouse, path, night.model_dump_json(indent=1))


def write_validation(warehouse: Warehouse, cutoff: pd.Timestamp, verdict: Verdict) -> Path:
    """Keep what the contracts found."""
    path = warehouse.run(cutoff) / VALIDATION
    return _keep(warehouse, path, verdict.to_json())


def write_report(warehouse: Warehouse, cutoff: pd.Timestamp, page: str) -> Path:
    """Keep the page of a cutoff."""
    return _keep(warehouse, report_path(warehouse, cutoff), page)


def write_scoring(warehouse: Warehouse, found: Scoring) -> Path:
    """Keep what a scoring found beside the newest published night; the next one replaces it."""
    path = warehouse.run(pd.Timestamp(found.cutoff)) / ACCURACY
    return _keep(warehouse, path, found.model_dump_json(indent=1))


def report_path(warehouse: Warehouse, cutoff: pd.Timestamp) -> Path:
    """Where the page of a cutoff is, whether it was written or not."""
    return warehouse.run(cutoff) / REPORT


def events_folder(warehouse: Warehouse, cutoff: pd.Timestamp) -> Path:
    """Where trainings write events for TensorBoard, one folder per network; on this machine."""
    return warehouse.run(cutoff) / TENSORBOARD


def latest_report(warehouse: Warehouse) -> Path | None:
    """The page of the newest cutoff that has one."""
    nights = nights_with(warehouse, REPORT)
    return fetch_file(warehouse, warehouse.runs / nights[-1] / REPORT) if nights else None


def nights_with(warehouse: Warehouse, file: str) -> list[str]:
    """Folders below `runs/` that have a file of this name, ascending."""
    if warehouse.store is None:
        return sorted(path.parent.name for path in warehouse.runs.glob(f"*/{file}"))
    names = [PurePosixPath(name).parts for name in warehouse.store.entries(warehouse.runs.name)]
    return sorted(parts[1] for parts in names if parts[2:] == (file,))


def read_night(warehouse: Warehouse, cutoff: pd.Timestamp) -> Night | None:
    """The record of a night, None where there is none.

    Raises:
        OSError: If it cannot be read.
        StorageError: If the object store cannot be read.
        ValueError: If it is no record of a night.
        VersionError: If a newer Nightcast wrote it.
    """
    try:
        return Night.from_json(fetch_file(warehouse, warehouse.run(cutoff) / NIGHT).read_bytes())
    except FileNotFoundError:
        return None


def read_validation(warehouse: Warehouse, night: str) -> Verdict:
    """What the contracts found on a night.

    Args:
        warehouse: Where.
        night: Its folder.

    Raises:
        OSError: If it cannot be read.
        StorageError: If the object store cannot be read.
        ValueError: If it is no verdict.
        VersionError: If a newer Nightcast wrote it.
    """
    path = fetch_file(warehouse, warehouse.runs / night / VALIDATION)
    return Verdict.from_json(path.read_bytes())


def _keep(warehouse: Warehouse, path: Path, text: str) -> Path:
    write_text(path, text)
    share_file(warehouse, path)
    return path
