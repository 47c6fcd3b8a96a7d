"""Real forecasts to simulate nights with: the same network, trained again and again.

Members of the pool differ in nothing but their seed, so none of them is better than another but by
luck. Each forecasts every night after its training, and is kept under `.benchmarks/gate/` by a name
that follows from the data and the settings, because a training takes a minute.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.command import tell
from benchmarks.peers.desk import KEPT, digest_of
from benchmarks.protocols import SAMPLE, Handed, rows_of
from data_contracts.spec import Spec
from models.forecasters.forecaster import Forecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.evaluation import Losses, evaluate, seasonal_errors
from models.learning.settings import TrainingSettings
from models.panel import Floats, Ints, Panel
from models.scores import Doubles
from models.windows import gather
from tasks.stores.observations import read_observations
from tasks.tonight import Tonight, rehearse

FOLDER = KEPT / "gate"
NETWORK = "attention_lstm"
FIRST_SEED = 101
MEMBERS = 8
TRAIN_UNTIL = pd.Timestamp("2013-08-01")  # local midnight; what is before it may be learned
AS_OF = pd.Timestamp("2014-01-01")  # local midnight; what is before it is known
WINDOWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Pool:
    """Forecasts of every night after the training, by everyone: `S` series, `O` origins.

    Attributes:
        panel: The series, known to the end of the year.
        season_length: Steps in the season that MASE is scaled by.
        origins: Slots of the last hour before local midnight, ascending, shape `(O,)`.
        levels: Quantile levels, `Q` of them.
        target: What came, NaN where it was not observed, shape `(S, O, H)`, float32.
        scale: `seasonal_error` of the history up to the origin, shape `(S, O)`.
        members: Quantiles by seed, each of shape `(S, O, H, Q)`, float32.
        baseline: Those of the seasonal naive, same shape.
    """

    panel: Panel
    season_length: int
    origins: Ints
    levels: tuple[float, ...]
    target: Floats
    scale: Doubles
    members: dict[int, Floats]
    baseline: Floats

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers, `H`."""
        return self.target.shape[-1]

    def losses(self, quantiles: Floats) -> Losses:
        """Everyone's losses as a night counts them."""
        handed = Handed("pool", self.origins, self.levels, quantiles)
        series = np.arange(self.panel.num_series)
        return evaluate(handed, self.panel, series, self.origins, season_length=self.season_length)


Progress = Callable[[str], None]


def forecast_pool(
    progress: Progress, *, members: int = MEMBERS, train_until: pd.Timestamp = TRAIN_UNTIL
) -> Pool:
    """Train whoever is not kept yet, and forecast every night after the training.

    Args:
        progress: Told what takes long.
        members: How many differ in their seed.
        train_until: Local midnight at which the training data ends and the nights begin.
    """
    tonight = the_tonight()
    spec, panel = tonight.spec, read_observations(tonight.spec, tonight.as_of).panel
    origins = nightly_origins(spec, train_until)
    series = np.arange(panel.num_series)
    scale, _ = seasonal_errors(panel, series, origins, season_length=spec.season_length)
    return Pool(
        panel=panel,
        season_length=spec.season_length,
        origins=origins,
        levels=spec.quantile_levels,
        target=targets(panel, origins, horizon=spec.horizon),
        scale=scale,
        members={
            seed: _member(tonight, panel, origins, seed, progress)
            for seed in range(FIRST_SEED, FIRST_SEED + members)
        },
        baseline=forecasts(
            SeasonalNaive(spec.seasons, horizon=spec.horizon, quantile_levels=spec.quantile_levels),
            panel,
            origins,
        ),
    )


def the_tonight() -> Tonight:
    """The spec of the sample, with its default settings, at the end of its year."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text(encoding="utf-8"))
    fields["source"]["uri"] = str(SAMPLE / "observations")
    path = FOLDER / "sample.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return rehearse(str(path), AS_OF.to_pydatetime())


def nightly_origins(spec: Spec, begin: pd.Timestamp) -> Ints:
    """The last hour before each local midnight of which the next day is known."""
    nights = pd.date_range(begin, AS_OF - pd.Timedelta(days=1), tz=spec.grid.timezone)
    slots = [spec.grid.last_complete_slot(night.tz_convert("UTC")) for night in nights]
    return np.array(slots, np.int64)


def targets(panel: Panel, origins: Ints, *, horizon: int) -> Floats:
    """What came after each origin, shape `(S, O, H)`."""
    series = np.repeat(np.arange(panel.num_series), len(origins))
    windows = gather(
        panel, series, np.tile(origins, panel.num_series), context_length=0, horizon=horizon
    )
    return windows.target.reshape(panel.num_series, len(origins), horizon)


def forecasts(forecaster: Forecaster, panel: Panel, origins: Ints) -> Floats:
    """Quantiles of every series from every origin, shape `(S, O, H, Q)`."""
    series = np.repeat(np.arange(panel.num_series), len(origins))
    slots = np.tile(origins, panel.num_series)
    parts = [
        forecaster.predict(panel, series[begin:][:WINDOWS_AT_ONCE], slots[begin:][:WINDOWS_AT_ONCE])
        for begin in range(0, len(series), WINDOWS_AT_ONCE)
    ]
    made = np.concatenate(parts)
    return made.reshape(panel.num_series, len(origins), *made.shape[1:])


def _member(tonight: Tonight, panel: Panel, origins: Ints, seed: int, progress: Progress) -> Floats:
    """What one member forecasts, kept or made."""
    from models.learning.training import train
    from tasks.train import training_settings

    until = int(origins[0])
    longest = int(panel.lengths_until(until).max())
    settings = replace(training_settings(tonight, NETWORK, longest=longest), minutes=60, seed=seed)
    path = _place(panel, settings, origins)
    if not path.exists():
        progress(f"training {NETWORK} with seed {seed}, which takes a minute or two")
        forecaster = train(panel, settings, train_until=until)
        np.savez_compressed(path, quantiles=forecasts(forecaster, panel, origins))
    with np.load(path) as kept:
        quantiles: Floats = kept["quantiles"]
    return quantiles


def _place(panel: Panel, settings: TrainingSettings, origins: Ints) -> Path:
    content = f"{digest_of(rows_of(panel))} {settings} {origins.tolist()}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return FOLDER / f"{NETWORK}-{settings.seed}-{digest}.npz"


if __name__ == "__main__":
    forecast_pool(tell)
