"""What a night sees is what was known when it lives: beside an obvious loop, and under changes."""

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.spec import parse_spec
from tasks.stores.observations import read_observations

HORIZON = 4
NEW_YORK = "America/New_York"
COVARIATES = {"past": ["temp"], "known": ["promo", "price"], "static": ["region"]}


@dataclass(frozen=True)
class Night:
    """A calendar and an instant, around which the rows of a test lie."""

    calendar: dict[str, str]
    as_of: pd.Timestamp
    is_local: bool = False  # whether times are written without their zone

    def spec(self, uri, *, dated):
        source = {"uri": str(uri), "available_at": "since" if dated else None}
        return parse_spec(
            {
                "source": source,
                "calendar": self.calendar,
                "horizon": HORIZON,
                "covariates": COVARIATES,
            }
        )

    @cached_property
    def grid(self):
        return self.spec("x", dated=True).grid

    @cached_property
    def cutoff(self):
        return self.grid.last_complete_slot(self.as_of)


HOURLY = Night({"frequency": "h"}, pd.Timestamp("2024-03-03T00:20Z"))
DAILY = Night({"frequency": "D", "timezone": NEW_YORK}, pd.Timestamp("2024-03-12T04:00Z"))
MONTHLY = Night({"frequency": "ME", "timezone": "Asia/Kolkata"}, pd.Timestamp("2024-03-05T00:00Z"))
LOCAL = Night(
    {"frequency": "30min", "timezone": NEW_YORK, "ambiguous": "order"},
    pd.Timestamp("2024-11-03T06:10Z"),
    is_local=True,
)
NIGHTS = [
    pytest.param(HOURLY, id="hours"),
    pytest.param(DAILY, id="local days, one of 23 hours"),
    pytest.param(MONTHLY, id="ends of months"),
]


@dataclass(frozen=True)
class Row:
    """One row of a file: steps after the cutoff, and when it was known in tenths of a step."""

    unique_id: str
    step: int
    since: int
    y: float | None
    temp: float | None
    promo: float | None
    price: float | None
    region: str | None


ANCHOR = Row("a", -9, -90, 1.0, 1.0, 1.0, 1.0, "north")  # something is always known
NUMBERS = st.none() | st.integers(-3, 3).map(float) | st.just(float("inf"))
STEPS, SINCE = st.integers(-8, 2 * HORIZON), st.integers(-120, 30)
PART = st.sampled_from([4, 15, 1000])  # rows of a file
COVARIATE = st.none() | st.integers(0, 3).map(float)


def row(step=STEPS, since=SINCE):
    return st.builds(
        Row, st.sampled_from("ab"), step, since, st.none() | st.integers(-3, 3).map(float), NUMBERS,
        COVARIATE, COVARIATE, st.none() | st.sampled_from(["north", "south"]),
    )  # fmt: skip


def write(night, rows, folder, file_rows, *, dated):
    """Write the rows as files of some rows each."""
    table = table_of(night, rows)
    if not dated:
        table = table.drop_columns("since")
    for number, begin in enumerate(range(0, len(rows), file_rows)):
        part = table.slice(begin, file_rows)
        pq.write_table(part, Path(folder) / f"{number:03d}.parquet", row_group_size=3)


def known_at(night, row):
    """Instants in tenths of a day, or of an hour, so that many fall together."""
    unit = timedelta(days=1) if night.grid.step is None else timedelta(hours=1)
    return night.as_of + row.since * unit / 10


def table_of(night, rows):
    stamps = night.grid.timestamps(night.cutoff + np.array([row.step for row in rows]))
    if night.is_local:
        stamps = stamps.tz_convert(night.calendar["timezone"]).tz_localize(None)
    numbers = {
        name: pa.array([getattr(row, name) for row in rows], pa.float64())
        for name in ("y", "temp", "promo", "price")
    }
    return pa.table(
        {
            "unique_id": [row.unique_id for row in rows],
            "ds": stamps,
            "since": pd.DatetimeIndex([known_at(night, row) for row in rows]),
            "region": pa.array([row.region for row in rows], pa.string()),
            **numbers,
        }
    )


