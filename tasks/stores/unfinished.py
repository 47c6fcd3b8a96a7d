"""What a night has read and judged, kept until it is over: `runs/<cutoff>/unfinished/`.

The panel is in the snapshot; beside it lie the series that are set aside, the profile and the
verdict. The folder appears whole or not at all, and is gone when the night has come to its end.
"""

import shutil
from uuid import uuid4

import numpy as np
import pandas as pd

from data_contracts.resume import Unfinished
from data_contracts.verdicts import Verdict
from models.panel import Panel
from tasks.stores.files import sync
from tasks.stores.observations import Extraction
from tasks.stores.sharing import (
    MANIFEST,
    fetch_folder,
    on_this_machine,
    put_in_place,
    remove_folder,
    share_folder,
)
from tasks.stores.snapshots import load_panel, save_panel
from tasks.stores.warehouse import Warehouse

UNFINISHED = "unfinished"
VERDICT = "verdict.json"
FRAMES = ("profile", "batch", "aside")


def keep_unfinished(
    warehouse: Warehouse,
    cutoff: pd.Timestamp,
    what: Unfinished,
    known: Extraction,
    contract: Verdict,
) -> None:
    """Keep what was read in the place of what an earlier run left.

    Args:
        warehouse: Where.
        cutoff: Of the night.
        what: Its conditions; the field `aside` is filled in.
        known: What was read.
        contract: The verdict on it.

    Raises:
        OSError: If it cannot be written.
        StorageError: If the object store cannot be written.
    """
    folder = warehouse.run(cutoff) / UNFINISHED
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = warehouse.runs / f".tmp-{uuid4().hex}"
    draft.mkdir()
    try:
        for name in FRAMES:
            getattr(known, name).to_parquet(draft / f"{name}.parquet", index=False)
        (draft / VERDICT).write_text(contract.to_json(), encoding="utf-8")
        rest = _rest(known.panel, contract)
        if rest is not None:
            what = what.model_copy(update={"aside": save_panel(rest, draft).name})
        (draft / MANIFEST).write_text(what.model_dump_json(indent=1), encoding="utf-8")
        for path in draft.iterdir():
            sync(path)
        put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    share_folder(warehouse, folder, anew=True)


def find_unfinished(warehouse: Warehouse, cutoff: pd.Timestamp) -> Unfinished | None:
    """What an earlier run of a night has left, None where nothing.

    Raises:
        OSError: If it cannot be read.
        StorageError: If the object store cannot be read.
        ValueError: If it is no such document.
        VersionError: If a newer Nightcast wrote it.
    """
    folder = warehouse.run(cutoff) / UNFINISHED
    fetch_folder(warehouse, folder)
    try:
        return Unfinished.from_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None


def read_unfinished(warehouse: Warehouse, cutoff: pd.Timestamp, what: Unfinished) -> Extraction:
    """Read what `find_unfinished` has found.

    Raises:
        NightcastError: If a snapshot is gone or was altered.
        OSError: If a file cannot be read.
        ValueError: If a file is damaged.
    """
    folder = warehouse.run(cutoff) / UNFINISHED
    panel = load_panel(on_this_machine(warehouse, warehouse.snapshots / what.snapshot))
    if what.aside:
        panel = panel.joined(load_panel(folder / what.aside))
    frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in FRAMES}
    return Extraction(
        panel=panel,
        **frames,
        examples=what.examples,
        files=what.files,
        verdict=Verdict.from_json((folder / VERDICT).read_bytes()),
    )


def drop_unfinished(warehouse: Warehouse, cutoff: pd.Timestamp) -> None:
    """Remove it, if there is any.

    Raises:
        OSError: If it cannot be removed.
        StorageError: If the object store cannot be written.
    """
    remove_folder(warehouse, warehouse.run(cutoff) / UNFINISHED)


def _rest(panel: Panel, contract: Verdict) -> Panel | None:
    """The series that are set aside or over."""
    aside = np.isin(panel.unique_ids, list(contract.unserved))
    return panel.select(np.flatnonzero(aside)) if aside.any() else None
