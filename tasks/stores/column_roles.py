"""Which column of unknown Parquet plays which role: names give hints, rows decide.

A series is what makes times unique, and what has values after the last target is known ahead.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import RefusedError
from data_contracts.frequency import Ints
from data_contracts.vocabulary import DS, UNIQUE_ID, Y
from tasks.stores.excerpt import Excerpt
from tasks.stores.kinds import is_label, is_number, is_text, is_time

TIME_HINTS = (
    *(DS, "timestamp", "datetime", "date", "time", "ts", "hour", "day", "week", "month"),
    *("quarter", "year", "period"),
)
ID_HINTS = (
    *(UNIQUE_ID, "series_id", "series", "id", "item_id", "item", "sku", "product", "article"),
    *("sensor", "meter", "device", "station", "store", "shop", "site", "location", "asset"),
    *("customer", "key", "name"),
)
TARGET_HINTS = (
    *(Y, "target", "value", "values", "sales", "demand", "load", "count", "quantity", "qty"),
    *("volume", "units", "consumption", "usage", "power", "energy", "revenue", "amount"),
    *("orders", "visits", "traffic"),
)
KNOWLEDGE_HINTS = (
    *("available_at", "ingested_at", "knowledge_time", "updated_at", "known_at", "received_at"),
    *("loaded_at", "inserted_at", "modified_at", "available", "ingested", "knowledge", "updated"),
    *("received", "loaded", "inserted", "modified"),
)
# Share of rows that may repeat series and time: two series under one name repeat half of them.
MAX_DOUBLES = 0.2
MAX_DOUBLES_WITH_CORRECTIONS = 0.5
LEAST_SHARE_IN_ORDER = 0.95
LEAST_SHARE_AHEAD = 0.9  # of the rows after the last target that a known covariate fills


@dataclass
class Roles:
    """What is found out about the columns.

    Attributes:
        unique_id, ds, y: What the source calls them.
        available_at: Column that says when a row became known, None without one.
        past, known, static: Covariates, in the order of the source.
        notes: One sentence per guess that is worth a check.
    """

    unique_id: str
    ds: str
    y: str
    available_at: str | None
    past: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    static: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Look:
    """An excerpt, and what is asked of it again and again.

    Args:
        excerpt: Rows to look at.
        kinds: Type of the values of each column.
        ds: Column of times.
    """

    def __init__(self, excerpt: Excerpt, kinds: dict[str, pa.DataType], ds: str) -> None:
        self.excerpt = excerpt
        self.kinds = kinds
        self.columns: list[str] = [name for name in excerpt.rows.column_names if name != ds]
        self.ds = ds
        self.num_rows = len(excerpt.instants)
        self._codes: dict[str, Ints] = {}

    def codes(self, name: str) -> Ints:
        """A number per distinct value, -1 where null or NaN, shape `(num_rows,)`."""
        if name not in self._codes:
            values = self.excerpt.rows[name].to_pandas()
            self._codes[name] = pd.factorize(values)[0].astype(np.int64)
        return self._codes[name]

    def floats(self, name: str) -> NDArray[np.float64]:
        """A numeric column, NaN where null, shape `(num_rows,)`."""
        values = self.excerpt.rows[name].cast(pa.float64(), safe=False)
        return np.asarray(values.to_numpy(), np.float64)

    def num_distinct(self, name: str) -> int:
        """Number of distinct values, nulls left out."""
        return int(self.codes(name).max(initial=-1)) + 1

    def numbers_rows(self, name: str) -> bool:
        """Whether a column of text or integers has another value in every row."""
        return is_label(self.kinds[name]) and self.num_distinct(name) == self.num_rows

    def share_of_doubles(self, *names: str) -> float:
        """Share of rows that repeat the time and the named columns of another row."""
        keys = self._table(*names)
        keys = keys.assign(instant=self.excerpt.instants[keys.index])
        return float(keys.duplicated().mean())

    def is_constant_per(self, series: str, name: str) -> bool:
        """Whether every series has one value of a column, and rows enough to show it."""
        table = self._table(series, name)
        num_series = table[series].nunique()
        return len(table.drop_duplicates()) == num_series and len(table) >= 3 * num_series

    def usual_step(self, series: str) -> int | None:
        """Median microseconds between neighbouring rows of a series.

        None if there are no neighbours in the order of time.
        """
        keys = [self.excerpt.stretches, self.codes(series)]
        moves = pd.Series(self.excerpt.instants).groupby(keys).diff()
        moves = moves[moves.notna() & (moves != 0)]
        in_order = len(moves) > 0 and (moves > 0).mean() > LEAST_SHARE_IN_ORDER
        return int(moves[moves > 0].median()) if in_order else None

    def _table(self, *names: str) -> pd.DataFrame:
        """Codes of some columns, in the rows in which none is null."""
        columns = {name: self.codes(name) for name in names}
        table = pd.DataFrame(columns, index=pd.RangeIndex(self.num_rows))
        return table[(table >= 0).all(axis=1)]


def is_usable(kind: pa.DataType) -> bool:
    """Whether a column of some type can play any role but that of the time."""
    return is_label(kind) or is_number(kind)


def find_time_columns(kinds: dict[str, pa.DataType]) -> tuple[str, str | None]:
    """The column of times, and the one that says when each row became known, if there is one.

    Args:
        kinds: Type of the values of each column.

    Raises:
        RefusedError: If no column holds timestamps or dates.
    """
    times = [name for name, kind in kinds.items() if is_time(kind)]
    if not times:
        raise RefusedError(
            f"Expected a column of timestamps or dates, got {_described(kinds)}; "
            "store times as such."
        )
    stamps = [name for name in times if pa.types.is_timestamp(kinds[name])]
    hinted = _hinted(stamps, KNOWLEDGE_HINTS)
    available_at = hinted[0] if hinted and len(times) > 1 else None
    times = [name for name in times if name != available_at]
    return (_hinted(times, TIME_HINTS) or times)[0], available_at


def find_roles(look: Look, available_at: str | None) -> Roles:
    """Tell series, target and covariates apart.

    Raises:
        RefusedError: If no column tells series apart, or none holds numbers.
    """
    unique_id = _series_column(look, corrected=available_at is not None)
    y = _target_column(look, unique_id)
    roles = Roles(unique_id, look.ds, y, available_at)
    count = look.num_distinct(unique_id)
    roles.notes.append(f"{unique_id!r} is taken to name the series, {count} in the rows seen.")
    doubles = look.share_of_doubles(unique_id)
    if doubles > 0 and available_at is None:
        roles.notes.append(f"{doubles:.1%} of the rows seen repeat a series and time.")
    if y != Y:
        roles.notes.append(f"{y!r} is taken as the target, what will be forecast.")
    _share_out_covariates(look, roles)
    return roles


def _series_column(look: Look, *, corrected: bool) -> str:
    """The text or integer column in which every value has each time at most once."""
    # Rows that were corrected occur more than once, on purpose.
    accepted = MAX_DOUBLES_WITH_CORRECTIONS if corrected else MAX_DOUBLES
    candidates = _series_candidates(look)
    for name in candidates:
        if not look.numbers_rows(name) and look.share_of_doubles(name) <= accepted:
            return name
    raise RefusedError(_no_series(look, candidates))


def _series_candidates(look: Look) -> list[str]:
    """Columns that may name the series: hinted ones, texts, then integers with few values."""
    labels = [name for name in look.columns if is_label(look.kinds[name])]
    texts = [name for name in labels if is_text(look.kinds[name])]
    others = [name for name in labels if name not in [*texts, *_hinted(labels, TARGET_HINTS)]]
    few = [name for name in others if 20 * look.num_distinct(name) <= look.num_rows]
    candidates = list(dict.fromkeys([*_hinted(labels, ID_HINTS), *texts, *few]))
    if look.share_of_doubles() <= MAX_DOUBLES:
        # A single series: every column seems to tell its rows apart, but a constant one names it.
        constant = [name for name in candidates if look.num_distinct(name) == 1]
        return constant + [name for name in candidates if _snake(name) in ID_HINTS]
    return candidates


def _no_series(look: Look, candidates: list[str]) -> str:
    for one, other in combinations(candidates[:8], 2):
        if look.share_of_doubles(one, other) <= MAX_DOUBLES:
            return (
                f"Expected one column that names the series, got {one!r} and {other!r} that do so "
                "only together; write a column that joins them."
            )
    tried = ", ".join(candidates) or "no column of text"
    return (
        f"Expected a column that names the series, so that each has every {look.ds!r} once, "
        f"got {tried}; write one, with one constant text if there is a single series."
    )


def _target_column(look: Look, unique_id: str) -> str:
    numbers: list[str] = [
        name
        for name in look.columns
        if is_number(look.kinds[name])
        and not pa.types.is_boolean(look.kinds[name])
        and name not in {unique_id, *look.excerpt.folders}
        and look.num_distinct(name) > 0
    ]
    hinted = _hinted(numbers, TARGET_HINTS)
    if not hinted:
        _refuse_text_as_target(look, unique_id)
    floats = [name for name in numbers if not pa.types.is_integer(look.kinds[name])]
    for name in [*hinted, *floats, *numbers]:
        return name
    raise RefusedError(f"Expected a column of numbers to forecast, got {_described(look.kinds)}.")


def _refuse_text_as_target(look: Look, unique_id: str) -> None:
    texts = [name for name in look.columns if is_text(look.kinds[name]) and name != unique_id]
    for name in _hinted(texts, TARGET_HINTS)[:1]:
        raise RefusedError(
            f"Expected numbers in {name!r}, which by its name is to be forecast, "
            f"got {look.kinds[name]}; convert it where the file is written."
        )


def _share_out_covariates(look: Look, roles: Roles) -> None:
    """Sort the other columns: constant per series, known ahead, or past."""
    num_series = look.num_distinct(roles.unique_id)
    unused = []
    for name in look.columns:
        if name in {roles.unique_id, roles.y} or look.num_distinct(name) < 2:
            continue
        if is_label(look.kinds[name]) and look.is_constant_per(roles.unique_id, name):
            # A value of its own for each series says no more than the name of the series.
            roles.static += [name] if look.num_distinct(name) < num_series else []
        elif name in look.excerpt.folders:
            continue
        elif is_text(look.kinds[name]) or look.numbers_rows(name):
            unused.append(name)
        else:
            (roles.known if _reaches_ahead(look, name, roles.y) else roles.past).append(name)
    _note_covariates(roles, unused)


def _reaches_ahead(look: Look, name: str, y: str) -> bool:
    """Whether a column goes on after the last target of all series."""
    last = look.excerpt.instants[~np.isnan(look.floats(y))].max()
    ahead = look.floats(name)[look.excerpt.instants > last]
    return ahead.size > 0 and float((~np.isnan(ahead)).mean()) >= LEAST_SHARE_AHEAD


def _note_covariates(roles: Roles, unused: list[str]) -> None:
    if roles.known:
        roles.notes.append(
            f"Known ahead, for they have values after the last target: {_listed(roles.known)}."
        )
    if roles.past:
        roles.notes.append(
            f"Past, for they have no values after the last target: {_listed(roles.past)}; "
            "to be known ahead, a covariate needs rows for the horizon."
        )
    if unused:
        roles.notes.append(f"Not used, for they are texts or numbers of rows: {_listed(unused)}.")


def _hinted(names: Iterable[str], hints: tuple[str, ...]) -> list[str]:
    """Names that a hint equals, then those in which one is a word, best hint first."""
    ranks = {name: _rank(name, hints) for name in names}
    return sorted((n for n, rank in ranks.items() if rank is not None), key=lambda n: ranks[n] or 0)


def _rank(name: str, hints: tuple[str, ...]) -> int | None:
    plain = _snake(name)
    if plain in hints:
        return hints.index(plain)
    found = [hints.index(word) for word in plain.split("_") if word in hints]
    return len(hints) + min(found) if found else None


def _snake(name: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _described(kinds: dict[str, pa.DataType]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
