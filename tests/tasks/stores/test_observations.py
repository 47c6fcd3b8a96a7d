import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import RefusedError, SpecError, StorageError
from data_contracts.spec import parse_spec
from tasks.stores.connection import connect
from tasks.stores.observations import read_observations
from tasks.stores.snapshots import save_panel

START = pd.Timestamp("2024-03-01T00:00Z")
AS_OF = pd.Timestamp("2024-03-03T00:00Z")  # 48 hours later
HORIZON = 6
COVARIATES = {"past": ["temp"], "known": ["holiday"], "static": ["region"]}


def hours(number, unit="us"):
    return pd.date_range(START, periods=number, freq="h", unit=unit)


def frame_of(unique_id="a", number=48, **columns):
    ds = columns.pop("ds", hours(number))
    y = columns.pop("y", np.arange(len(ds), dtype=float))
    return pd.DataFrame({"unique_id": unique_id, "ds": ds, "y": y, **columns})


def covered(unique_id="a", number=54):
    """Rows with every kind of covariate, six of them after the cutoff."""
    frame = frame_of(unique_id, number)
    return frame.assign(
        temp=frame["y"] / 2, holiday=frame["y"] % 5 == 0, region=f"region of {unique_id}"
    )


@pytest.fixture
def read(tmp_path):
    """Write frames or tables as files of one folder, and read them with a small spec."""

    def act(*tables, as_of=AS_OF, source=None, uri=None, progress=None, **fields):
        for number, table in enumerate(tables):
            if isinstance(table, pd.DataFrame):
                table = pa.Table.from_pandas(table, preserve_index=False)
            pq.write_table(table, tmp_path / f"{number:03d}.parquet", row_group_size=17)
        spec = parse_spec(
            {
                "source": {"uri": str(uri or tmp_path), **(source or {})},
                "calendar": {"frequency": "h"},
                "horizon": HORIZON,
                **fields,
            }
        )
        return read_observations(spec, as_of, progress=progress)

    return act


def test_a_panel_holds_every_value_up_to_the_cutoff(read):
    extraction = read(frame_of("b", 60), frame_of("a", 60).iloc[::-1])
    panel = extraction.panel

    assert panel.unique_ids == ("a", "b")
    assert extraction.cutoff == pd.Timestamp("2024-03-02T23:00Z")
    np.testing.assert_array_equal(panel.lengths, [48, 48])
    for series in (0, 1):
        np.testing.assert_array_equal(panel.history(series), np.arange(48))
    assert panel.y.dtype == np.float32
    np.testing.assert_array_equal(panel.observed, ~np.isnan(panel.y))


def test_rows_in_any_order_give_what_a_loop_over_them_finds(read):
    rng = np.random.default_rng(0)
    number = 900
    rows = pd.DataFrame(
        {
            "unique_id": rng.choice(["b", "a", "c", "d"], number),
            "ds": START + pd.to_timedelta(rng.integers(0, 60, number), unit="h"),
            "y": np.where(rng.random(number) < 0.2, np.nan, rng.normal(size=number)),
            "temp": rng.normal(size=number),
            "holiday": rng.integers(0, 2, number).astype(bool),
            "region": rng.choice(["north", "south"], number),
            "since": START + pd.to_timedelta(rng.integers(0, 4000, number), unit="min"),
        }
    )
    panel = read(
        rows.iloc[:400], rows.iloc[400:], source={"available_at": "since"}, covariates=COVARIATES
    ).panel

    # Of each step the row known last, of equals the last; sorting is stable.
    known = rows[rows["since"] <= AS_OF].sort_values("since", kind="stable")
    last = known.groupby(["unique_id", "ds"]).tail(1).set_index(["unique_id", "ds"])
    for series, unique_id in enumerate(panel.unique_ids):
        begin = panel.indptr[series]
        stamps = panel.grid.timestamps(panel.first_slots[series] + np.arange(60))
        for step in range(panel.indptr[series + 1] - begin):
            key, row = (unique_id, stamps[step]), begin + step
            seen = key in last.index and stamps[step] < AS_OF
            y = last.loc[key, "y"] if seen else np.nan
            temp = last.loc[key, "temp"] if seen else np.nan
            np.testing.assert_array_equal(panel.y[row], np.float32(y))
            np.testing.assert_array_equal(panel.past[row, 0], np.float32(temp))
        first = last.loc[unique_id]["y"].dropna().index.min()
        assert stamps[0] == first


