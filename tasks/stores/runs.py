"""The folder of one cutoff, `runs/<cutoff>/`: what happened, for people and for re-runs."""

from pathlib import Path

import pandas as pd

from data_contracts.night import Night
from data_contracts.verdicts import Verdict
from tasks.stores.files import write_text
from tasks.stores.warehouse import Warehouse

REPORT = "report.html"
NIGHT = "night.json"
VALIDATION = "validation.json"
TENSORBOARD = "tensorboard"


def write_night(warehouse: Warehouse, night: Night) -> Path:
    """Keep the record of a night; a re-run of the same cutoff replaces it."""
    path = warehouse.run(pd.Timestamp(night.cutoff)) / NIGHT
    write_text(path, night.model_dump_json(indent=1))
    return path


def write_validation(warehouse: Warehouse, cutoff: pd.Timestamp, verdict: Verdict) -> Path:
    """Keep what the contracts found."""
    path = warehouse.run(cutoff) / VALIDATION
    write_text(path, verdict.to_json())
    return path


def report_path(warehouse: Warehouse, cutoff: pd.Timestamp) -> Path:
    """Where the page of a cutoff is, whether it was written or not."""
    return warehouse.run(cutoff) / REPORT


def events_folder(warehouse: Warehouse, cutoff: pd.Timestamp) -> Path:
    """Where trainings write events for TensorBoard, one folder per network."""
    return warehouse.run(cutoff) / TENSORBOARD


def latest_report(warehouse: Warehouse) -> Path | None:
    """The page of the newest cutoff that has one."""
    return max(warehouse.root.glob(f"runs/*/{REPORT}"), default=None)
