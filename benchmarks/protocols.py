"""On what forecasters are compared: a panel, the origins, and the season of MASE.

A protocol is a spec like any other over Parquet that peers can read too; the origins are those of a
backtest, and nothing after the first of them is seen in training.
"""

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.command import tell
from benchmarks.peers.desk import KEPT, digest_of
from benchmarks.peers.job import Job
from data_contracts.vocabulary import CUTOFF, DS, UNIQUE_ID, Y, quantile_columns
from models.forecasters.forecaster import Forecaster
from models.gate.evaluation import Summary, evaluate, summary
from models.gate.origins import evaluation_origins
from models.panel import Floats, Ints, Panel
from tasks.stores.observations import read_observations
from tasks.tonight import Tonight, rehearse

ROOT = Path(__file__).parents[1]
ETTH1 = ROOT.parent / "shared/data/ETTh1.csv"
SAMPLE = ROOT / "data_contracts/samples/nyc_departures"
SAMPLE_AS_OF = pd.Timestamp("2013-10-16")  # in the zone of the spec, as `nightcast backtest` has it
HOUR = pd.Timedelta(hours=1)
HOURS_A_DAY = 24
PEER_CONTEXT = 336  # steps that a peer's network reads; it has no default of its own


@dataclass(frozen=True, eq=False)
class Protocol:
    """One comparison.

    Attributes:
        name: In the table.
        tonight: The spec, and the instant that it pretends to live in.
        panel: All series up to one horizon after the last origin.
        origins: Slots of the last step that each forecast may see, ascending, shape `(O,)`.
        season_length: Steps in the season that MASE is scaled by.
        shared: The Parquet that peers read: `unique_id`, `ds` in UTC without a zone, `y`.
        digest: Of its content.
    """

    name: str
    tonight: Tonight
    panel: Panel
    origins: Ints
    season_length: int
    shared: Path
    digest: str

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers."""
        return self.tonight.spec.horizon

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantile levels."""
        return self.tonight.spec.quantile_levels

    def score(self, forecaster: Forecaster) -> Summary:
        """The scores of one forecaster, ours or a peer's, all by the same code."""
        series = np.arange(self.panel.num_series)
        season_length = self.season_length
        return summary(
            evaluate(forecaster, self.panel, series, self.origins, season_length=season_length)
        )

    def job(self, model: str, *, variant: str, cpu_seconds: float) -> Job:
        """What a peer is asked for."""
        spec = self.tonight.spec
        cutoffs = self.panel.grid.timestamps(self.origins).tz_localize(None)
        return Job(
            data=str(self.shared),
            data_digest=self.digest,
            model=model,
            horizon=spec.horizon,
            cutoffs=tuple(cutoff.isoformat() for cutoff in cutoffs),
            levels=spec.quantile_levels,
            season_lengths=spec.seasons,
            context_length=PEER_CONTEXT,
            variant=variant,
            cpu_seconds=cpu_seconds,
        )


def add_panels(parser: ArgumentParser) -> None:
    """Give a command the options that `asked_panels` reads."""
    parser.add_argument("--only", choices=("departures", "ETTh1"), help="one of the panels")
    place = Path(os.environ.get("NIGHTCAST_ETTH1", ETTH1))
    parser.add_argument("--etth1", type=Path, default=place, help="the CSV of ETTh1")


def asked_panels(options: Namespace) -> list[Protocol]:
    """The sample and ETTh1, or the one that is asked for; says so where ETTh1 is not there."""
    KEPT.mkdir(exist_ok=True)
    protocols = []
    if options.only != "ETTh1":
        protocols.append(sample(KEPT, origins=28))
    if options.only != "departures" and options.etth1.exists():
        protocols.append(etth1(KEPT, options.etth1, origins=20))
    elif options.only != "departures":
        tell(
            f"Expected ETTh1 at {options.etth1}, there is no such file; get ETTh1.csv of the "
            "ETDataset and name it by --etth1 or NIGHTCAST_ETTH1. It is left out."
        )
    return protocols