def test_a_series_begins_at_its_first_value_and_ends_after_the_horizon(read):
    y = np.r_[np.full(10, np.nan), np.arange(38.0)]
    panel = read(frame_of("late", y=y), frame_of("early")).panel

    np.testing.assert_array_equal(panel.lengths, [48, 38])
    np.testing.assert_array_equal(panel.history(1), np.arange(38))
    np.testing.assert_array_equal(np.diff(panel.indptr), [54, 44])


def test_a_series_without_values_is_in_the_profile_only(read):
    extraction = read(frame_of("a"), frame_of("empty", y=np.full(48, np.nan)))

    assert extraction.panel.unique_ids == ("a",)
    assert extraction.profile["unique_id"].tolist() == ["a", "empty"]
    assert extraction.profile["nulls"].tolist() == [0, 48]
    assert extraction.batch["series"].item() == 2


def test_a_series_that_begins_after_the_cutoff_does_not_exist_yet(read):
    unborn = frame_of("unborn", ds=hours(54)[48:])
    extraction = read(frame_of("a").assign(holiday=0), unborn.assign(holiday=0),
                      covariates={"known": ["holiday"]})  # fmt: skip

    assert extraction.profile["unique_id"].tolist() == ["a"]


def test_covariates_known_ahead_reach_to_the_horizon_and_no_further(read):
    panel = read(covered(number=60), covariates=COVARIATES).panel

    assert len(panel.y) == 54
    np.testing.assert_array_equal(panel.known[:, 0], np.arange(54) % 5 == 0)
    np.testing.assert_array_equal(panel.past[:48, 0], np.arange(48) / 2)
    assert np.isnan(panel.past[48:]).all()
    assert np.isnan(panel.y[48:]).all()
    assert (panel.past_names, panel.known_names) == (("temp",), ("holiday",))


def test_static_columns_take_their_last_value_as_text(read):
    frame = covered("a").assign(region=7)
    regions = pd.array([3] * 30 + [4] * 17 + [None] + [5] * 6, "Int64")  # 5 is after the cutoff
    moved = covered("b").assign(region=regions)
    panel = read(moved.iloc[::-1], frame, covariates=COVARIATES).panel

    assert panel.static.tolist() == [["7"], ["4"]]
    assert panel.static_names == ("region",)


def test_numbers_as_ids_become_text_and_are_sorted_as_text(read):
    assert read(frame_of(10), frame_of(9), frame_of(100)).panel.unique_ids == ("10", "100", "9")


def test_columns_are_renamed_at_the_border(read):
    frame = frame_of().rename(columns={"unique_id": "shop", "ds": "hour", "y": "sold"})
    columns = {"unique_id": "shop", "ds": "hour", "y": "sold"}

    assert read(frame, source={"columns": columns}).panel.unique_ids == ("a",)


