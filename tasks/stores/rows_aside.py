"""Rows that no one should learn from: they are set aside, and the rest of their series goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.spec import Contracts
from data_contracts.vocabulary import DS, UNIQUE_ID
from models.panel import Bools, Floats, Ints, Panel
from tasks.stores.scatter import first_observed, rows_from

COLUMNS = (UNIQUE_ID, DS, "expectation", "value", "bound")
COUNTED_AS = {"in_bounds": "out_of_bounds", "whole_numbers": "not_whole", "no_spikes": "spikes"}
TAIL = 0.01  # of the values, at each end, that do not tell the usual range
MIDDLE = 0.2  # as much more robust, and how far the tails of anything usual reach beyond it
FAR_TAIL = 50
MOST_IN_A_ROW = 2  # steps that one mistake may last
SHARE_OF_A_WORD = 0.25  # of the extremes of a series, that one number makes up if it is a word
ABSURD = 100  # times what is accepted, at which no one need ask whether it is meant
NONE = np.zeros(0, np.float32)
LEAST_TOLD = 20  # values without which a range is no range


@dataclass(frozen=True, eq=False)
class Stray:
    """Rows of a panel that break one rule.

    Attributes:
        expectation: Name of the rule.
        places: Rows of the panel, ascending, shape `(n,)`.
        bounds: What each was held against, shape `(n,)`.
    """

    expectation: str
    places: Ints
    bounds: Floats


def find_strays(panel: Panel, contracts: Contracts) -> list[Stray]:
    """Observations that break a rule about single rows, each under the first rule it breaks.

    Args:
        panel: The observations.
        contracts: The thresholds.
    """
    found: list[Stray] = []
    taken = np.zeros(0, np.int64)
    for stray in _candidates(panel, contracts):
        new = ~np.isin(stray.places, taken)
        if new.any():
            taken = np.union1d(taken, stray.places)
            found.append(Stray(stray.expectation, stray.places[new], stray.bounds[new]))
    return found


def to_set_aside(strays: list[Stray], contracts: Contracts) -> list[Stray]:
    """The strays without those that the spec only wants to hear of."""
    return [
        stray for stray in strays if stray.expectation != "no_spikes" or contracts.sets_spikes_aside
    ]


def describe(panel: Panel, strays: list[Stray]) -> pd.DataFrame:
    """Strays as rows: `unique_id`, `ds`, `expectation`, `value` and `bound`."""
    parts = []
    for stray in strays:
        series = series_of(panel, stray.places)
        slots = panel.cutoff_slot + panel.horizon + 1 - (panel.indptr[series + 1] - stray.places)
        names = np.array(panel.unique_ids, object)[series]
        values = panel.y[stray.places]
        stamps = panel.grid.timestamps(slots)
        parts.append(rows_of(names, stamps, stray.expectation, values, stray.bounds))
    return pd.concat(parts, ignore_index=True) if parts else nothing()


def rows_of(
    names: NDArray[np.object_],
    stamps: pd.DatetimeIndex,
    expectation: str,
    values: Floats,
    bounds: Floats | float = np.nan,
) -> pd.DataFrame:
    """Rows that are set aside by one rule."""
    return pd.DataFrame(
        {
            UNIQUE_ID: names,
            DS: stamps,
            "expectation": expectation,
            "value": np.asarray(values, np.float64),
            "bound": np.broadcast_to(np.asarray(bounds, np.float64), len(names)),
        }
    )


def nothing() -> pd.DataFrame:
    """No row that is set aside."""
    return rows_of(np.empty(0, object), pd.DatetimeIndex([], tz="UTC").as_unit("us"), "", NONE)


def count_by_series(panel: Panel, strays: list[Stray]) -> pd.DataFrame:
    """How many rows of each series of the panel break each rule: a column per rule."""
    counts = {name: np.zeros(panel.num_series, np.int64) for name in COUNTED_AS.values()}
    for stray in strays:
        found = np.bincount(series_of(panel, stray.places), minlength=panel.num_series)
        counts[COUNTED_AS[stray.expectation]] += found
    return pd.DataFrame(counts, index=pd.Index(panel.unique_ids, dtype="str", name=UNIQUE_ID))


def without(panel: Panel, strays: list[Stray]) -> Panel:
    """The panel in which the strays were not observed; its arrays are changed in place.

    A series that began with strays begins at its next observation; one that has nothing else is
    left out.
    """
    if not strays:
        return panel
    places = np.concatenate([stray.places for stray in strays])
    panel.y[places] = np.nan
    panel.observed[places] = False
    begins = panel.indptr[:-1]
    return panel if panel.observed[begins].all() else _trimmed(panel)


def series_of(panel: Panel, places: Ints) -> Ints:
    """The series of each row of a panel."""
    series: Ints = np.searchsorted(panel.indptr, places, side="right") - 1
    return series


def _candidates(panel: Panel, contracts: Contracts) -> Iterator[Stray]:
    """The rows that break each rule; a comparison with NaN is false, so missing ones break none."""
    y, low, high = panel.y, contracts.min_value, contracts.max_value
    if low is not None:
        yield _beyond("in_bounds", y < np.float32(low), low)
    if high is not None:
        yield _beyond("in_bounds", y > np.float32(high), high)
    if contracts.numbers == "whole":
        places = np.flatnonzero(panel.observed & (y != np.rint(y)))
        yield Stray("whole_numbers", places, np.rint(y[places]))
    if contracts.severity.get("no_spikes") != "off":
        yield _spikes(panel, contracts.max_spike)


def _beyond(expectation: str, broken: Bools, bound: float) -> Stray:
    places = np.flatnonzero(broken)
    return Stray(expectation, places, np.full(len(places), bound, np.float32))


def _spikes(panel: Panel, most: float) -> Stray:
    """Values far outside the usual range of their series."""
    places, bounds = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for begin, end in zip(panel.indptr[:-1], panel.indptr[1:] - panel.horizon, strict=True):
        y = panel.y[begin:end]
        values = y[panel.observed[begin:end]]
        if len(values) < LEAST_TOLD:
            continue
        low, high = _usual_range(values)
        reach = most * (high - low)
        if reach <= 0 or (values.max() <= high + reach and values.min() >= low - reach):
            continue
        far = np.flatnonzero((y > high + reach) | (y < low - reach))
        far = far[_is_spike(far, y[far], np.maximum(y[far] - high, low - y[far]) / reach)]
        places.append(begin + far)
        bounds.append(np.where(y[far] > high, high + reach, low - reach).astype(np.float32))
    return Stray("no_spikes", np.concatenate(places), np.concatenate(bounds))


def _is_spike(places: Ints, values: Floats, distances: Floats) -> Bools:
    """Which of the extremes of one series are mistakes, and no part of the business.

    Extremes that come again, each of its own size, are its high season, its promotions, its bulk
    orders. A mistake is alone in the whole history, or the same number again and again, as a word
    for `missing` is, or further off than anything that could be meant.

    Args:
        places: Steps of the extremes, ascending.
        values: Their values.
        distances: How far they lie outside the usual range, in times of what is accepted.
    """
    if places[-1] - places[0] < MOST_IN_A_ROW:
        return np.ones(len(places), bool)
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    is_word: Bools = counts[which] >= max(2, SHARE_OF_A_WORD * len(values))
    return is_word | (distances > ABSURD)


def _usual_range(values: Floats) -> tuple[float, float]:
    """The range without its tails, of which at least one value at each end is a part.

    Tails that are many and far off, such as a sentinel in each tenth row, are no part of it.
    """
    last = len(values) - 1
    cut, middle = max(1, int(TAIL * len(values))), int(MIDDLE * len(values))
    ordered = np.partition(values, (cut, middle, last - middle, last - cut)).astype(np.float64)
    low, high = ordered[cut], ordered[last - cut]
    begin, end = ordered[middle], ordered[last - middle]
    width = end - begin
    if 0 < FAR_TAIL * width < high - low:
        low, high = max(low, begin - 2 * width), min(high, end + 2 * width)
    return float(low), float(high)


def _trimmed(panel: Panel) -> Panel:
    """Every series from its first observation on, without those that have none."""
    ends = panel.indptr[1:]
    first = first_observed(panel.observed, panel.indptr)
    kept, rows = first < ends, rows_from(first, panel.indptr)
    return replace(
        panel,
        unique_ids=tuple(np.array(panel.unique_ids, object)[kept]),
        indptr=np.concatenate([[0], np.cumsum((ends - first)[kept])]),
        y=panel.y[rows],
        observed=panel.observed[rows],
        past=panel.past[rows],
        known=panel.known[rows],
        static=panel.static[kept],
    )
