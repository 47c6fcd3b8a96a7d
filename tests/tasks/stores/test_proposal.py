from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from data_contracts.errors import RefusedError, SpecError
from data_contracts.spec import load_spec, parse_spec
from tasks.stores.proposal import propose_spec

SAMPLE = Path(__file__).parents[3] / "data_contracts" / "samples" / "nyc_departures"


def panel(frequency="D", periods=400, timezone=None, start="2022-01-03", names=("a", "b", "c")):
    """A row per series and step."""
    local = pd.date_range(start, periods=periods, freq=frequency, unit="us")
    steps = local if timezone is None else local.tz_localize(timezone, nonexistent="shift_forward")
    keys = pd.MultiIndex.from_product([names, steps], names=["unique_id", "ds"])
    rows = keys.to_frame(index=False)
    return rows.assign(y=np.random.default_rng(3).normal(100, 10, len(rows)))


def propose(rows, folder, **options):
    path = folder / "observations.parquet"
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(table, path, **options)
    return propose_spec(str(path))


def test_the_sample_gives_back_its_own_spec():
    ours = load_spec(SAMPLE / "spec.yaml")

    proposal = propose_spec(str(SAMPLE / "observations"))

    assert proposal.spec.covariates == ours.covariates
    assert proposal.spec.calendar.frequency == ours.calendar.frequency
    assert proposal.spec.calendar.timezone is None
    assert proposal.spec.horizon == ours.horizon
    assert proposal.spec.seasons == ours.seasons
    assert proposal.spec.source.columns == ours.source.columns


def test_the_text_is_the_spec_and_says_only_what_is_not_the_default(tmp_path):
    proposal = propose(panel("h", timezone="UTC", periods=2000), tmp_path)

    fields = yaml.safe_load(proposal.text)
    assert parse_spec(fields) == proposal.spec
    assert set(fields) == {"source", "calendar", "horizon"}
    assert set(fields["source"]) == {"uri"}


@pytest.mark.parametrize(
    ("frequency", "timezone", "horizon"),
    [
        pytest.param("15min", "UTC", 96, id="quarters of an hour"),
        pytest.param("h", "UTC", 24, id="hours"),
        pytest.param("s", "UTC", 3600, id="seconds"),
        pytest.param("D", None, 7, id="days"),
        pytest.param("D", "Europe/Berlin", 7, id="local days"),
        pytest.param("B", None, 5, id="working days"),
        pytest.param("W-MON", None, 4, id="weeks from Monday"),
        pytest.param("W-SUN", "America/New_York", 4, id="local weeks to Sunday"),
        pytest.param("MS", None, 12, id="months"),
        pytest.param("QS", None, 4, id="quarters"),
    ],
)
def test_frequency_and_horizon_follow_the_steps(frequency, timezone, horizon, tmp_path):
    proposal = propose(panel(frequency, timezone=timezone), tmp_path)

    assert proposal.spec.calendar.frequency == frequency
    assert proposal.spec.calendar.timezone == (None if timezone == "UTC" else timezone or "UTC")
    assert proposal.spec.horizon == horizon


def test_times_without_a_zone_have_to_be_explained(tmp_path):
    proposal = propose(panel(), tmp_path)

    assert "timezone: UTC  # the source has no zone: say in which it was written" in proposal.text
    assert any("calendar.timezone has to say it" in note for note in proposal.notes)


def test_local_midnights_stored_as_utc_name_a_zone(tmp_path):
    rows = panel("D", timezone="Europe/Berlin")

    proposal = propose(rows.assign(ds=rows["ds"].dt.tz_convert("UTC")), tmp_path)

    assert proposal.spec.calendar.frequency == "D"
    assert proposal.spec.calendar.timezone == "Europe/Berlin"


def test_times_in_utc_leave_the_zone_open(tmp_path):
    proposal = propose(panel("h", timezone="UTC"), tmp_path)

    assert "# timezone:" in proposal.text
    assert any("calendar.timezone may name the zone" in note for note in proposal.notes)


def test_days_from_midnight_in_utc_need_no_zone(tmp_path):
    assert "timezone" not in propose(panel("D", timezone="UTC"), tmp_path).text


def test_steps_that_are_mostly_left_out_are_told(tmp_path):
    rows = panel("h", timezone="UTC", periods=1200)
    step = rows.groupby("unique_id").cumcount()

    proposal = propose(rows[(step % 2 == 0) | (step % 14 == 1)], tmp_path)

    assert proposal.spec.calendar.frequency == "h"
    assert any(note.startswith("Most steps are 2 times as long") for note in proposal.notes)