@pytest.mark.parametrize(
    "kind",
    [
        pa.int16(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(21, 2), pa.bool_(),
    ],
    ids=str,
)  # fmt: skip
def test_any_kind_of_number_is_read(read, kind):
    values = pa.array([1, 0, None, 1]).cast(kind)
    table = pa.table({"unique_id": ["a"] * 4, "ds": hours(4), "y": values})

    np.testing.assert_array_equal(read(table).panel.history(0)[:4], [1, 0, np.nan, 1])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", None])
def test_times_of_any_unit_and_zone_are_the_same_instants(read, unit, zone):
    grid_zone = zone or "Europe/Berlin"
    half_hours = pd.date_range(START, periods=96, freq="30min").tz_convert(grid_zone)
    ds = half_hours if zone else half_hours.tz_localize(None)
    frame = frame_of(ds=ds.as_unit(unit))
    calendar = {"frequency": "30min", "timezone": grid_zone}

    panel = read(frame, calendar=calendar).panel

    np.testing.assert_array_equal(panel.history(0), np.arange(96))
    assert panel.grid.timestamp(int(panel.first_slots[0])) == START


@pytest.mark.parametrize("frequency", ["D", "B", "W-MON", "MS", "ME", "QS"])
@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("us")], ids=str)
def test_dates_are_local_midnights(read, frequency, kind):
    stamps = pd.date_range("2018-09-01", periods=30, freq=frequency)
    table = pa.table(
        {"unique_id": ["a"] * 30, "ds": pa.array(stamps.date).cast(kind), "y": np.arange(30.0)}
    )
    zone = "America/Sao_Paulo"  # where 2018-11-04 had no midnight
    as_of = stamps[19].tz_localize(zone, nonexistent="shift_forward") + pd.Timedelta(hours=12)

    extraction = read(table, as_of=as_of, calendar={"frequency": frequency, "timezone": zone})

    np.testing.assert_array_equal(extraction.panel.history(0), np.arange(19))
    assert extraction.batch["off_grid"].item() == 0


def test_a_day_is_the_local_one_when_times_carry_another_zone(read):
    local = pd.date_range("2024-03-08", periods=6, freq="D", tz="America/New_York")
    frame = frame_of(ds=local.tz_convert("UTC"))
    calendar = {"frequency": "D", "timezone": "America/New_York"}

    panel = read(frame, as_of=local[-1] + pd.Timedelta(days=2), calendar=calendar).panel

    np.testing.assert_array_equal(panel.history(0)[:6], np.arange(6))


def test_files_may_differ_in_the_precision_of_types(read):
    early = frame_of(ds=hours(24, "s"), y=np.arange(24))
    late = frame_of(ds=hours(48, "ns")[24:], y=np.arange(24.0, 48.0))

    np.testing.assert_array_equal(read(early, late).panel.history(0), np.arange(48))


def test_folders_may_name_columns(tmp_path, read):
    for region in ("north", "south"):
        folder = tmp_path / f"region={region}" / "day=2024-03-01"
        folder.mkdir(parents=True)
        frame_of(region[0]).to_parquet(folder / "part.parquet", index=False)
    (tmp_path / "README.md").write_text("not Parquet")
    (tmp_path / "_temporary.parquet").write_text("not Parquet either")

    panel = read(covariates={"static": ["region"]}).panel

    assert panel.static.tolist() == [["north"], ["south"]]


def test_a_folder_may_name_the_series(tmp_path, read):
    folder = tmp_path / "unique_id=a"
    folder.mkdir()
    frame_of().drop(columns="unique_id").to_parquet(folder / "part.parquet", index=False)

    assert read().panel.unique_ids == ("a",)


def test_a_uri_names_a_file(tmp_path, read):
    frame_of().to_parquet(tmp_path / "one.parquet", index=False)

    assert read(uri=(tmp_path / "one.parquet").as_uri()).panel.unique_ids == ("a",)


def test_repeated_keys_are_counted_and_the_last_row_holds(read):
    again = frame_of("b").iloc[[7, 7, 3]].assign(y=[100.0, 101.0, 102.0])
    extraction = read(frame_of("a"), frame_of("b"), again)

    assert extraction.profile["duplicates"].tolist() == [0, 3]
    assert extraction.batch["duplicates"].item() == 3
    assert extraction.profile["conflicts"].tolist() == [0, 3]
    assert extraction.examples == {"duplicates": "b at 2024-03-01 03:00 UTC"}
    first = extraction.profile["conflict_ds"]
    assert first.isna().tolist() == [True, False]
    assert first[1] == pd.Timestamp("2024-03-01 03:00Z")
    assert extraction.panel.history(1)[[3, 7]].tolist() == [102, 101]


