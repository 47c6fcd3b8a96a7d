"""A small panel for runs that are counted and not judged, and what must be in its table."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from deltalake import DeltaTable

HORIZON, NUM_SERIES, DAYS = 24, 6, 150
FIRST = pd.Timestamp("2024-01-01")
NAME = "waves"
SPEC = f"{NAME}.yaml"
TABLE = f"warehouse/{NAME}/forecasts.delta"


def write_place(place: Path, *, on: str = "local") -> None:
    """Write observations of some months and their spec into a folder.

    Args:
        place: Where; made if it is not there.
        on: Where trainings run, `local` or `gpu`.
    """
    place.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    hours = np.arange(DAYS * 24)
    frames = []
    for number in range(NUM_SERIES):
        wave = 50 + 20 * np.sin(2 * np.pi * (hours + 3 * number) / 24)
        week = 5 * np.sin(2 * np.pi * hours / 168)
        y = (wave + week + rng.normal(0, 2, len(hours))).astype(np.float32)
        ds = FIRST + pd.to_timedelta(hours, unit="h")
        frames.append(pd.DataFrame({"unique_id": f"series-{number}", "ds": ds, "y": y}))
    pd.concat(frames).to_parquet(place / "observations.parquet", index=False)
    fields = {
        "source": {"uri": "observations.parquet"},
        "calendar": {"frequency": "h", "timezone": "UTC"},
        "horizon": HORIZON,
        "season_lengths": [24, 168],
        "candidates": ["attention_lstm"],
        "training": {"members": 1, "max_epochs": 1, "context_length": 168, "on": on},
        "gate": {"origins": 7},
        "schedule": {"active": False},
    }
    (place / SPEC).write_text(yaml.safe_dump(fields))


def night(number: int) -> str:
    """The instant of a night that has two months of history."""
    return (FIRST + pd.Timedelta(days=60 + number)).isoformat() + "+00:00"


def cutoff_of(number: int) -> pd.Timestamp:
    """The last complete hour of that night."""
    return (FIRST + pd.Timedelta(days=60 + number, hours=-1)).tz_localize("UTC")


def run_folder(place: Path, cutoff: pd.Timestamp, name: str = NAME) -> Path:
    """Where the stages of a night are told."""
    return place / "warehouse" / name / "runs" / f"{cutoff:%Y%m%dT%H%M}"


def batches(table: Path) -> "pd.Series[int]":
    """Distinct rows by cutoff, of all that the newest version of a table holds."""
    return _keys(table).drop_duplicates().groupby("cutoff").size()


def rows_there_twice(table: Path) -> int:
    """Rows of the newest version of a table whose key another row has, too."""
    return int(_keys(table).duplicated().sum())


def _keys(table: Path) -> pd.DataFrame:
    return DeltaTable(table).to_pandas(columns=["unique_id", "cutoff", "ds"])
