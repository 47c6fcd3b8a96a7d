"""Which bad nights somebody was told of: a mark beside each, so that nobody hears of it twice."""

import json
from collections.abc import Sequence
from contextlib import suppress

import pandas as pd

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
    if any(mark.exists() for mark in marks):
        return False
    made = []
    for mark in marks:
        mark.parent.mkdir(parents=True, exist_ok=True)
        try:
            with mark.open("x", encoding="utf-8") as file:
                file.write(json.dumps({"told": who}))
        except FileExistsError:
            break
        made.append(mark)
    if len(made) < len(marks):
        for mark in made:
            mark.unlink(missing_ok=True)
    return len(made) == len(marks)


def release(warehouse: Warehouse, nights: Sequence[pd.Timestamp]) -> None:
    """Take the marks away again, because nobody could be told."""
    for night in nights:
        with suppress(FileNotFoundError):
            (warehouse.run(night) / TOLD).unlink()