def test_a_row_that_repeats_another_is_no_conflict(read):
    frame = frame_of("b")
    empty = frame.assign(y=np.where(frame.index == 9, np.nan, frame["y"]))
    extraction = read(frame_of("a"), empty, empty.iloc[[3, 9, 9]])

    assert extraction.profile["duplicates"].tolist() == [0, 3]
    assert extraction.profile["conflicts"].tolist() == [0, 0]


def test_the_first_contradiction_is_told_of_each_series_and_is_no_mere_repetition(read):
    a, b, c = frame_of("a"), frame_of("b"), frame_of("c")
    again = [a.iloc[[2]], a.iloc[[9, 5]].assign(y=-1.0), b.iloc[[7]], c.iloc[[8]].assign(y=-2.0)]
    extraction = read(a, b, c, *again)

    first = extraction.profile["conflict_ds"]
    assert first[[0, 2]].tolist() == [START + pd.Timedelta(hours=5), START + pd.Timedelta(hours=8)]
    assert pd.isna(first[1])
    assert extraction.examples == {"duplicates": "b at 2024-03-01 07:00 UTC"}


def test_two_rows_for_one_step_in_one_file_contradict_each_other(read):
    frame = frame_of()
    extraction = read(pd.concat([frame, frame.iloc[[5]].assign(y=77.0), frame.iloc[[5]]]))

    assert extraction.profile["duplicates"].tolist() == [2]
    assert extraction.profile["conflicts"].item() >= 1


def test_where_every_value_would_be_set_aside_the_column_is_refused(read):
    y = np.full(48, np.nan)
    y[[3, 4]] = -1
    with pytest.raises(RefusedError, match=r"expected values in column 'y' that keep contracts\."):
        read(frame_of(y=y), contracts={"min_value": 0})


def test_a_series_of_which_every_value_is_set_aside_is_told_of_but_not_in_the_panel(read):
    y = np.full(48, np.nan)
    y[[3, 4]] = -1
    extraction = read(frame_of("a", y=y), frame_of("b"), contracts={"min_value": 0})

    assert extraction.panel.unique_ids == ("b",)
    assert extraction.profile["observed"].tolist() == [0, 48]
    assert extraction.profile["out_of_bounds"].tolist() == [2, 0]
    assert extraction.profile["age"].isna().tolist() == [True, False]


def test_a_spike_that_is_only_told_of_stays(read):
    y = np.arange(48.0) % 7
    y[9] = 1e6
    extraction = read(frame_of(y=y), contracts={"severity": {"no_spikes": "warning"}})

    assert extraction.profile["spikes"].tolist() == [1]
    assert extraction.panel.history(0)[9] == 1e6
    assert extraction.aside.empty


def test_rows_off_the_grid_are_counted_and_left_out(read):
    stray = frame_of(ds=hours(2) + pd.Timedelta(minutes=7), y=[1e6, 1e6])
    extraction = read(frame_of(), stray)

    assert extraction.profile["off_grid"].tolist() == [2]
    assert extraction.examples == {"off_grid": "a at 2024-03-01 00:07 UTC"}
    aside = extraction.aside
    assert aside["ds"].tolist() == list(hours(2) + pd.Timedelta(minutes=7))
    assert aside[["unique_id", "expectation", "value"]].to_numpy().tolist() == 2 * [
        ["a", "on_grid", 1e6]
    ]
    np.testing.assert_array_equal(extraction.panel.history(0), np.arange(48))


def test_infinite_values_are_counted_and_become_missing(read):
    y = np.arange(48.0)
    y[[5, 9]] = [np.inf, -np.inf]
    extraction = read(frame_of("a"), frame_of("b", y=y))

    assert extraction.profile["infinite"].tolist() == [0, 2]
    assert extraction.examples == {"infinite": "b at 2024-03-01 05:00 UTC"}
    assert extraction.aside["expectation"].tolist() == 2 * ["finite_values"]
    assert extraction.aside["value"].tolist() == [np.inf, -np.inf]
    assert np.isnan(extraction.panel.history(1)[[5, 9]]).all()
    assert extraction.profile["observed"].tolist() == [48, 46]