def test_dates_are_days(tmp_path):
    rows = panel()

    proposal = propose(rows.assign(ds=rows["ds"].dt.date), tmp_path)

    assert proposal.spec.calendar.frequency == "D"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("item_id", "date", "sales"), id="hinted"),
        pytest.param(("Sensor", "Timestamp", "Load MW"), id="capitals and blanks"),
        pytest.param(("storeId", "weekStart", "unitsSold"), id="camel case"),
        pytest.param(("who", "when", "what"), id="no hint"),
        pytest.param(("Größe: x", "Zeit [s]", "#y"), id="signs that YAML knows"),
    ],
)
def test_renamed_columns_are_found(names, tmp_path):
    rows = panel().set_axis(names, axis=1)

    columns = propose(rows, tmp_path).spec.source.columns

    assert (columns.unique_id, columns.ds, columns.y) == names


def test_series_may_be_numbered(tmp_path):
    rows = panel(names=(101, 102, 103)).rename(columns={"unique_id": "code"})

    assert propose(rows, tmp_path).spec.source.columns.unique_id == "code"


def test_dictionary_encoded_names_are_read(tmp_path):
    rows = panel().astype({"unique_id": "category"})

    assert propose(rows, tmp_path).spec.source.columns.unique_id == "unique_id"


def test_folders_may_name_the_series(tmp_path):
    rows = panel("h", timezone="UTC")
    rows = rows.assign(year=rows["ds"].dt.year).rename(columns={"unique_id": "site"})
    pq.write_to_dataset(
        pa.Table.from_pandas(rows), tmp_path / "data", partition_cols=["site", "year"]
    )

    spec = propose_spec(str(tmp_path / "data")).spec

    assert spec.source.columns.unique_id == "site"
    assert spec.covariates.past == ()
    assert spec.name == "data"


def test_what_names_the_series_is_told_from_its_attributes_and_from_row_numbers(tmp_path):
    rows = panel(names=("a1", "a2", "b1", "b2"))
    rows.insert(0, "id", np.arange(len(rows)))
    rows.insert(0, "store", rows["unique_id"].str[0])
    rows = rows.rename(columns={"unique_id": "label"})

    spec = propose(rows, tmp_path).spec

    assert spec.source.columns.unique_id == "label"
    assert spec.covariates.static == ("store",)
    assert spec.covariates.past == ()


def test_some_repeated_rows_do_not_hide_what_names_the_series(tmp_path):
    rows = panel()

    proposal = propose(pd.concat([rows, rows.iloc[::20]]), tmp_path)

    assert proposal.spec.source.columns.unique_id == "unique_id"
    assert "4.8% of the rows seen repeat a series and time." in proposal.notes


def test_a_single_series_is_named_by_a_constant(tmp_path):
    rows = panel(names=("only",))
    rows.insert(0, "weekday", rows["ds"].dt.day_name())

    spec = propose(rows.rename(columns={"unique_id": "plant"}), tmp_path).spec

    assert spec.source.columns.unique_id == "plant"


def test_covariates_are_shared_out_by_what_their_values_do(tmp_path):
    rows = panel(names=("a1", "a2", "b1", "b2"))
    last_week = rows["ds"] > rows["ds"].max() - pd.Timedelta(days=7)
    generator = np.random.default_rng(4)
    rows = rows.assign(
        y=rows["y"].mask(last_week),
        temperature=pd.Series(generator.normal(size=len(rows))).mask(last_week),
        promotion=generator.random(len(rows)) < 0.2,
        price=generator.integers(1, 9, len(rows)),
        region=rows["unique_id"].str[0],
        size=rows["unique_id"].str[0].map({"a": 1, "b": 2}),
        remark=generator.choice(["good", "bad"], len(rows)),
        unit="pieces",
    )

    proposal = propose(rows, tmp_path)

    assert proposal.spec.covariates.past == ("temperature",)
    assert proposal.spec.covariates.known == ("promotion", "price")
    assert proposal.spec.covariates.static == ("region", "size")
    assert any("Not used" in note and "'remark'" in note for note in proposal.notes)


def test_without_rows_ahead_nothing_is_known_ahead(tmp_path):
    rows = panel()

    spec = propose(rows.assign(price=rows["y"].round()), tmp_path).spec

    assert spec.covariates.known == ()
    assert spec.covariates.past == ("price",)


def test_the_time_of_knowledge_is_not_the_time_of_the_value(tmp_path):
    rows = panel()
    rows.insert(0, "ingested_at", rows["ds"] + pd.Timedelta(hours=7))
    again = rows.sample(frac=0.1, random_state=1)
    again["ingested_at"] += pd.Timedelta(days=1)

    source = propose(pd.concat([rows, again]), tmp_path).spec.source

    assert source.available_at == "ingested_at"
    assert source.columns.ds == "ds"


