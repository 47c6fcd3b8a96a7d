"""Speed of scoring a year of published nights, and whether scoring them again changes anything.

    python -m benchmarks.table.scoring [--quick] [--json]

A year of batches of random forecasts beside what the baseline would have published is scored from
scratch, again, and after late actuals. The peer merges the same forecasts with the same actuals in
pandas and takes means by series and lead: what an analyst would write, without MASE, coverage by
ties, point in time, a table that is kept, or a baseline.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.command import alone
from benchmarks.report import Figure
from data_contracts import baselines, forecasts
from data_contracts.spec import DECILES, parse_spec
from data_contracts.vocabulary import CUTOFF, CUTOFF_DATE, DS, LEAD, RUN_ID, UNIQUE_ID, Y
from data_contracts.vocabulary import quantile_columns as columns_of
from tasks.score import score_batches
from tasks.stores.accuracy import accuracy_table, baselines_table, read_accuracy
from tasks.stores.delta import Commit, open_table, replace_rows
from tasks.stores.forecasts import forecasts_table
from tasks.stores.observations import read_observations
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight

SERIES, HORIZON, NIGHTS, QUICK_NIGHTS = 20, 24, 365, 30
HISTORY = 28  # days before the first night
LATE = 3  # nights of which actuals come late
TARGET = 20.0  # s, from scratch
START = pd.Timestamp("2023-01-01T03:00Z")


@dataclass(frozen=True)
class Year:
    """Published nights that wait for their actuals.

    Attributes:
        tonight: The instant of the scoring, and where everything lies.
        observations: What was observed: series, time, value.
        published: All forecasts.
    """

    tonight: Tonight
    observations: pd.DataFrame
    published: pa.Table

    def write(self, observations: pd.DataFrame) -> None:
        """Make these the source."""
        observations.to_parquet(self.tonight.spec.source.uri, index=False)

    def score(self) -> None:
        """What the flow does: read the source, and write what is new."""
        tonight = replace(self.tonight, run_id=f"run-{self.version}")
        score_batches.fn(tonight, read_observations(tonight.spec, tonight.as_of).panel)

    @property
    def version(self) -> int:
        """Commits of the table of accuracy."""
        opened = open_table(accuracy_table(self.tonight.warehouse))
        return -1 if opened is None else opened.version()

    @property
    def rows(self) -> pa.Table:
        """All rows, in order."""
        return read_accuracy(self.tonight.warehouse).combine_chunks()

    @property
    def content(self) -> str:
        """Digest of all rows."""
        rows, sink = self.rows, pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        return hashlib.sha256(sink.getvalue()).hexdigest()


def measure(*, quick: bool) -> list[Figure]:
    """Score from scratch, twice, with nothing new, after late actuals, and in another warehouse."""
    nights = QUICK_NIGHTS if quick else NIGHTS
    name = f"score {nights} batches × {SERIES} series × {HORIZON} leads"
    with tempfile.TemporaryDirectory(prefix="nightcast-scoring-") as place:
        year = build(Path(place) / "one", nights)
        twin = build(Path(place) / "two", nights)
        late = year.observations[DS] > year.observations[DS].max() - pd.Timedelta(days=LATE)
        year.write(year.observations[~late])
        scratch, bare = seconds(year.score), seconds(lambda: by_hand(year))
        without, version = year.content, year.version
        again = seconds(year.score)
        unlike = int(year.content != without) + int(year.version != version)
        year.write(year.observations)
        arrived = seconds(year.score)
        twin.score()
        unlike += int(year.content != twin.content)
    return [
        Figure(name, scratch, "s", None if quick else TARGET, bare, "pandas merge and groupby"),
        Figure("score again, nothing new", again, "s"),
        Figure(f"score {LATE} days of late actuals", arrived, "s"),
        Figure("scorings that differ from the first, or from one of everything", unlike, "", 0),
    ]


def build(folder: Path, nights: int) -> Year:
    """A source, a spec and a warehouse with published nights."""
    folder.mkdir(parents=True)
    spec = parse_spec(
        {
            "name": "year",
            "source": {"uri": str(folder / "observations.parquet")},
            "calendar": {"frequency": "h"},
            "horizon": HORIZON,
            "season_lengths": [24, 168],
            "warehouse": str(folder / "warehouse"),
        }
    )
    end = START + pd.Timedelta(days=nights)
    tonight = Tonight(
        spec=spec,
        warehouse=open_warehouse(spec),
        as_of=end + pd.Timedelta(hours=1),
        cutoff=end,
        issued_at=end,
        run_id="run",
        token=1,
    )
    observations = observed(nights)
    observations.to_parquet(spec.source.uri, index=False)
    year = Year(tonight, observations, published(nights))
    publish(year)
    return year


def observed(nights: int) -> pd.DataFrame:
    """Noisy days of all series, from before the first night to after the last."""
    days = HISTORY + nights
    first = START - pd.Timedelta(days=HISTORY)
    ds = pd.date_range(first, periods=24 * days + 1, freq="h", unit="us")
    rng = np.random.default_rng(3)
    wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
    values = rng.poisson(wave, (SERIES, len(ds))).astype(np.float64)
    names = np.repeat([f"series-{number:02d}" for number in range(SERIES)], len(ds))
    return pd.DataFrame({UNIQUE_ID: names, DS: np.tile(ds, SERIES), Y: values.ravel()})


def published(nights: int) -> pa.Table:
    """Random forecasts of every night, in the order of their key."""
    rows = nights * SERIES * HORIZON
    rng = np.random.default_rng(5)
    quantiles = np.sort(rng.gamma(4, 5, (rows, len(DECILES))).astype(np.float32), axis=1)
    cutoffs = np.repeat(pd.date_range(START, periods=nights, freq="D", unit="us"), SERIES * HORIZON)
    lead = np.tile(np.arange(1, HORIZON + 1, dtype=np.int32), nights * SERIES)
    names = np.repeat([f"series-{number:02d}" for number in range(SERIES)], HORIZON)
    frame = pd.DataFrame(
        {
            CUTOFF_DATE: pd.Series(cutoffs).dt.date,
            UNIQUE_ID: np.tile(names, nights),
            CUTOFF: cutoffs,
            DS: cutoffs + pd.to_timedelta(lead, "h").as_unit("us"),
            LEAD: lead,
            "mean": quantiles.mean(axis=1),
            **dict(zip(columns_of(DECILES), quantiles.T, strict=True)),
            "model": "attention_lstm",
            "model_version": "v1",
            "quality": "champion",
            "issued_at": cutoffs,
            RUN_ID: "published",
        }
    )
    schema = forecasts.schema(DECILES)
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)


def publish(year: Year) -> None:
    """Commit all nights at once, and beside them the same forecasts as those of the baseline."""
    warehouse, rows = year.tonight.warehouse, year.published
    cutoffs = rows[CUTOFF].unique().to_pylist()
    where = {CUTOFF_DATE: rows[CUTOFF_DATE].unique().to_pylist(), CUTOFF: cutoffs}
    commit = Commit("published")
    replace_rows(forecasts_table(warehouse, DECILES), rows, where=where, commit=commit)
    kept = rows.select(baselines.schema(DECILES).names)
    replace_rows(baselines_table(warehouse, DECILES), kept, where=where, commit=commit)


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def by_hand(year: Year) -> pd.DataFrame:
    """The same in pandas: merge with the actuals, then means by series and lead."""
    both = year.published.to_pandas().merge(
        pd.read_parquet(year.tonight.spec.source.uri), on=[UNIQUE_ID, DS]
    )
    quantiles = both[columns_of(DECILES)].to_numpy()
    above = both[Y].to_numpy()[:, None] - quantiles
    share = np.asarray(DECILES)
    both["pinball"] = 2 * np.maximum(share * above, (share - 1) * above).mean(axis=1)
    both["absolute_error"] = (both["q50"] - both[Y]).abs()
    both["covered"] = both[Y].between(both["q10"], both["q90"])
    measures = ["absolute_error", "pinball", "covered"]
    return both.groupby([UNIQUE_ID, LEAD])[measures].mean()


if __name__ == "__main__":
    sys.exit(alone("scoring", measure))