def revisions(*changes):
    """The first value of a series and its corrections: pairs of a value and an hour."""
    frame = frame_of()
    rows = [
        pd.DataFrame({"unique_id": "a", "ds": [START], "y": [y], "since": [START + since]})
        for y, since in changes
    ]
    return pd.concat([frame.assign(since=frame["ds"]).iloc[1:], *rows], ignore_index=True)


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        pytest.param([(1, 1), (2, 2), (3, 3)], 3, id="the latest"),
        pytest.param([(3, 3), (1, 1), (2, 2)], 3, id="in whatever order"),
        pytest.param([(1, 1), (9, 49)], 1, id="not one that is known later"),
        pytest.param([(1, 1), (4, 48)], 4, id="one known at this instant"),
        pytest.param([(1, 5), (2, 5)], 2, id="of equals the last"),
    ],
)
def test_the_row_known_last_holds(read, changes, value):
    table = revisions(*[(y, pd.Timedelta(hours=hour)) for y, hour in changes])
    extraction = read(table, source={"available_at": "since"})

    assert extraction.panel.history(0)[0] == value
    assert extraction.batch["duplicates"].item() == 0


def test_decimals_are_read_as_the_numbers_that_they_are(read):
    y = pa.array(range(48)).cast(pa.decimal128(22, 3))
    table = pa.table({"unique_id": ["a"] * 48, "ds": hours(48), "y": y})

    np.testing.assert_array_equal(read(table).panel.history(0), np.arange(48, dtype=np.float32))


@pytest.mark.parametrize(("factor", "aside"), [(1000, set()), (1e6, {"no_spikes"})])
def test_values_in_another_unit_tell_the_size_whether_or_not_they_are_set_aside(
    read, factor, aside
):
    y = 1.0 + np.arange(24 * 9) % 7
    y[-20:] *= factor
    start = AS_OF - pd.Timedelta(hours=len(y))
    ds = pd.date_range(start, periods=len(y), freq="h", unit="us")
    extraction = read(frame_of(ds=ds, y=y), season_lengths=[24], contracts={"max_bad_rows": 0.2})

    assert set(extraction.aside["expectation"]) == aside
    assert extraction.panel.observed.sum() == len(y) - (20 if aside else 0)
    assert extraction.profile["level_ratio"].item() > 100


def test_a_correction_to_null_erases_the_value(read):
    table = revisions((1.0, pd.Timedelta(hours=1)), (None, pd.Timedelta(hours=2)))
    panel = read(table, source={"available_at": "since"}).panel

    assert panel.grid.timestamp(int(panel.first_slots[0])) == START + pd.Timedelta(hours=1)


def test_a_local_time_of_knowledge_is_never_taken_too_early(read):
    # 02:30 happened twice this night in Berlin, and as_of is the first of them.
    as_of = pd.Timestamp("2024-10-27T00:30Z")
    ds = pd.date_range("2024-10-26", periods=12, freq="h", tz="UTC")
    frame = frame_of(ds=ds, since=ds.tz_localize(None))
    late = frame.iloc[[0]].assign(y=99.0, since=pd.Timestamp("2024-10-27T02:30"))
    calendar = {"frequency": "h", "timezone": "Europe/Berlin"}

    panel = read(
        frame, late, as_of=as_of, source={"available_at": "since"}, calendar=calendar
    ).panel

    assert panel.history(0)[0] == 0


def test_nothing_after_the_cutoff_changes_a_byte_of_the_snapshot(tmp_path, read):
    source = {"available_at": "since"}
    frame = pd.concat([covered(name, 60) for name in "abc"], ignore_index=True)
    frame["since"] = frame["ds"].where(frame["ds"] < AS_OF, AS_OF)
    changed = frame.copy()
    after = changed["ds"] >= AS_OF
    changed.loc[after, ["y", "temp"]] = 1e9
    changed.loc[after, "region"] = "elsewhere"
    later = frame.assign(y=-1.0, temp=-1.0, since=AS_OF + pd.Timedelta(microseconds=1))

    folders = [tmp_path / "before", tmp_path / "after"]
    before = save_panel(read(frame, source=source, covariates=COVARIATES).panel, folders[0])
    after = save_panel(read(changed, later, source=source, covariates=COVARIATES).panel, folders[1])

    assert before.name == after.name
    for path in before.iterdir():
        assert path.read_bytes() == (after / path.name).read_bytes()