def read(night, rows, *, dated=True, file_rows=1000):
    with tempfile.TemporaryDirectory() as folder:
        write(night, rows, folder, file_rows, dated=dated)
        return read_observations(night.spec(folder, dated=dated), night.as_of).panel


def content(night, rows, **how):
    """All bytes of the panel, from which the snapshot and its name follow."""
    fields = vars(read(night, rows, **how)).values()
    return [field.tobytes() if isinstance(field, np.ndarray) else field for field in fields]


def the_last(rows, key):
    """The row with the greatest key, of equals the last."""
    return max(enumerate(rows), key=lambda pair: (key(pair[1]), pair[0]))[1] if rows else None


def finite(value):
    return np.nan if value is None or np.isinf(value) else value


def vintage(night, rows, name):
    """The obvious loop: what a forecast one horizon before a step knew of it."""
    if not rows or rows[0].step > 0:
        last = the_last(rows, lambda row: row.since)
        return np.nan if last is None else finite(getattr(last, name))
    made = night.grid.timestamp(night.cutoff + rows[0].step - HORIZON)
    in_time = [row for row in rows if known_at(night, row) <= made]
    if in_time:
        return finite(getattr(the_last(in_time, lambda row: row.since), name))
    filled = [row for row in rows if not np.isnan(finite(getattr(row, name)))]
    first = the_last(filled, lambda row: -row.since)
    return np.nan if first is None else getattr(first, name)


@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=20, deadline=None)
@given(rows=st.lists(row(), max_size=40), file_rows=PART)
def test_every_value_is_what_a_loop_over_the_rows_finds(night, rows, file_rows):
    rows = [ANCHOR, *rows]
    panel = read(night, rows, file_rows=file_rows)

    known = [row for row in rows if known_at(night, row) <= night.as_of]
    for series, unique_id in enumerate(panel.unique_ids):
        own = [row for row in known if row.unique_id == unique_id]
        begin = panel.indptr[series]
        for place in range(begin, panel.indptr[series + 1]):
            step = int(panel.first_slots[series]) + place - begin - night.cutoff
            here = [row for row in own if row.step == step]
            last = the_last(here, lambda row: row.since)
            seen = step <= 0 and last is not None
            y = last.y if seen and last.y is not None else np.nan
            np.testing.assert_array_equal(panel.y[place], np.float32(y))
            np.testing.assert_array_equal(
                panel.past[place], [finite(last.temp) if seen else np.nan]
            )
            expected = [vintage(night, here, name) for name in COVARIATES["known"]]
            np.testing.assert_array_equal(panel.known[place], np.float32(expected))
        named = [row for row in own if row.step <= 0 and row.region]
        last = the_last(named, lambda row: (row.step, row.since))
        assert panel.static[series].tolist() == [last.region if last else ""]


@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=8, deadline=None)
@given(
    rows=st.lists(
        row(), max_size=30, unique_by=lambda row: (row.unique_id, row.step, row.since)
    ),
    random=st.randoms(use_true_random=False),
    file_rows=PART,
)  # fmt: skip
def test_the_order_of_rows_does_not_matter_where_each_became_known_at_its_own_time(
    night, rows, random, file_rows
):
    rows = [ANCHOR, *rows]
    shuffled = random.sample(rows, len(rows))

    assert content(night, shuffled, file_rows=file_rows) == content(night, rows)


def hidden(row, other):
    """The row with everything replaced that is not known ahead of its time."""
    if row.step > HORIZON:
        return replace(other, step=row.step, since=row.since)
    return replace(row, y=other.y, temp=other.temp, region=other.region)


