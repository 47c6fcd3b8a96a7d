"""Whether plausible businesses raise alarms: made by code, clean, and each difficult in its way."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.spec import Spec, parse_spec
from data_contracts.verdicts import Severity
from data_contracts.vocabulary import DS, UNIQUE_ID, Y
from tasks.stores.observations import read_observations

SERIES, NIGHTS = 10, 8
STOPS = (Severity.CRITICAL, Severity.QUARANTINE)
Values = NDArray[np.float64]
Make = Callable[[int, pd.DatetimeIndex, np.random.Generator], Any]  # an array of numbers


@dataclass(frozen=True)
class Business:
    """Series of one kind.

    Attributes:
        name: What it sells, or how.
        make: Values of one series by its number, its steps and a source of randomness; NaN: no row.
        frequency: Of the steps.
        length: How many steps.
        horizon: Of a forecast.
        every: Steps between the nights that are judged, the last at the end of the data.
    """

    name: str
    make: Make
    frequency: str = "D"
    length: int = 800
    horizon: int = 7
    every: int = 5


def _sine(ds: pd.DatetimeIndex, lag: int = 0) -> Values:
    """A wave a year."""
    return np.sin(2 * np.pi * (ds.dayofyear.to_numpy() - lag) / 365.25)


def _now_and_then(rng: np.random.Generator, size: int, share: float) -> Values:
    return (rng.random(size) < share) * rng.integers(1, 6, size).astype(float)


def _open(ds: pd.DatetimeIndex) -> NDArray[np.bool_]:
    return (ds.hour >= 9) & (ds.hour < 18) & (ds.dayofweek < 6)


BUSINESSES = (
    Business(
        "grows by half a percent a day",
        lambda k, ds, g: g.poisson(20 * 1.005 ** np.arange(len(ds))),
    ),
    Business("heavy weekends", lambda k, ds, g: g.poisson(np.where(ds.dayofweek > 4, 300, 3))),
    Business("closed on Sundays", lambda k, ds, g: g.poisson(np.where(ds.dayofweek == 6, 0, 80))),
    Business(
        "weekends only", lambda k, ds, g: np.where(ds.dayofweek > 4, g.poisson(40, len(ds)), 0)
    ),
    Business(
        "closed at Christmas",
        lambda k, ds, g: np.where((ds.month == 12) & (ds.day > 23), 0, g.poisson(50, len(ds))),
        length=728,
        every=1,
    ),
    Business(
        "Christmas business",
        lambda k, ds, g: g.poisson(30 + 200 * np.exp(-(((ds.dayofyear - 350) / 8) ** 2))),
        length=720,
    ),
    Business(
        "Black Friday, the second",
        lambda k, ds, g: g.poisson(
            np.where((ds.month == 11) & (ds.day > 21) & (ds.day < 29), 400, 30)
        ),
        length=693,
        every=1,
    ),
    Business(
        "Easter eggs, the third year",
        lambda k, ds, g: g.poisson(2 + 150 * ((ds.dayofyear > 70) & (ds.dayofyear < 100))),
        length=815,
        every=3,
    ),
    Business(
        "closed in winter",
        lambda k, ds, g: g.poisson(np.clip(100 * _sine(ds, 90), 0, None)),
        length=850,
        every=12,
    ),
    Business(
        "lawnmowers",
        lambda k, ds, g: g.poisson(np.clip(60 * _sine(ds, 80), 0.3, None)),
        length=840,
        every=7,
    ),
    Business(
        "December is fifteen times the rest",
        lambda k, ds, g: g.poisson(np.where(ds.month == 12, 3000, 200)),
        "MS",
        84,
        6,
        1,
    ),
    Business(
        "weeks with a season",
        lambda k, ds, g: g.poisson(10 + 200 * np.clip(_sine(ds), 0, None)),
        "W-MON",
        250,
        4,
        3,
    ),
    Business(
        "months that grow",
        lambda k, ds, g: g.poisson(
            1000 + 400 * np.sin(np.pi * ds.month / 6) + 5 * np.arange(len(ds))
        ),
        "MS",
        90,
        6,
        1,
    ),
    Business(
        "a promotion each quarter",
        lambda k, ds, g: g.poisson(np.where((np.arange(len(ds)) + 11 * k) % 90 < 5, 200, 20)),
    ),
    Business("three days in ten", lambda k, ds, g: _now_and_then(g, len(ds), 0.3)),
    Business(
        "one day in ten, and bulk orders",
        lambda k, ds, g: np.where(
            g.random(len(ds)) < 0.01, g.integers(100, 500, len(ds)), _now_and_then(g, len(ds), 0.1)
        ),
    ),
    Business("yes or no", lambda k, ds, g: (g.random(len(ds)) < 0.5) * 1.0),
    Business(
        "prices that hold for four weeks",
        lambda k, ds, g: np.repeat(
            20 + 0.5 * np.cumsum(g.choice([-1, 0, 1], len(ds) // 28 + 1)), 28
        )[: len(ds)],
    ),
    Business(
        "stocks that are filled up",
        lambda k, ds, g: 500.0 - (np.arange(len(ds)) * (3 + k % 5) + 31 * k) % 400,
    ),
    Business("money, log-normal", lambda k, ds, g: np.round(np.exp(g.normal(8, 0.6, len(ds))), 2)),
    Business("returns of a share", lambda k, ds, g: np.round(g.normal(0, 1, len(ds)), 2)),
    Business("a random walk", lambda k, ds, g: 1000 + np.cumsum(g.normal(0, 10, len(ds)))),
    Business(
        "a share of 99.9 %",
        lambda k, ds, g: np.clip(np.round(99.9 + g.normal(0, 0.1, len(ds)), 1), None, 100),
    ),
    Business("business days", lambda k, ds, g: g.poisson(50 + 20 * (ds.dayofweek == 0)), "B", 600),
    Business(
        "a shop by the hour",
        lambda k, ds, g: g.poisson(np.where(_open(ds), 12, 0)),
        "h",
        24 * 80,
        24,
        17,
    ),
    Business(
        "one hour in fifty", lambda k, ds, g: (g.random(len(ds)) < 0.02) * 1.0, "h", 24 * 80, 24, 17
    ),
    Business(
        "a meter that counts on",
        lambda k, ds, g: np.cumsum(g.random(len(ds))),
        "h",
        24 * 80,
        24,
        17,
    ),
    Business(
        "a temperature",
        lambda k, ds, g: np.round(
            10 * np.sin(np.pi * ds.hour / 12) + 0.1 * g.normal(0, 1, len(ds)).cumsum(), 1
        ),
        "h",
        24 * 80,
        24,
        17,
    ),
    Business(
        "the sun, each quarter of an hour",
        lambda k, ds, g: (
            np.clip(-np.cos(np.pi * (ds.hour + ds.minute / 60) / 12), 0, None)
            * g.uniform(0.2, 1, len(ds))
        ),
        "15min",
        96 * 70,
        96,
        61,
    ),
    Business(
        "a new store a week",
        lambda k, ds, g: (
            np.where(np.arange(len(ds)) >= len(ds) - 70 + 7 * k, g.poisson(20, len(ds)), np.nan)
            if k % 2
            else g.poisson(20, len(ds))
        ),
        every=1,
    ),
)


def alarms(business: Business) -> Iterator[Counter[tuple[Severity, str]]]:
    """Of each night, how often each rule spoke, by what it leads to."""
    ds = pd.date_range("2021-01-04", periods=business.length, freq=business.frequency, tz="UTC")
    rng, step = np.random.default_rng(7), pd.tseries.frequencies.to_offset(business.frequency)
    frames = [
        pd.DataFrame({UNIQUE_ID: f"s{k:02d}", DS: ds, Y: business.make(k, ds, rng)})
        for k in range(SERIES)
    ]
    with TemporaryDirectory(prefix="nightcast-business-") as name:
        path = Path(name) / "observations.parquet"
        pd.concat(frames).dropna().to_parquet(path, index=False)
        spec = _spec(path, business)
        for night in range(NIGHTS):
            as_of = ds[-1 - night * business.every] + step
            known = read_observations(spec, as_of)
            verdict = known.judged(spec)
            yield Counter({(f.severity, f.expectation) for f in verdict.findings})


def _spec(path: Path, business: Business) -> Spec:
    return parse_spec(
        {
            "source": {"uri": str(path)},
            "calendar": {"frequency": business.frequency},
            "horizon": business.horizon,
        }
    )
