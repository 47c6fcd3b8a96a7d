"""Profiles: a row per series and one per batch, so that contracts cost nothing per observation."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from data_contracts.observations import BATCH_COLUMNS, SERIES_COLUMNS
from data_contracts.vocabulary import UNIQUE_ID
from models.panel import Bools, Floats, Ints, Panel

BLOCK_ROWS = 1 << 17  # rows looked at together, few enough to stay in the cache
COUNTS = ("rows", "nulls", "duplicates", "off_grid", "infinite")
WHOLE = ("observed", "history", "longest_gap", "flat_tail", "ahead")


def profile_series(panel: Panel, counts: pd.DataFrame) -> pd.DataFrame:
    """One row per series that has rows, whether or not it made it into the panel.

    Args:
        panel: The observations, each series from its first observed value on.
        counts: `unique_id`, ascending, and what only the raw rows show: `rows`, `nulls` (without a
            target), `duplicates`, `off_grid`, `infinite`.

    Returns:
        `counts` and beside them, in steps of the grid:
        `observed` with a value; `history` from `first_ds`, the first of them, to the cutoff;
        `null_share` of the history without a value; `longest_gap` in it, the tail included;
        `age` from `last_ds`, the last with a value, to the cutoff; `flat_tail`, the run of equal
        values that ends at `last_ds`; `ahead`, steps after the cutoff on which every covariate
        known ahead has a value. In the unit of the target: `min`, `max`, `mean`, and `std` of
        the population. A series that was never observed has no values, a history of 0, no age and
        a null share of 1.
    """
    blocks = [_describe(panel, begin, end) for begin, end in blocks_of(panel.indptr)]
    parts = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    described = pd.DataFrame(parts, index=pd.Index(panel.unique_ids, name=UNIQUE_ID)).assign(
        first_ds=panel.grid.timestamps(parts["first_slot"]),
        last_ds=panel.grid.timestamps(parts["last_slot"]),
    )
    profile = counts.set_index(UNIQUE_ID).join(described)
    profile = profile.fillna({"null_share": 1.0} | dict.fromkeys(WHOLE, 0))
    profile = profile.astype(dict.fromkeys((*COUNTS, *WHOLE), np.int64))
    return profile.reset_index()[list(SERIES_COLUMNS)]


def profile_batch(profile: pd.DataFrame, *, max_age: int) -> pd.DataFrame:
    """One row about all series together.

    Args:
        profile: Of the series.
        max_age: Steps since its last observation after which a series counts as ending.
    """
    sums = ("rows", "observed", "duplicates", "off_grid", "infinite")
    row = {
        "series": len(profile),
        **{name: int(profile[name].sum()) for name in sums},
        "age": int(profile["age"].min()),
        "longest_history": int(profile["history"].max()),
        "series_ending": int((profile["age"] > max_age).sum()),
    }
    return pd.DataFrame([row], columns=list(BATCH_COLUMNS))


def blocks_of(indptr: Ints, rows: int = BLOCK_ROWS) -> Iterator[tuple[int, int]]:
    """Ranges of series that together have at most `rows` rows, or are a single series.

    >>> list(blocks_of(np.array([0, 4, 6, 8, 20]), rows=5))
    [(0, 1), (1, 3), (3, 4)]
    """
    begin, num_series = 0, len(indptr) - 1
    while begin < num_series:
        fitting = int(np.searchsorted(indptr, indptr[begin] + rows, side="right")) - 1
        end = max(begin + 1, fitting)
        yield begin, end
        begin = end


def _describe(panel: Panel, begin: int, end: int) -> dict[str, np.ndarray]:
    """Columns that only need the panel, for one block of series."""
    rows = slice(panel.indptr[begin], panel.indptr[end])
    lengths = panel.lengths[begin:end]
    history = _history_rows(lengths, panel.horizon)
    y, observed = panel.y[rows][history], panel.observed[rows][history]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    place = np.arange(len(y))
    seen = np.where(observed, place, -1)
    last = np.maximum.reduceat(seen, starts)
    count = np.add.reduceat(observed, starts, dtype=np.int64)
    return {
        "observed": count,
        "first_slot": panel.first_slots[begin:end],
        "last_slot": panel.first_slots[begin:end] + last - starts,
        "history": lengths,
        "null_share": 1 - count / lengths,
        # Every series begins with an observation, so no run reaches back into the one before.
        "longest_gap": np.maximum.reduceat(place - np.maximum.accumulate(seen), starts),
        "age": (ends - 1 - last).astype(np.float64),
        "flat_tail": _flat_tail(y, observed, last, starts),
        "ahead": _steps_ahead(panel, begin, end),
        **_moments(y, observed, starts),
    }


def _steps_ahead(panel: Panel, begin: int, end: int) -> Ints:
    """Steps of the horizon on which every covariate known ahead has a value."""
    steps = panel.indptr[begin + 1 : end + 1, None] + np.arange(-panel.horizon, 0)
    there: Bools = ~np.isnan(panel.known[steps]).any(axis=2)
    return there.sum(axis=1)


def _history_rows(lengths: Ints, horizon: int) -> Bools:
    """Which rows of consecutive series lie at or before the cutoff."""
    runs = np.column_stack([lengths, np.full_like(lengths, horizon)]).ravel()
    return np.repeat(np.tile([True, False], len(lengths)), runs)


def _moments(y: Floats, observed: Bools, starts: Ints) -> dict[str, np.ndarray]:
    lengths = np.diff(starts, append=len(y))
    count = np.add.reduceat(observed, starts, dtype=np.int64)
    mean = np.add.reduceat(np.where(observed, y, 0), starts, dtype=np.float64) / count
    distance = np.where(observed, y - np.repeat(mean, lengths), 0)
    return {
        "min": np.fmin.reduceat(y, starts).astype(np.float64),
        "max": np.fmax.reduceat(y, starts).astype(np.float64),
        "mean": mean,
        "std": np.sqrt(np.add.reduceat(distance * distance, starts) / count),
    }


def _flat_tail(y: Floats, observed: Bools, last: Ints, starts: Ints) -> Ints:
    """Steps from the first to the last of the equal values that end each series."""
    lengths = np.diff(starts, append=len(y))
    place = np.arange(len(y))
    differs = observed & (y != np.repeat(y[last], lengths))
    other = np.maximum.reduceat(np.where(differs, place, -1), starts)
    equal = observed & (place > np.repeat(other, lengths))
    return last + 1 - np.minimum.reduceat(np.where(equal, place, len(y)), starts)