def test_a_short_history_gets_short_seasons_and_a_short_context(tmp_path):
    proposal = propose(panel("W-MON", periods=60), tmp_path)

    assert proposal.spec.seasons == (1,)
    assert proposal.spec.context_length == 20
    assert any("history of 60 steps is short" in note for note in proposal.notes)


@pytest.mark.parametrize(
    ("frequency", "periods", "seasons", "context"),
    [
        ("W-MON", 93, (1,), 31),
        ("W-MON", 94, (52,), 52),
        ("W-MON", 200, (52,), 66),
        ("D", 20, (1,), 6),
    ],
)
def test_two_years_of_weeks_keep_the_season_that_the_weights_of_the_package_know(
    frequency, periods, seasons, context, tmp_path
):
    spec = propose(panel(frequency, periods=periods), tmp_path).spec

    assert (spec.seasons, spec.context_length) == (seasons, context)


@pytest.mark.parametrize("order", ["by series", "by time", "shuffled"])
def test_a_large_file_is_read_in_part_whatever_its_order(order, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.stores.excerpt.MAX_ROWS", 3000)
    rows = panel("h", periods=3000, timezone="UTC", names=[f"s{k:02}" for k in range(20)])
    ahead = rows["ds"] > rows["ds"].max() - pd.Timedelta(hours=48)
    rows = rows.assign(y=rows["y"].mask(ahead), heat=rows["y"].mask(ahead), open=rows.index % 2)
    if order == "by time":
        rows = rows.sort_values(["ds", "unique_id"])
    if order == "shuffled":
        rows = rows.sample(frac=1, random_state=2)

    spec = propose(rows, tmp_path, row_group_size=10_000).spec

    assert spec.calendar.frequency == "h"
    assert spec.source.columns.unique_id == "unique_id"
    assert spec.covariates.past == ("heat",)
    assert spec.covariates.known == ("open",)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        pytest.param(panel().iloc[:0], "got Parquet with 0 rows", id="empty"),
        pytest.param(
            panel().astype({"ds": str}),
            r"a column of timestamps or dates, got unique_id \(.*\), ds \(.*string\), y \(double\)",
            id="times as text",
        ),
        pytest.param(panel().drop(columns="y"), "a column of numbers to forecast", id="no numbers"),
        pytest.param(
            panel().astype({"y": str}), r"numbers in 'y'.*got .*string; convert", id="text in y"
        ),
        pytest.param(
            panel().assign(y=np.nan), "a column of numbers to forecast", id="nothing in y"
        ),
        pytest.param(
            panel().drop(columns="unique_id"),
            "a column that names the series.*got no column of text",
            id="no names",
        ),
        pytest.param(
            panel(names=("a-1", "a-2", "b-1", "b-2")).pipe(
                lambda rows: rows.drop(columns="unique_id").assign(
                    item=rows["unique_id"].str[0], store=rows["unique_id"].str[2]
                )
            ),
            "got 'item' and 'store' that do so only together",
            id="names in two columns",
        ),
        pytest.param(
            panel().assign(ds=pd.NaT), "several times in column 'ds', got 0", id="null times"
        ),
        pytest.param(panel(periods=1), "several times in column 'ds', got 1", id="one time"),
        pytest.param(
            panel().assign(ds=lambda rows: rows["ds"] + pd.Timedelta(hours=6)),
            "begin at midnight",
            id="days that begin at six",
        ),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_one_sentence(rows, complaint, tmp_path):
    if rows["ds"].isna().all() and len(rows):
        rows["ds"] = rows["ds"].astype("datetime64[us]")

    with pytest.raises(RefusedError, match=complaint) as refusal:
        propose(rows, tmp_path)

    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_a_path_without_parquet_is_refused(tmp_path):
    (tmp_path / "page.parquet").write_text("not Parquet")
    (tmp_path / "mixed").mkdir()
    panel().to_parquet(tmp_path / "mixed" / "a.parquet")
    (tmp_path / "mixed" / "b.parquet").write_text("not Parquet")

    with pytest.raises(SpecError, match="no such file"):
        propose_spec(str(tmp_path / "absent.parquet"))
    with pytest.raises(RefusedError, match="expected a Parquet file"):
        propose_spec(str(tmp_path / "page.parquet"))
    with pytest.raises(RefusedError, match=r"expected a Parquet file, got .*b\.parquet"):
        propose_spec(str(tmp_path / "mixed"))


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    for name, rows in {"a": panel(), "b": panel().assign(y="text")}.items():
        rows.to_parquet(tmp_path / f"{name}.parquet", index=False)

    with pytest.raises(RefusedError, match="files with the same columns and types"):
        propose_spec(str(tmp_path))