def sample(folder: Path, *, origins: int) -> Protocol:
    """Departures per hour, a forecast a day, as `nightcast backtest` has it."""
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text(encoding="utf-8"))
    fields["source"]["uri"] = str(SAMPLE / "observations")
    tonight = _tonight(folder / "sample.yaml", fields, SAMPLE_AS_OF)
    spec = tonight.spec
    return _protocol(
        "departures",
        folder,
        tonight,
        origins=origins,
        every=spec.horizon,
        season_length=spec.season_length,
    )


def etth1(folder: Path, table: Path, *, origins: int) -> Protocol:
    """Transformer temperature and loads (Zhou et al., 2021), each column a series.

    Args:
        folder: Where the rows are written in long format.
        table: The CSV as its authors publish it: `date` and a column per series, hourly.
        origins: How many, 48 hours apart.
    """
    rows = long_format(pd.read_csv(table, parse_dates=["date"]))
    tonight = _of_steps("ETTh1", folder, rows, horizon=48)
    return _protocol("ETTh1", folder, tonight, origins=origins, every=48, season_length=24)


def cut_out(
    whole: Protocol, rows: pd.DataFrame, folder: Path, *, origins: int, every: int
) -> Protocol:
    """Some rows of a panel as a panel of their own, the target alone.

    Args:
        whole: What they are from; says horizon and season.
        rows: `unique_id`, `ds` in UTC without a zone, and `y`.
        folder: Where they are written.
        origins: How many.
        every: Steps from one to the next.
    """
    name, season_length = f"{whole.name}-cut", whole.season_length
    tonight = _of_steps(name, folder, rows, horizon=whole.horizon)
    return _protocol(
        name, folder, tonight, origins=origins, every=every, season_length=season_length
    )


def cut_out_days(
    whole: Protocol, rows: pd.DataFrame, folder: Path, *, horizon: int, origins: int, every: int
) -> Protocol:
    """Some days as a panel of their own, the target alone; its season is a week.

    Args:
        whole: What they are from.
        rows: As from `by_day`.
        folder: Where they are written.
        horizon: Days that are forecast.
        origins: How many.
        every: Days from one to the next.
    """
    name = f"{whole.name}-days"
    tonight = _of_steps(name, folder, rows, horizon=horizon, step=HOURS_A_DAY * HOUR)
    return _protocol(name, folder, tonight, origins=origins, every=every, season_length=7)


def by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """Means of the days in UTC of which no hour is missing.

    Args:
        rows: Hourly: `unique_id`, `ds` in UTC without a zone, and `y`.
    """
    days = rows.groupby([UNIQUE_ID, rows[DS].dt.floor("D")])[Y].agg(["mean", "size"])
    return days.loc[days["size"] == HOURS_A_DAY, "mean"].rename(Y).reset_index()


def long_format(table: pd.DataFrame) -> pd.DataFrame:
    """One row per series and step, from one column per series.

    Args:
        table: `date`, and a column per series.

    Returns:
        `unique_id`, `ds` and `y` in float32, sorted.
    """
    rows = table.melt("date", var_name=UNIQUE_ID, value_name=Y).rename(columns={"date": DS})
    rows = rows.sort_values([UNIQUE_ID, DS], ignore_index=True)[[UNIQUE_ID, DS, Y]]
    return rows.astype({DS: "M8[us]", Y: np.float32})


def rows_of(panel: Panel) -> pd.DataFrame:
    """The observed history of a panel in long format, sorted, without the horizon after it.

    Returns:
        `unique_id`, `ds` in UTC without a zone, and `y`.
    """
    rows = [panel.grid.timestamps(np.arange(f, panel.cutoff_slot + 1)) for f in panel.first_slots]
    frame = pd.DataFrame(
        {
            UNIQUE_ID: np.repeat(np.array(panel.unique_ids, dtype=object), panel.lengths),
            DS: np.concatenate([stamps.tz_localize(None).to_numpy() for stamps in rows]),
            Y: np.concatenate([panel.history(k) for k in range(panel.num_series)]),
        }
    )
    return frame.dropna(ignore_index=True)