def test_how_rows_lie_in_files_does_not_change_the_snapshot(tmp_path, read):
    frame = pd.concat([covered(name) for name in "abc"], ignore_index=True)
    shuffled = frame.sample(frac=1, random_state=1)
    one = save_panel(read(frame, covariates=COVARIATES).panel, tmp_path / "one")
    other = read(shuffled, covariates=COVARIATES)
    three = read(
        shuffled.iloc[:50], shuffled.iloc[50:60], shuffled.iloc[60:], covariates=COVARIATES
    )

    assert save_panel(other.panel, tmp_path / "two").name == one.name
    assert save_panel(three.panel, tmp_path / "three").name == one.name


def test_progress_counts_rows_up_to_the_total(read):
    told = []
    read(frame_of(), frame_of("b"), progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (192, 192)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def text_y():
    return frame_of(y=[f"{number} kWh" for number in range(48)])


def naive(frame):
    return frame.assign(ds=frame["ds"].dt.tz_localize(None))


def with_null(column):
    frame = frame_of()
    frame[column] = frame[column].astype(object).where(frame.index != 5, None)
    return frame if column != "ds" else frame.assign(ds=pd.to_datetime(frame["ds"], utc=True))


REFUSED = [
    pytest.param([frame_of().iloc[:0]], {}, "got Parquet with no rows", id="empty Parquet"),
    pytest.param(
        [frame_of().drop(columns="y")],
        {},
        r"source.columns.y: expected a column 'y' in 000.parquet, which has unique_id, ds",
        id="missing column",
    ),
    pytest.param(
        [frame_of().rename(columns={"unique_id": "unique_ids"})],
        {},
        "did you mean 'unique_ids'",
        id="misnamed column",
    ),
    pytest.param(
        [frame_of(), frame_of().drop(columns="y")],
        {},
        "'y' in 001.parquet",
        id="column missing in one file",
    ),
    pytest.param(
        [covered()],
        {"covariates": {"past": ["tempo"]}},
        "covariates.past: expected a column 'tempo'.* did you mean 'temp'",
        id="misnamed covariate",
    ),
    pytest.param([text_y()], {}, "'y', got text such as '0 kWh'", id="text in y"),
    pytest.param(
        [covered()],
        {"covariates": {"known": ["region"]}},
        "covariates.known: expected numbers or booleans in column 'region'",
        id="text in a covariate",
    ),
    pytest.param(
        [frame_of(ds=hours(48).strftime("%Y-%m-%d %H:%M"))],
        {},
        "expected timestamps or dates in column 'ds', got text such as '2024-03-01 00:00'",
        id="times as text",
    ),
    pytest.param(
        [frame_of(1.5)], {}, "unique_id: expected text or whole numbers", id="fractions as ids"
    ),
    pytest.param([with_null("unique_id")], {}, "'unique_id' in every row, got null", id="no id"),
    pytest.param([frame_of("  ")], {}, "name of the series in every row", id="blank id"),
    pytest.param(
        [pa.table([["a"], hours(1), [1.0], [2.0]], names=["unique_id", "ds", "y", "y"])],
        {},
        "'y' twice",
        id="a column twice",
    ),
    pytest.param(
        [
            frame_of(),
            pa.table([["a"], hours(1), [1.0], [2.0]], names=["unique_id", "ds", "y", "y"]),
        ],
        {},
        "every column once in 001.parquet",
        id="a column twice in one file",
    ),
    pytest.param([with_null("ds")], {}, "'ds' in every row, got null", id="no time"),
    pytest.param(
        [frame_of().assign(since=hours(48).where(np.arange(48) > 3))],
        {"source": {"available_at": "since"}},
        "source.available_at: expected a value of 'since' in every row, got null",
        id="no time of knowledge",
    ),
    pytest.param(
        [frame_of(y=np.full(48, np.nan))], {}, "'y', got no value up to the cutoff", id="all null"
    ),
    pytest.param(
        [pa.table({"unique_id": ["a"], "ds": hours(1), "y": pa.nulls(1)})],
        {},
        "'y', got no value up to the cutoff",
        id="nulls without a type",
    ),
    pytest.param(
        [naive(frame_of())],
        {},
        "expected times with a zone in column 'ds'.*calendar.timezone",
        id="naive times without a zone",
    ),
    pytest.param(
        [frame_of(), naive(frame_of("b"))],
        {"calendar": {"frequency": "h", "timezone": "UTC"}},
        "expected one time zone in column 'ds' of all files, got UTC and no time zone",
        id="some times naive",
    ),
    pytest.param(
        [frame_of(), frame_of("b", ds=hours(48).tz_convert("Europe/Berlin"))],
        {},
        "got UTC and Europe/Berlin",
        id="two zones",
    ),
    pytest.param(
        [frame_of(ds=pd.date_range("2024-03-09", periods=48, freq="h"))],
        {"calendar": {"frequency": "h", "timezone": "America/New_York"}},
        "calendar.missing: .* got 2024-03-10 02:00:00, which America/New_York skips.*store UTC",
        id="a local hour that does not exist",
    ),
    pytest.param(
        [frame_of(ds=pd.date_range("2024-11-02", periods=48, freq="h"))],
        {"calendar": {"frequency": "h", "timezone": "America/New_York"}},
        "calendar.ambiguous: .* got 2024-11-03 01:00:00, which America/New_York has twice",
        id="a local hour that occurs twice",
    ),
    pytest.param(
        [frame_of(ds=hours(48) + pd.Timedelta(minutes=7))],
        {},
        "expected times on the grid of h in UTC, got 48 rows .* a at 2024-03-01 00:07 UTC",
        id="all off the grid",
    ),
    pytest.param(
        [frame_of(), text_y()], {}, "'y' in all files, got double and text", id="two types"
    ),
    pytest.param(
        [frame_of(ds=hours(2).as_unit("us") - pd.Timedelta(days=9000))],
        {"calendar": {"frequency": "s"}},
        "calendar.frequency: expected about as many steps as rows",
        id="a frequency far too fine",
    ),
]


@pytest.mark.parametrize(("tables", "fields", "words"), REFUSED)
def test_bad_observations_are_refused_in_one_sentence(read, tables, fields, words):
    with pytest.raises(RefusedError, match=words) as refusal:
        read(*tables, as_of=pd.Timestamp("2024-12-01T00:00Z"), **fields)

    message = str(refusal.value)
    assert message.endswith((".", "?"))
    assert "\n" not in message


def test_a_time_before_the_data_is_refused_with_a_better_one(read):
    with pytest.raises(SpecError, match="from 2024-03-01T00:00Z to 2024-03-02T23:00Z; try") as no:
        read(frame_of(), as_of=pd.Timestamp("2024-02-01T00:00Z"))

    suggestion = str(no.value).split("try ")[1].removesuffix(".")
    assert read(as_of=pd.Timestamp(suggestion)).batch["age"].item() == 0


def test_a_time_before_anything_was_known_is_refused_with_a_better_one(read):
    frame = frame_of(since=START + pd.Timedelta(days=30))
    source = {"available_at": "since"}
    with pytest.raises(SpecError, match="nothing was known at 2024-03-03") as no:
        read(frame, source=source)

    suggestion = str(no.value).split("try ")[1].removesuffix(".")
    assert read(source=source, as_of=pd.Timestamp(suggestion)).batch["observed"].item() == 48


def place_nothing(folder):
    return folder / "none.parquet"


def place_folder_without_parquet(folder):
    (folder / "notes.txt").write_text("nothing here")
    return folder


def place_text(folder):
    (folder / "in.csv").write_text("unique_id,ds,y")
    return folder / "in.csv"


def half(content):
    return content[: len(content) // 2]


def without_footer(content):
    return content[:-400] + bytes(392) + content[-8:]


def place_delta_table(folder):
    (folder / "_delta_log").mkdir()
    frame_of().to_parquet(folder / "0.parquet", index=False)
    return folder


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param(place_nothing, "no such file or folder: .*none.parquet", id="nothing"),
        pytest.param(place_folder_without_parquet, "found none among 1 files", id="no Parquet"),
        pytest.param(place_text, "in.csv, which is something else; name", id="text"),
        pytest.param(place_delta_table, "the Delta table", id="a Delta table"),
        pytest.param(lambda _: "ftp://host/folder", "got 'ftp://host/folder'", id="unknown scheme"),
    ],
)
def test_what_is_not_parquet_is_the_fault_of_the_spec(tmp_path, read, place, words):
    with pytest.raises(SpecError, match=words):
        read(uri=place(tmp_path))


