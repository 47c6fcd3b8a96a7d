"""Whatever the rows look like, a night ends in a verdict, a refusal, or a batch that is whole."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from data_contracts.errors import NightcastError
from data_contracts.spec import parse_spec
from data_contracts.vocabulary import quantile_columns
from tasks.contenders import baseline_of
from tasks.forecast import forecast, served_series
from tasks.publish import publish
from tasks.stores.forecasts import read_batch
from tasks.stores.observations import read_observations
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight
from tasks.validate import set_aside, validate_output

AS_OF = pd.Timestamp("2024-03-31T06:00Z")  # the clocks of Berlin went forward five hours before
HOURS = pd.date_range(AS_OF - pd.Timedelta(days=9), periods=9 * 24 + 6, freq="h", unit="us")
HORIZON = 6
ODD_NUMBERS = st.sampled_from(
    [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e38, 1e-42, -999.0, 0.0, 2.5]
)
NUMBERS = ODD_NUMBERS | st.floats(allow_subnormal=True)
COLUMNS = st.sampled_from(["y", "temp", "holiday"])
KINDS = st.sampled_from(
    [pa.float16(), pa.float64(), pa.int64(), pa.bool_(), pa.string(), pa.decimal128(38, 3),
     pa.dictionary(pa.int8(), pa.float64())]
)  # fmt: skip
TIMES = st.sampled_from([pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns")
                         for zone in ("UTC", None, "Europe/Berlin")] + [pa.date32()])  # fmt: skip
SPANS = st.tuples(st.integers(0, len(HOURS) * 3), st.integers(1, 200), st.integers(1, 30))
SHIFTS = st.sampled_from(["7min", "1h", "-1h", "1D", "365D", "-20000D", "80000D", "1us"])
THRESHOLDS = st.fixed_dictionaries(
    {},
    optional={
        "max_quarantine_share": st.floats(0, 1),
        "max_bad_rows": st.floats(0, 1),
        "max_null_share": st.floats(0, 1),
        "max_age": st.integers(0, 300),
        "max_gap": st.integers(1, 300),
        "min_value": st.floats(-10, 10),
        "numbers": st.just("whole"),
        "min_volume": st.floats(0, 1),
    },
)


def observations():
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": HOURS,
                "y": np.where(HOURS < AS_OF, rng.poisson(8, len(HOURS)), np.nan),
                "temp": rng.normal(size=len(HOURS)),
                "holiday": (HOURS.day_of_week == 6).astype(float),
                "region": f"of {name}",
            }
        )
        for name in ("a", "b", "c")
    ]
    return pd.concat(parts, ignore_index=True)


def rows_of(frame, span):
    """Some rows: from a first one on, so many of every so many."""
    first, number, every = span
    return np.isin(np.arange(len(frame)), first + every * np.arange(number))


def put(column, value, span):
    return lambda f: f.assign(**{column: f[column].mask(rows_of(f, span), value)})


def scale(factor, span):
    return lambda f: f.assign(y=f["y"].where(~rows_of(f, span), f["y"] * factor))


def drop(span):
    return lambda f: f[~rows_of(f, span)].reset_index(drop=True)


def repeat(add, span):
    return lambda f: pd.concat([f, f[rows_of(f, span)].assign(y=f["y"] + add)], ignore_index=True)


def shift(by, span):
    return lambda f: f.assign(ds=f["ds"].mask(rows_of(f, span), f["ds"] + pd.Timedelta(by)))


def rename(name, span):
    return lambda f: f.assign(unique_id=f["unique_id"].astype(object).mask(rows_of(f, span), name))


def shuffle(seed):
    return lambda f: f.sample(frac=1, random_state=seed)


SPOILINGS = st.one_of(
    st.builds(put, COLUMNS, NUMBERS, SPANS),
    st.builds(scale, st.sampled_from([1000, 0.001, 60, -1, 0]), SPANS),
    st.builds(drop, SPANS),
    st.builds(repeat, st.sampled_from([0, 1, np.nan]), SPANS),
    st.builds(shift, SHIFTS, SPANS),
    st.builds(rename, st.none() | st.sampled_from(["", "b", "new"]) | st.text(max_size=4), SPANS),
    st.builds(shuffle, st.integers(0, 9)),
)


@st.composite
def spoilt(draw):
    """Rows that were spoilt in up to four ways, as an Arrow table with types of some kind."""
    frame = observations()
    for spoil in draw(st.lists(SPOILINGS, min_size=1, max_size=4)):
        frame = spoil(frame)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for column, kinds in (("y", KINDS), ("ds", TIMES)):
        kind = draw(st.none() | kinds)
        if kind is not None:
            table = cast(table, column, kind)
    return table


def cast(table, column, kind):
    """The column as another type, where all of its values fit."""
    try:
        values = table[column].cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return table
    return table.set_column(table.schema.get_field_index(column), column, values)


def spec_over(place, contracts, timezone):
    return parse_spec(
        {
            "source": {"uri": str(place / "in.parquet")},
            "covariates": {"past": ["temp"], "known": ["holiday"], "static": ["region"]},
            "calendar": {"frequency": "h", "timezone": timezone},
            "horizon": HORIZON,
            "season_lengths": [24],
            "training": {"context_length": 48},
            "contracts": contracts,
            "warehouse": str(place / "warehouse"),
        }
    )


def spend_night(spec):
    """The batch that was published, and the series that had to be in it.

    Raises:
        NightcastError: If a contract or the read stops the night.
    """
    cutoff = spec.grid.timestamp(spec.grid.last_complete_slot(AS_OF))
    now = pd.Timestamp.now("UTC").as_unit("us")
    tonight = Tonight(spec, open_warehouse(spec), AS_OF, cutoff, now, "run", 1)
    known = read_observations(spec, AS_OF)
    contract = known.judged(tonight.spec)
    contract.raise_if_critical()
    assert set_aside(known.panel, contract).num_series <= known.panel.num_series
    batch = forecast.fn(tonight, known.panel, baseline_of(spec), contract)
    validate_output.fn(tonight, batch, known, contract).raise_if_critical()
    publish.fn(tonight, batch, batch)
    served = served_series(spec, known.panel, contract)
    return read_batch(tonight.warehouse).to_pandas(), served


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=spoilt(), contracts=THRESHOLDS, timezone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_a_night_on_spoilt_rows_ends_in_a_refusal_or_a_whole_batch(table, contracts, timezone):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        pq.write_table(table, place / "in.parquet")
        spec = spec_over(place, contracts, timezone)
        try:
            batch, served = spend_night(spec)
        except NightcastError as refusal:
            event(type(refusal).__name__)
            assert not list(place.rglob("forecasts.delta"))
            return
    event("published")
    levels = batch[quantile_columns(spec.quantile_levels)].to_numpy()
    assert sorted(set(batch["unique_id"])) == sorted(served)
    assert all(
        sorted(leads) == [1, 2, 3, 4, 5, 6] for _, leads in batch.groupby("unique_id")["lead"]
    )
    assert np.isfinite(levels).all()
    assert (np.diff(levels, axis=1) >= 0).all()