@st.composite
def changes(draw, *, dated):
    """Rows, and the same rows with all changed, added and dropped that nobody can know yet."""
    rows = [ANCHOR, *draw(st.lists(row(), max_size=25))]
    changed = [hidden(old, draw(row())) if old.step > 0 else old for old in rows]
    unknown = row(step=st.integers(HORIZON + 1, 3 * HORIZON))
    if dated:
        later = st.integers(1, 40)
        unknown |= row(since=later)
        changed = [
            replace(draw(row()), since=draw(later)) if old.since > 0 else new
            for old, new in zip(rows, changed, strict=True)
        ]
    for extra in draw(st.lists(unknown, max_size=10)):
        changed.insert(draw(st.integers(0, len(changed))), extra)
    return rows, changed


@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=12, deadline=None)
@given(changed=changes(dated=True), file_rows=PART)
def test_what_became_known_later_changes_no_byte_of_the_snapshot(night, changed, file_rows):
    rows, others = changed

    assert content(night, others, file_rows=file_rows) == content(night, rows)


@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=12, deadline=None)
@given(changed=changes(dated=False), file_rows=PART)
def test_without_times_of_knowledge_later_steps_change_no_byte_of_the_snapshot(
    night, changed, file_rows
):
    rows, others = changed

    assert content(night, others, dated=False, file_rows=file_rows) == content(
        night, rows, dated=False
    )


@settings(max_examples=12, deadline=None)
@given(
    others=st.lists(row(since=st.integers(1, 40)), max_size=20),
    random=st.randoms(use_true_random=False),
    file_rows=PART,
)
def test_later_knowledge_does_not_shift_which_of_two_equal_local_times_a_row_is(
    others, random, file_rows
):
    rows = [
        Row(name, step, -1, float(step), 0.0, 0.0, 0.0, "north")
        for step in range(-8, 8)
        for name in "ab"
    ]
    changed = list(rows)
    for other in others:
        changed.insert(random.randint(0, len(changed)), other)

    assert content(LOCAL, changed, file_rows=file_rows) == content(LOCAL, rows)


def at(since, promo, step=-5):
    return Row("a", step, since, 1.0, 1.0, promo, 0.0, "north")


@pytest.mark.parametrize(
    ("rows", "promo"),
    [
        # In tenths of an hour: step -5 begins at -63, one horizon before it is -103.
        pytest.param([at(-120, 1), at(-110, 2), at(-80, 3)], 2, id="known one horizon before"),
        pytest.param([at(-80, 3), at(-110, 2), at(-120, 1)], 2, id="whatever the order"),
        pytest.param([at(-60, 3), at(-80, 2)], 2, id="else the earliest known"),
        pytest.param([at(-60, 3), at(-80, None)], 3, id="of which a null says nothing"),
        pytest.param([at(-120, 1), at(-110, None)], np.nan, id="a null that a forecast saw"),
        pytest.param([at(-110, 1), at(-110, 2)], 2, id="of equals the last"),
        pytest.param([at(-80, 1), at(-80, 2), at(-60, 3)], 2, id="of equals the last, though late"),
        pytest.param([at(-20, 1, 2), at(-1, 2, 2)], 2, id="known last after the cutoff"),
        pytest.param([at(-1, None, 2), at(-20, 1, 2)], np.nan, id="its null included"),
        pytest.param([at(-20, 1, 2), at(1, 2, 2)], 1, id="but not after as_of"),
    ],
)
def test_a_step_takes_the_vintage_that_a_forecast_would_have_seen(rows, promo):
    panel = read(HOURLY, [ANCHOR, *rows])

    place = panel.indptr[1] - 1 - HORIZON + rows[0].step
    np.testing.assert_array_equal(panel.known[place, 0], np.float32(promo))


def test_without_times_of_knowledge_the_last_row_holds_wherever_its_step_is():
    panel = read(HOURLY, [ANCHOR, at(0, 1), at(0, 2), at(0, 3, 2), at(0, 4, 2)], dated=False)

    end = panel.indptr[1] - 1 - HORIZON
    assert panel.known[[end - 5, end + 2], 0].tolist() == [2, 4]
