"""Profiles: a row per series and one per batch, so that contracts cost nothing per observation."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from data_contracts.observations import BATCH_COLUMNS, COUNTED_ROWS, SERIES_COLUMNS
from data_contracts.vocabulary import UNIQUE_ID
from models.panel import Bools, Floats, Ints, Panel
from tasks.stores.ragged import last_of_each
from tasks.stores.recent import Doubles, Spans, compare_sizes, count_values, shifts

BLOCK_ROWS = 1 << 17  # rows looked at together, few enough to stay in the cache
WHOLE = (
    "observed", "history", "longest_gap", "flat_tail", "longest_flat", "fractions", "ahead",
    "covariate_age",
)  # fmt: skip


def profile_series(
    panel: Panel,
    counts: pd.DataFrame,
    spans: Spans,
    *,
    context_length: int,
    sizes: pd.DataFrame,
) -> pd.DataFrame:
    """One row per series that has rows, whether or not it made it into the panel.

    Args:
        panel: The observations, each series from its first observed value on.
        counts: `unique_id`, ascending, and what only the raw rows show: `COUNTED_ROWS`.
        spans: How many steps are recent, and how many say what is usual.
        context_length: Steps over which covariates are looked at.
        sizes: What `sizes_of` said before rows were set aside: where all of the last values are
            far too large, it is not the rows that are wrong but the unit.

    Returns:
        `SERIES_COLUMNS`, which `data_contracts.observations` explains.
    """
    blocks = [
        {
            **_describe(panel, begin, end, spans),
            **_covariates(panel, begin, end, min(context_length, int(panel.lengths.max()))),
            "covariate_spike": _covariate_spikes(panel, begin, end, spans),
        }
        for begin, end in blocks_of(panel.indptr)
    ]
    parts = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    described = pd.DataFrame(parts, index=pd.Index(panel.unique_ids, name=UNIQUE_ID)).assign(
        first_ds=panel.grid.timestamps(parts["first_slot"]),
        last_ds=panel.grid.timestamps(parts["last_slot"]),
    )
    profile = counts.set_index(UNIQUE_ID).join(described).join(sizes)
    profile = profile.fillna({"null_share": 1.0, "covered": 1.0} | dict.fromkeys(WHOLE, 0))
    profile = profile.astype(dict.fromkeys((*COUNTED_ROWS, *WHOLE), np.int64))
    return profile.reset_index()[list(SERIES_COLUMNS)]


def sizes_of(panel: Panel, spans: Spans, *, doubtful: float = 1.0) -> pd.DataFrame:
    """What `compare_sizes` says, a row per series."""
    sizes = compare_sizes(panel, spans, doubtful=doubtful)
    return pd.DataFrame(sizes, index=pd.Index(panel.unique_ids))


def profile_batch(
    profile: pd.DataFrame, panel: Panel, spans: Spans, *, max_age: int
) -> pd.DataFrame:
    """One row about all series together.

    Args:
        profile: Of the series.
        panel: The observations.
        spans: How many steps are recent, and how many say what is usual.
        max_age: Steps since its last observation after which a series counts as ending.

    Returns:
        `BATCH_COLUMNS`, which `data_contracts.observations` explains.
    """
    sums, age = ("rows", "observed", *COUNTED_ROWS[2:]), int(profile["age"].min())
    row = {
        "series": len(profile),
        **{name: int(profile[name].sum()) for name in sums},
        "age": age,
        "longest_history": int(profile["history"].max()),
        "series_ending": int((profile["age"] > max_age).sum()),
        **_traffic(panel, spans, age=age),
    }
    return pd.DataFrame([row], columns=list(BATCH_COLUMNS))


def _traffic(panel: Panel, spans: Spans, *, age: int) -> dict[str, float]:
    """How much came lately, and how much is usual; what is usual is NaN in too short a history."""
    recent, earlier = count_values(panel, spans, age=age)
    if earlier.shape[1] < 2:
        unknown = dict.fromkeys(("usual_values", "usual_series", "appeared", "silent"), np.nan)
        return {"recent_values": int(recent.sum()), **unknown}
    usual = np.median(earlier, axis=1) > 0
    return {
        "recent_values": int(recent.sum()),
        "usual_values": float(np.median(earlier.sum(axis=0))),
        "usual_series": int(usual.sum()),
        "appeared": int(((recent > 0) & (earlier == 0).all(axis=1)).sum()),
        "silent": int(((recent == 0) & usual).sum()),
    }


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


def _describe(panel: Panel, begin: int, end: int, spans: Spans) -> dict[str, np.ndarray]:
    """Columns that only need the panel, for one block of series."""
    rows = slice(panel.indptr[begin], panel.indptr[end])
    lengths = panel.lengths[begin:end]
    history = ~last_of_each(lengths + panel.horizon, np.full_like(lengths, panel.horizon))
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
        "longest_flat": _longest_flat(y, np.flatnonzero(observed), count),
        "fractions": _new_fractions(y, observed, starts, spans.month),
        "shift": shifts(y, observed, starts, spans.season),
        "last": y[last].astype(np.float64),
        "ahead": _steps_ahead(panel, begin, end),
        **_moments(y, observed, starts),
    }


def _steps_ahead(panel: Panel, begin: int, end: int) -> Ints:
    """Steps of the horizon on which every covariate known ahead has a value."""
    steps = panel.indptr[begin + 1 : end + 1, None] + np.arange(-panel.horizon, 0)
    there: Bools = ~np.isnan(panel.known[steps]).any(axis=2)
    return there.sum(axis=1)


def _covariates(panel: Panel, begin: int, end: int, steps: int) -> dict[str, np.ndarray]:
    """Where the covariate that lacks most of the last steps has values, and how old it is.

    Steps before the series began are no one's fault.
    """
    ends = panel.indptr[begin + 1 : end + 1] - panel.horizon
    rows = ends[:, None] - 1 - np.arange(steps)  # the newest step first
    inside = rows >= panel.indptr[begin:end, None]
    rows = np.where(inside, rows, panel.indptr[begin:end, None])
    covered, age = np.ones(end - begin), np.zeros(end - begin)
    for values in (panel.past, panel.known):
        for column in range(values.shape[1]):
            there = ~np.isnan(values[rows, column]) & inside
            covered = np.minimum(covered, there.sum(axis=1) / inside.sum(axis=1))
            newest = np.where(there.any(axis=1), there.argmax(axis=1), inside.sum(axis=1))
            age = np.maximum(age, newest)
    return {"covered": covered, "covariate_age": age}


def _covariate_spikes(panel: Panel, begin: int, end: int, spans: Spans) -> Doubles:
    """How far recent covariates lie outside all before them, in ranges of these, shape `(S,)`.

    A covariate that never changed before has no range, and nothing is far from it; nor from that
    of a history of less than a month, which has not seen much.
    """
    rows = slice(panel.indptr[begin], panel.indptr[end])
    starts, lengths = panel.indptr[begin:end] - panel.indptr[begin], panel.lengths[begin:end]
    parts = np.column_stack(
        [starts, starts + np.maximum(lengths - spans.recent, 0), starts + lengths]
    )
    result = np.zeros(end - begin)
    for values in (panel.past[rows], panel.known[rows]):
        for column in values.T:
            low = np.fmin.reduceat(column, parts.ravel()).reshape(parts.shape).astype(np.float64)
            high = np.fmax.reduceat(column, parts.ravel()).reshape(parts.shape).astype(np.float64)
            width = np.where(lengths > spans.month, high[:, 0] - low[:, 0], 0)
            outside = np.fmax(high[:, 1] - high[:, 0], low[:, 0] - low[:, 1])
            far = np.divide(outside, width, out=np.zeros(len(width)), where=width > 0)
            result = np.fmax(result, far)
    return result


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


def _longest_flat(y: Floats, places: Ints, counts: Ints) -> Ints:
    """Steps of the longest run of equal values, before the run that ends each series.

    Args:
        y: Values of several histories, one behind the other, shape `(n,)`.
        places: Which of them were observed, ascending.
        counts: How many of each history, shape `(S,)`.
    """
    values = y[places]
    starts = np.cumsum(counts) - counts
    begins = np.append(True, values[1:] != values[:-1])
    begins[starts] = True
    runs = np.flatnonzero(begins)
    ends = np.append(runs[1:], len(values)) - 1
    lengths = places[ends] - places[runs] + 1
    first_run = np.searchsorted(runs, starts)
    lengths[np.append(first_run[1:], len(runs)) - 1] = 0  # the run that ends each series
    return np.maximum.reduceat(lengths, first_run)


def _new_fractions(y: Floats, observed: Bools, starts: Ints, month: int) -> Ints:
    """Values of the last month with a fraction, where none of a month or more before has any."""
    lengths = np.diff(starts, append=len(y))
    broken = observed & (y != np.rint(y))
    place = np.arange(len(y))
    first = np.minimum.reduceat(np.where(broken, place, len(y)), starts)
    new = (lengths >= 2 * month) & (first >= starts + lengths - month)
    return np.where(new, np.add.reduceat(broken, starts, dtype=np.int64), 0)
