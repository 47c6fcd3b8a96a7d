"""Which bad nights somebody was told of: a mark beside each, so that nobody hears of it twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tasks.stores.sharing import fetch_file, share_file
from tasks.stores.warehouse import Warehouse

TOLD = "told.json"


def claim(warehouse: Warehouse, nights: Sequence[pd.Timestamp], who: str) -> bool:
    """Mark nights as told of, unless one of them is; of two runs at once one gets the claim.

    Args:
        warehouse: Where the folders of the nights are.
        nights: Cutoffs.
        who: Is told; stands in the mark.
    """
    marks = [warehouse.run(night) / TOLD for night in nights]
    if any(fetch_file(warehouse, mark).exists() for mark in marks):
        return False
    made: list[Path] = []
    for mark in marks:
        mark.parent.mkdir(parents=True, exist_ok=True)
        try:
            with mark.open("x", encoding="utf-8") as file:
                file.write(json.dumps({"told": who}))
        except FileExistsError:  # another run was faster
            for own in made:
                own.unlink(missing_ok=True)
            return False
        made.append(mark)
    for mark in made:
        share_file(warehouse, mark)
    return True


def release(warehouse: Warehouse, nights: Sequence[pd.Timestamp]) -> None:
    """Take the marks away again, because nobody could be told."""
    marks = [warehouse.run(night) / TOLD for night in nights]
    for mark in marks:
        mark.unlink(missing_ok=True)
    if warehouse.store is not None:
        warehouse.store.remove(mark.relative_to(warehouse.root).as_posix() for mark in marks)
