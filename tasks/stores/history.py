"""The verdicts of the last nights, as their runs left them."""

from datetime import UTC, datetime

import pandas as pd

from data_contracts.errors import StorageError, VersionError
from data_contracts.history import History, trace_nights
from data_contracts.verdicts import Verdict
from tasks.stores.runs import VALIDATION, nights_with, read_validation
from tasks.stores.warehouse import NIGHT, Warehouse

NIGHTS_READ = 60  # more than are shown, so that most things are known to have begun somewhere


def read_history(warehouse: Warehouse, cutoff: pd.Timestamp, verdict: Verdict) -> History:
    """Follow the rules of tonight through the nights before; nothing is written.

    A night whose record is damaged, or of another version, is passed over with a word.

    Args:
        warehouse: Where the nights are; it may not exist.
        cutoff: Of tonight; only nights with an earlier one are read.
        verdict: What was found tonight.
    """
    verdicts, passed_over = {}, []
    for night in _nights_before(warehouse, cutoff):
        try:
            verdicts[night] = read_validation(warehouse, warehouse.run(night).name)
        except (OSError, StorageError, ValueError, VersionError) as error:
            passed_over.append(f"{night:%Y-%m-%d %H:%M} UTC: {_reason(error)}")
    return trace_nights({**verdicts, cutoff: verdict}, passed_over=passed_over)


def _nights_before(warehouse: Warehouse, cutoff: pd.Timestamp) -> list[pd.Timestamp]:
    """Cutoffs of the last nights that left a verdict, the oldest first."""
    found: list[pd.Timestamp] = []
    for name in reversed(nights_with(warehouse, VALIDATION)):
        night = _cutoff(name)
        if night is not None and night < cutoff:
            found.append(night)
        if len(found) == NIGHTS_READ:
            break
    return found[::-1]


def _cutoff(name: str) -> pd.Timestamp | None:
    """The cutoff that a folder is named after, None where it is none of ours."""
    try:
        return pd.Timestamp(datetime.strptime(name, NIGHT).replace(tzinfo=UTC))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if isinstance(error, StorageError):
        return "it cannot be brought from the store"
    return "a newer Nightcast wrote it" if isinstance(error, VersionError) else "it is no verdict"
