"""What a peer is asked for and what it answers: the words that both environments share.

A peer is a process `python -m benchmarks.peers.NAME FOLDER`. It reads `job.json` and the Parquet
that is named there, and leaves `forecasts.parquet` and `outcome.json` in the same folder.
"""

import json
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

JOB, FORECASTS, OUTCOME, PROGRESS = "job.json", "forecasts.parquet", "outcome.json", "progress"
DEFAULT, TUNED, RECENT = "default", "tuned", "recent"


@dataclass(frozen=True)
class Job:
    """One model over one panel.

    Attributes:
        data: A Parquet file with `unique_id`, `ds` (UTC without a zone) and `y`, ascending, hourly.
        data_digest: Of its content.
        model: Name of the class at the peer, such as `AutoETS`.
        horizon: Steps after each cutoff.
        cutoffs: The last `ds` that each forecast may see, as ISO texts, ascending.
        levels: Quantile levels.
        season_lengths: In steps.
        context_length: Steps that a network reads.
        variant: `default` settings, `tuned` in the time that is given, or `recent`: fitted to the
            last weeks alone.
        cpu_seconds: What training and forecasting may take.
        seed: Where all randomness starts.
    """

    data: str
    data_digest: str
    model: str
    horizon: int
    cutoffs: tuple[str, ...]
    levels: tuple[float, ...]
    season_lengths: tuple[int, ...]
    context_length: int
    variant: str
    cpu_seconds: float
    seed: int = 7

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Read what `save` wrote."""
        fields: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
        lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**{**fields, **lists})

    def save(self, folder: Path) -> None:
        """Write `job.json`."""
        (folder / JOB).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def read(self) -> pd.DataFrame:
        """All rows up to one horizon after the last cutoff."""
        return pd.read_parquet(self.data)

    @property
    def instants(self) -> list[pd.Timestamp]:
        """The cutoffs."""
        return [pd.Timestamp(cutoff) for cutoff in self.cutoffs]


@dataclass
class Outcome:
    """What a run of a peer took.

    Attributes:
        train_cpu: Processor seconds of all threads, refits and tuning included.
        inference: Seconds until the forecasts from all cutoffs were there.
        note: What a reader of the table has to know, such as a limit that was met.
        finished: Date, ISO.
        versions: Of the packages that did the work.
        details: What else is worth keeping, such as the settings that tuning chose.
    """

    train_cpu: float = 0.0
    inference: float = 0.0
    note: str = ""
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    details: dict[str, object] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Outcome":
        """Read what `finish` wrote."""
        return cls(**json.loads((folder / OUTCOME).read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Write `outcome.json`, whose presence says that the run is complete."""
        content = json.dumps(asdict(self), indent=1) + "\n"
        (folder / OUTCOME).write_text(content, encoding="utf-8")


def cpu_seconds() -> float:
    """Processor time of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def today() -> str:
    """The date in UTC, ISO."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def quantile_names(levels: Iterable[float]) -> list[str]:
    """Columns of forecasts, in percent.

    >>> quantile_names((0.1, 0.9))
    ['q10', 'q90']
    """
    return [f"q{100 * level:.10g}" for level in levels]


def interval_columns(model: str, levels: Iterable[float], *, median: str) -> dict[str, str]:
    """How the peers call the quantiles, by our names: the ends of central intervals.

    Args:
        model: What their columns begin with.
        levels: Quantile levels.
        median: Their name of the level 0.5.

    >>> interval_columns("AutoETS", (0.1, 0.5, 0.9), median="AutoETS")
    {'q10': 'AutoETS-lo-80', 'q50': 'AutoETS', 'q90': 'AutoETS-hi-80'}
    """
    names = {}
    for level, name in zip(levels, quantile_names(levels), strict=True):
        width = round(abs(2 * level - 1) * 100)
        side = "lo" if level < 0.5 else "hi"
        names[name] = f"{model}-{side}-{width}" if width else median
    return names


def finish(
    folder: Path, forecasts: list[pd.DataFrame], outcome: Outcome, packages: Iterable[str]
) -> None:
    """Write forecasts and outcome."""
    pd.concat(forecasts, ignore_index=True).to_parquet(folder / FORECASTS, index=False)
    outcome.versions = {name: version(name) for name in packages}
    outcome.finished = today()
    outcome.save(folder)


def renamed(forecast: pd.DataFrame, names: Mapping[str, str], cutoff: pd.Timestamp) -> pd.DataFrame:
    """One forecast in our words: `unique_id`, `cutoff`, `ds`, `q10` and so on."""
    rows = {"unique_id": forecast["unique_id"], "cutoff": cutoff, "ds": forecast["ds"]}
    return pd.DataFrame(rows | {ours: forecast[theirs] for ours, theirs in names.items()})
