"""A year that drifts, and a model from every week of it: what `benchmarks.gate.year` replays.

ETTh1 (Zhou et al., 2021) is two years of one transformer's loads and oil temperature, by the hour.
What lies before the last 365 days is history; then comes a night a day. The sample gives some
months more, to confirm on. Every seventh night a challenger is trained as the product would do it,
on what lies before the origins from which the gate will judge it. Some trainings go wrong as well,
each on a night with a sound one:

- `clock`: the snapshot is five hours late over its last sixty days, because the source changed its
  zone and nobody was told; the network learns the wrong hours of the day.
- `short`: the budget of the night ended after one pass over a few windows.

All forecasts of all days after a training are kept under `.benchmarks/gate/`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from benchmarks.gate.pool import FOLDER, forecasts, nightly_origins, targets, the_tonight
from benchmarks.peers.desk import digest_of
from benchmarks.protocols import HOUR, long_format, rows_of
from data_contracts.spec import DECILES, parse_spec
from data_contracts.vocabulary import DS
from models.forecasters.forecaster import Forecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.support import Support
from models.learning.settings import TrainingSettings
from models.panel import Floats, Ints, Panel
from tasks.stores.observations import read_observations

NIGHTS = 365
SAMPLE_BEGIN = pd.Timestamp("2013-08-01")  # local midnight
DAY = 24
HORIZON = 24
GATE_ORIGINS = 14
TRAIN_EVERY = 7  # nights
CLOCK_ERROR = 5  # steps
CLOCK_DAYS = 60
ETTH1_TABLE = Path(__file__).parents[3] / "shared/data/ETTh1.csv"

Kind = Literal["sound", "clock", "short"]
Progress = Callable[[str], None]
SOUND: Final = "sound"


@dataclass(frozen=True)
class Training:
    """One training of the year: on which night, and what went wrong."""

    night: int
    kind: Kind = SOUND


@dataclass(frozen=True, eq=False)
class Year:
    """Everything that can be known of the year: `S` series, `O` daily origins, `Q` levels.

    Night `n` publishes from origin `n + GATE_ORIGINS`; its gate looks at the `GATE_ORIGINS`
    origins before that one, whose targets are known by then.

    Attributes:
        name: In the table.
        panel: The rows.
        origins: Slots, ascending, shape `(O,)`.
        season_length: Steps in the season that MASE is scaled by.
        support: Which values the target can take.
        target: What came, shape `(S, O, H)`, float32.
        baseline: Quantiles of the seasonal naive, shape `(S, O, H, Q)`, float32.
        trained: Quantiles by training, the same shape; NaN at origins before its first one.
    """

    name: str
    panel: Panel
    origins: Ints
    season_length: int
    support: Support
    target: Floats
    baseline: Floats
    trained: dict[Training, Floats]

    @property
    def nights(self) -> int:
        """Nights that publish."""
        return len(self.origins) - GATE_ORIGINS


@dataclass(frozen=True, eq=False)
class Plan:
    """What a year is made of: its rows, the slots of its days, and its seasons."""

    name: str
    panel: Panel
    days: Ints
    season_lengths: tuple[int, ...]


def trainings(nights: int) -> list[Training]:
    """The weekly ones, and those that go wrong: each kind on every tenth of them."""
    weekly = range(0, nights, TRAIN_EVERY)
    return [
        *(Training(night) for night in weekly),
        *(Training(night, "clock") for night in weekly[4::10]),
        *(Training(night, "short") for night in weekly[9::10]),
    ]


def etth1_year(progress: Progress, *, nights: int = NIGHTS, table: Path = ETTH1_TABLE) -> Year:
    """The last 365 days of ETTh1, its seven columns as series.

    Args:
        progress: Told what takes long.
        nights: How many, the first ones of the year.
        table: The CSV as its authors publish it.
    """
    panel = _panel(table)
    days = panel.cutoff_slot + DAY * np.arange(-NIGHTS - GATE_ORIGINS, 0, dtype=np.int64)
    return _year(Plan("ETTh1", panel, days, (DAY,)), progress, nights)


def sample_year(progress: Progress, *, nights: int | None = None) -> Year:
    """The sample from its August on, which is the longest year that 2013 has to offer.

    Args:
        progress: Told what takes long.
        nights: How many, the first ones; None for all 139.
    """
    tonight = the_tonight()
    panel = read_observations(tonight.spec, tonight.as_of).panel
    days = nightly_origins(tonight.spec, SAMPLE_BEGIN)
    plan = Plan("departures", panel, days, tonight.spec.seasons)
    return _year(plan, progress, len(days) - GATE_ORIGINS if nights is None else nights)


def _year(plan: Plan, progress: Progress, nights: int) -> Year:
    """Train whoever is not kept yet, and forecast every day."""
    panel, days = plan.panel, plan.days[: GATE_ORIGINS + nights]
    settings = TrainingSettings(
        network="attention_lstm",
        context_length=336,
        horizon=HORIZON,
        quantile_levels=DECILES,
        season_lengths=plan.season_lengths,
        members=2,
        minutes=60,
        max_epochs=10,
    )
    base = SeasonalNaive(plan.season_lengths, horizon=HORIZON, quantile_levels=DECILES)
    digest = digest_of(rows_of(panel))
    made = {}
    for each in trainings(nights):
        progress(f"{plan.name}: the {each.kind} training of night {each.night}")
        made[each] = _kept(each, plan, settings, digest)[:, : len(days)]
    return Year(
        name=plan.name,
        panel=panel,
        origins=days,
        season_length=plan.season_lengths[-1],
        support=Support.of(panel, until=int(days[0])),
        target=targets(panel, days, horizon=HORIZON),
        baseline=forecasts(base, panel, days),
        trained=made,
    )


def _kept(training: Training, plan: Plan, settings: TrainingSettings, digest: str) -> Floats:
    """Forecasts of the whole year, NaN before the training, read back if kept."""
    words = repr((digest, training, settings, CLOCK_ERROR, CLOCK_DAYS, int(plan.days[0])))
    path = FOLDER / f"year-{hashlib.sha256(words.encode()).hexdigest()[:12]}.npy"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        forecaster = _trained(training, plan, settings)
        part = path.with_suffix(".part.npy")
        np.save(part, forecasts(forecaster, plan.panel, plan.days[training.night :]))
        part.rename(path)
    made = np.load(path)
    unknown = np.full((len(made), training.night, *made.shape[2:]), np.nan, np.float32)
    return np.concatenate([unknown, made], axis=1)


def _trained(training: Training, plan: Plan, settings: TrainingSettings) -> Forecaster:
    from models.learning.training import train

    panel, until = plan.panel, int(plan.days[training.night])  # the first origin of its gate
    if training.kind == "clock":
        panel = _with_wrong_clock(panel, until)
    if training.kind == "short":
        settings = replace(settings, max_epochs=1, windows_per_epoch=512)
    return train(panel, settings, train_until=until)


def _with_wrong_clock(panel: Panel, until: int) -> Panel:
    """The panel with the last days before a slot reported some hours late."""
    y = panel.y.copy()
    steps = np.arange(until - CLOCK_DAYS * DAY, until + 1)
    for series in range(panel.num_series):
        rows = panel.rows(np.full(len(steps), series), steps)
        y[rows] = panel.y[rows - CLOCK_ERROR]
    return replace(panel, y=y)


def _panel(table: Path) -> Panel:
    rows = long_format(pd.read_csv(table, parse_dates=["date"]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    observations = FOLDER / "etth1-year.parquet"
    rows.assign(ds=rows[DS].dt.tz_localize("UTC")).to_parquet(observations, index=False)
    as_of = (rows[DS].max() + HOUR).tz_localize("UTC")
    return read_observations(parse_spec(_fields(observations)), as_of).panel


def _fields(observations: Path) -> dict[str, object]:
    return {
        "source": {"uri": str(observations)},
        "calendar": {"frequency": "h"},
        "horizon": HORIZON,
        "season_lengths": [DAY],
    }