@pytest.mark.parametrize("place", ["alone", "before a whole one", "after a whole one"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"unique_id,ds,y", id="text"),
        pytest.param(half, id="half a file"),
        pytest.param(without_footer, id="zeros for a footer"),
    ],
)
def test_a_torn_file_that_is_named_like_parquet_is_the_fault_of_the_data(
    tmp_path, read, spoil, place
):
    frame_of().to_parquet(tmp_path / "1.parquet", index=False)
    torn = tmp_path / ("0.parquet" if place.startswith("before") else "2.PARQUET")
    torn.write_bytes(spoil((tmp_path / "1.parquet").read_bytes()))

    with pytest.raises(RefusedError, match=f"{torn.name}, which is something else or incomplete"):
        read(uri=torn if place == "alone" else tmp_path)


def test_values_that_single_precision_does_not_hold_are_not_called_missing(read):
    with pytest.raises(RefusedError, match=r"got values .* but none within what single precision"):
        read(frame_of(y=np.full(48, 1e300)))


def test_dates_need_no_zone(read):
    days = [dt.date(2024, 3, 1), dt.date(2024, 3, 2)]

    extraction = read(frame_of(ds=days), calendar={"frequency": "D"})

    assert [str(stamp.date()) for stamp in extraction.profile["first_ds"]] == ["2024-03-01"]


