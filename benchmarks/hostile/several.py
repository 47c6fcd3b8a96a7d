"""Several ways to spoil the input at once, as on a real bad night."""

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.hostile.keys import FIVE
from benchmarks.hostile.material import (
    BUSY,
    FOURTH,
    HOUR,
    LARGE,
    SMALL,
    THIRD,
    Case,
    all_of,
    cast,
    critical,
    everything,
    last,
    moved,
    of,
    put,
    quarantine,
    refused,
    repeated,
    rows,
    share,
    some,
    then,
    warning,
    without,
)
from data_contracts.vocabulary import DS, Y

ALL = (
    Case(
        "three bad series",
        "one in another unit, one with conflicts, one silent; a fourth is frozen",
        quarantine(
            "same_level", "no_conflicts", "alive", of=(LARGE, BUSY, SMALL), beside=("unique_keys",)
        ),
        then(
            put(all_of(of(LARGE), last(24)), lambda y: 1000 * y),
            repeated(some(of(BUSY)), add=2),
            without(all_of(of(SMALL), last(100))),
            put(all_of(of(THIRD), last(72)), 4),
        ),
    ),
    Case(
        "three kinds of bad rows",
        "rows off the grid, infinite ones and spikes in three series",
        rows("on_grid", "finite_values", "no_spikes", of=(LARGE, BUSY, THIRD)),
        then(
            moved(some(of(LARGE)), HOUR / 4),
            put(some(of(BUSY)), np.inf),
            put(some(of(THIRD)), -999),
        ),
    ),
    Case(
        "five bad series",
        "five series are bad, each in its own way, which is a quarter",
        critical("few_aside"),
        then(
            put(of(FIVE[0]), np.nan),
            without(all_of(of(FIVE[1]), last(100))),
            put(share(of(FIVE[2]), 0.67), np.nan),
            repeated(some(of(FIVE[3])), add=2),
            put(of(FIVE[4]), lambda y: y + 1e9),
        ),
    ),
    Case(
        "harmless and double",
        "shuffled, in nanoseconds, with a column more, and everything twice",
        warning("unique_keys"),
        then(
            repeated(everything),
            lambda frame: frame.sample(frac=1, random_state=7).assign(comment="nothing"),
            cast(DS, pa.timestamp("ns", "UTC")),
        ),
        same_panel=True,
    ),
    Case(
        "late and partial",
        "a day late, half of the newest day missing, a series frozen",
        warning("volume", "frozen"),
        then(
            put(all_of(of(LARGE), last(96)), 9),
            without(all_of(share(last(48), 0.5), lambda f: ~of(LARGE)(f))),
            without(last(24)),
        ),
    ),
    Case(
        "no covariate is right",
        "no temperature, no holidays ahead, another airport",
        warning("covered", "known_ahead", "constant_static", beside=("fresh_covariates",)),
        then(
            put(everything, np.nan, "temp"),
            lambda f: f.assign(airport=f["airport"].mask(all_of(of(LARGE), last(168))(f), "PHL")),
            without(lambda f: f[DS] > pd.Timestamp("2013-10-16T03:00Z")),
        ),
    ),
    Case(
        "renamed and text",
        "y is called value, and it is text",
        refused("source.columns.y"),
        lambda frame: frame.assign(value=frame[Y].astype(str)).drop(columns=Y),
    ),
    Case(
        "stale and in another unit",
        "three days late, and thousandfold before that",
        critical("fresh", beside=("one_unit", "few_aside", "few_bad_rows")),
        then(put(last(96), lambda y: 1000 * y), without(last(72))),
    ),
    Case(
        "quarantine and bad rows",
        "a silent series, spikes in another, doubles in a third",
        quarantine("alive", of=(SMALL,), beside=("no_spikes",)),
        then(
            without(all_of(of(SMALL), last(100))),
            put(some(of(FOURTH)), 1e6),
            repeated(some(of(THIRD))),
        ),
    ),
)
