"""The folder of a study, `tuning/<cutoff>-<key>/`, and what lies in it beside the journal.

study.json           what is searched, and as of when
forecasts/<values>/  out-of-fold forecasts, a file per fold and forecaster
result.json          what was found so far
spec.yaml            the new spec
report.html          the page
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_contracts.errors import RefusedError
from data_contracts.search import Values
from data_contracts.study import Tuned
from models.gate.evaluation import Forecasts
from models.learning.out_of_fold import FoldForecasts, OutOfFold
from tasks.stores.files import whole, write_text
from tasks.stores.sharing import share_file
from tasks.stores.warehouse import NIGHT, Warehouse

TUNING = "tuning"
STUDY, RESULT, REPORT, NEW_SPEC = "study.json", "result.json", "report.html", "spec.yaml"
FORECASTS, LEARNED, UNTIL = "forecasts", "learned_from", "learned_until"
KEY_LENGTH = 12
JOINED_WITHIN = pd.Timedelta("7D")  # after it began, an unfinished study is gone on with


@dataclass(frozen=True)
class Begun:
    """A study that was begun.

    Attributes:
        folder: Of it.
        as_of: The instant that it pretends to live in.
    """

    folder: Path
    as_of: pd.Timestamp


def study_folder(warehouse: Warehouse, cutoff: pd.Timestamp, identity: object) -> Path:
    """Where a study is, whether it was begun or not.

    Args:
        warehouse: Whose.
        cutoff: Of the data.
        identity: All that two processes must agree on to share it, as JSON can say it.
    """
    return warehouse.root / TUNING / f"{cutoff.tz_convert('UTC'):{NIGHT}}-{digest_of(identity)}"


def digest_of(content: object) -> str:
    """Twelve hex digits of something that JSON can say."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def begin_study(folder: Path, wanted: str, as_of: pd.Timestamp) -> None:
    """Note what a study is about; one that was begun stays as it is.

    Args:
        folder: Of it.
        wanted: Digest of what is searched, whatever the data is.
        as_of: The instant that it pretends to live in.
    """
    if not (folder / STUDY).exists():
        about = {"wanted": wanted, "as_of": as_of.isoformat()}
        write_text(folder / STUDY, json.dumps(about, indent=1))


def unfinished(
    warehouse: Warehouse, wanted: str, *, before: pd.Timestamp, now: pd.Timestamp
) -> Begun | None:
    """The newest study that has no result yet, of the last week.

    Args:
        warehouse: Where to look; on this machine.
        wanted: Digest of what is searched, whatever the data is.
        before: The instant after which a study would know more than this run may.
        now: The real instant.
    """
    found = []
    for path in (warehouse.root / TUNING).glob(f"*/{STUDY}"):
        about = json.loads(path.read_text(encoding="utf-8"))
        as_of = pd.Timestamp(about["as_of"]).as_unit("us")
        age = now - pd.Timestamp(path.stat().st_mtime, unit="s", tz="UTC")
        is_open = not (path.parent / RESULT).exists() and age <= JOINED_WITHIN
        if is_open and about["wanted"] == wanted and as_of <= before:
            found.append(Begun(path.parent, as_of))
    return max(found, key=lambda begun: begun.as_of, default=None)


def forecasts_file(folder: Path, values: Values, *, fold: int, candidate: str) -> Path:
    """Where the out-of-fold forecasts of one forecaster for one fold are, numbered from 1."""
    return forecasts_folder(folder, values) / f"fold-{fold}-{candidate}.npz"


def forecasts_folder(folder: Path, values: Values) -> Path:
    """Where those of all folds and forecasters of some values are."""
    return folder / FORECASTS / digest_of(values)


def write_forecasts(path: Path, fold: FoldForecasts) -> None:
    """Keep the out-of-fold forecasts of one fold, and what they were not to know."""
    forecasts = fold.forecasts
    by_series = {} if fold.learned_from is None else {LEARNED: np.array(fold.learned_from, np.str_)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft, draft.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            unique_ids=np.array(forecasts.unique_ids, np.str_),
            origins=forecasts.origins,
            quantile_levels=np.array(forecasts.quantile_levels),
            quantiles=forecasts.quantiles,
            target=forecasts.target,
            scale=forecasts.scale,
            learned_until=fold.learned_until,
            **by_series,
        )


def read_forecasts(path: Path) -> FoldForecasts:
    """Read the out-of-fold forecasts of one fold back.

    Raises:
        RefusedError: If its training has seen one of them, or it is not known what that has seen.
    """
    with np.load(path, allow_pickle=False) as kept:
        if UNTIL not in kept:
            raise RefusedError(
                f"{path} is of an older study, which did not write down what its trainings saw; "
                "search anew."
            )
        forecasts = Forecasts(
            unique_ids=tuple(kept["unique_ids"].tolist()),
            origins=kept["origins"],
            quantile_levels=tuple(kept["quantile_levels"].tolist()),
            quantiles=kept["quantiles"],
            target=kept["target"],
            scale=kept["scale"],
        )
        learned_from = tuple(kept[LEARNED].tolist()) if LEARNED in kept else None
        return FoldForecasts(forecasts, int(kept[UNTIL]), learned_from)


def read_out_of_fold(folder: Path, values: Values, *, candidate: str) -> OutOfFold:
    """Read those of all folds of one forecaster, as far as it was judged.

    Args:
        folder: Of the study.
        values: What its trial set, as in `result.json`.
        candidate: The forecaster.

    Raises:
        RefusedError: If none are kept.
    """
    paths: list[Path] = []
    while (
        path := forecasts_file(folder, values, fold=len(paths) + 1, candidate=candidate)
    ).exists():
        paths.append(path)
    return OutOfFold(tuple(map(read_forecasts, paths)))


def drop_forecasts(folder: Path, *, keep: Iterable[Values]) -> None:
    """Remove the out-of-fold forecasts of all values but some."""
    kept = {forecasts_folder(folder, values) for values in keep}
    for path in (folder / FORECASTS).glob("*"):
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def write_result(warehouse: Warehouse, tuned: Tuned, page: str) -> None:
    """Keep what was found, and the page; the next run of the study replaces both."""
    folder = Path(tuned.folder)
    for name, text in ((REPORT, page), (RESULT, tuned.model_dump_json(indent=1))):
        write_text(folder / name, text)
        share_file(warehouse, folder / name)
