"""Which bad nights somebody was told of: a mark beside each, so that nobody hears of it twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tasks.stores.sharing import fetch_file, share_file
from tasks.stores.warehouse import Warehouse

TOLD = "told.json"


def claim(warehouse: Warehouse, nights: Sequence[pd.Timestamp], who: str) -> list[pd.Timestamp]:
    """Mark nights as told of, if the newest of them is news; of two runs at once one gets it.

    Args:
        warehouse: Where the folders of the nights are.
        nights: Cutoffs, ascending.
        who: Is told; stands in the mark.

    Returns:
        The nights that were marked, the newest first; none where somebody was told of that.
    """
    *earlier, newest = nights
    if not _try_mark(warehouse, newest, who):
        return []
    return [newest, *(night for night in earlier if _try_mark(warehouse, night, who))]


def release(warehouse: Warehouse, nights: Sequence[pd.Timestamp]) -> None:
    """Take the marks away again, because nobody could be told."""
    marks = [_mark(warehouse, night) for night in nights]
    for mark in marks:
        mark.unlink(missing_ok=True)
    if warehouse.store is not None:
        warehouse.store.remove(mark.relative_to(warehouse.root).as_posix() for mark in marks)


def _try_mark(warehouse: Warehouse, night: pd.Timestamp, who: str) -> bool:
    """Mark a night; not if it is already, or another run is faster."""
    mark = _mark(warehouse, night)
    if fetch_file(warehouse, mark).exists():
        return False
    mark.parent.mkdir(parents=True, exist_ok=True)
    try:
        with mark.open("x", encoding="utf-8") as file:
            file.write(json.dumps({"told": who}))
    except FileExistsError:
        return False
    share_file(warehouse, mark)
    return True


def _mark(warehouse: Warehouse, night: pd.Timestamp) -> Path:
    return warehouse.run(night) / TOLD