def put(bucket, name, frame):
    filesystem, root = connect(bucket)
    with filesystem.open_output_stream(f"{root}/{name}") as stream:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), stream)


def test_an_object_store_is_read_like_a_folder(read, bucket, tmp_path):
    here, there = tmp_path / "here", f"{bucket}/a folder"
    for region in ("north", "south"):
        frame = covered(region).drop(columns="region")
        (here / f"region={region}").mkdir(parents=True)
        frame.to_parquet(here / f"region={region}" / "0.parquet", index=False)
        put(there, f"region={region}/0.parquet", frame)
    local, remote = (read(uri=uri, covariates=COVARIATES).panel for uri in (here, there))
    assert save_panel(remote, tmp_path / "snapshots") == save_panel(local, tmp_path / "snapshots")


def test_one_object_is_read_like_a_file(read, bucket):
    put(bucket, "in.parquet", frame_of())
    assert read(uri=f"{bucket}/in.parquet").panel.history(0).tolist() == list(range(48))


def test_what_is_not_in_the_object_store_is_the_fault_of_the_spec(read, bucket):
    with pytest.raises(SpecError, match=r"no such file or folder: s3://bucket-\w+/none"):
        read(uri=f"{bucket}/none")


def test_an_object_store_that_cannot_be_read_is_one_sentence(read, bucket, monkeypatch):
    put(bucket, "in.parquet", frame_of())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        StorageError, match=r"^Cannot read s3://bucket-\w+/in.parquet: the store doe"
    ):
        read(uri=f"{bucket}/in.parquet")