@dataclass(frozen=True, eq=False)
class Handed:
    """A forecaster made of forecasts that somebody handed in, so that all are scored alike.

    Attributes:
        name: Who made them.
        origins: Slots, ascending, shape `(O,)`.
        quantile_levels: Of the last axis.
        quantiles: Shape `(S, O, H, Q)`, NaN where nothing was handed in.
    """

    name: str
    origins: Ints
    quantile_levels: tuple[float, ...]
    quantiles: Floats
    trained_until: int | None = None

    @classmethod
    def of(cls, name: str, forecasts: pd.DataFrame, protocol: Protocol) -> "Handed":
        """Put the rows of a peer in their places.

        Args:
            name: Who made them.
            forecasts: `unique_id`, `cutoff`, `ds` and the quantiles, in any order.
            protocol: What was asked.
        """
        panel, levels = protocol.panel, protocol.levels
        shape = (panel.num_series, len(protocol.origins), protocol.horizon, len(levels))
        quantiles = np.full(shape, np.nan, np.float32)
        cutoffs, steps = (_slots(panel, forecasts[column]) for column in (CUTOFF, DS))
        places = (
            pd.Index(panel.unique_ids).get_indexer(pd.Index(forecasts[UNIQUE_ID])),
            np.searchsorted(protocol.origins, cutoffs),
            steps - cutoffs - 1,
        )
        quantiles[places] = forecasts[quantile_columns(levels)].to_numpy(np.float32)
        return cls(name, protocol.origins, levels, np.sort(quantiles, axis=-1))

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers."""
        return self.quantiles.shape[2]

    @property
    def covariates(self) -> dict[str, tuple[str, ...]]:
        """None that could be missing by now."""
        return {}

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """What was handed in, shape `(B, H, Q)`; see `Forecaster.predict`."""
        return self.quantiles[series, np.searchsorted(self.origins, origins)]

    def save(self, folder: Path) -> None:
        """Write the quantiles."""
        np.save(folder / "quantiles.npy", self.quantiles)


def _slots(panel: Panel, stamps: pd.Series) -> Ints:
    slots, _ = panel.grid.slots(stamps.to_numpy("M8[us]").astype(np.int64))
    return slots


def _of_steps(
    name: str, folder: Path, rows: pd.DataFrame, *, horizon: int, step: pd.Timedelta = HOUR
) -> Tonight:
    """A spec over rows of hours or of days in long format, the target alone, at their end."""
    observations = folder / f"{name.lower()}-observations.parquet"
    rows.assign(ds=rows[DS].dt.tz_localize("UTC")).to_parquet(observations, index=False)
    source, calendar = {"uri": str(observations)}, {"frequency": "h" if step == HOUR else "D"}
    fields = {"source": source, "calendar": calendar, "horizon": horizon}
    return _tonight(folder / f"{name}.yaml", fields, rows[DS].max() + step)


def _tonight(path: Path, fields: dict[str, object], as_of: pd.Timestamp) -> Tonight:
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return rehearse(str(path), as_of.to_pydatetime())


def _protocol(
    name: str,
    folder: Path,
    tonight: Tonight,
    *,
    origins: int,
    every: int,
    season_length: int,
) -> Protocol:
    panel = read_observations(tonight.spec, tonight.as_of).panel
    slots = evaluation_origins(panel, origins=origins, every=every, horizon=tonight.spec.horizon)
    rows = rows_of(panel)
    shared = folder / f"{name}.parquet"
    rows.to_parquet(shared, index=False)
    return Protocol(name, tonight, panel, slots, season_length, shared, digest_of(rows))
