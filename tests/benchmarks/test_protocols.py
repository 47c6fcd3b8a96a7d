import dataclasses

import numpy as np
import pandas as pd
import pytest

from benchmarks.protocols import Handed, by_day, cut_out_days, etth1, long_format, rows_of
from benchmarks.short_histories import DAYS, HOURS, panels
from data_contracts.spec import DECILES
from data_contracts.vocabulary import quantile_columns
from models.scores import mase, seasonal_error, wql

STEPS = 48 * 24
ORIGINS = 3


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(7)
    dates = pd.date_range("2024-01-01", periods=STEPS, freq="h")
    values = rng.normal(10, 3, (STEPS, 2)).astype(np.float32)
    return pd.DataFrame({"date": dates, "HUFL": values[:, 0], "OT": values[:, 1]})


@pytest.fixture(scope="module")
def protocol(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("etth1")
    table.to_csv(folder / "ETTh1.csv", index=False)
    return etth1(folder, folder / "ETTh1.csv", origins=ORIGINS)


def test_every_column_becomes_a_series(table):
    rows = long_format(table)

    assert list(rows) == ["unique_id", "ds", "y"]
    assert rows["unique_id"].unique().tolist() == ["HUFL", "OT"]
    np.testing.assert_array_equal(rows["y"][STEPS:], table["OT"])


def test_origins_do_not_overlap_and_reach_the_end(protocol, table):
    origins = protocol.panel.grid.timestamps(protocol.origins).tz_localize(None)

    ends = [table["date"].iloc[STEPS - 1 - 48 * number] for number in range(ORIGINS, 0, -1)]
    assert origins.tolist() == ends


def test_peers_read_the_rows_of_the_panel(protocol, table):
    shared = pd.read_parquet(protocol.shared)

    pd.testing.assert_frame_equal(shared, rows_of(protocol.panel))
    pd.testing.assert_frame_equal(shared, long_format(table), check_dtype=False)


def test_a_job_names_the_last_step_that_each_forecast_may_see(protocol):
    job = protocol.job("NHITS", variant="default", cpu_seconds=60)

    instants = protocol.panel.grid.timestamps(protocol.origins).tz_localize(None)
    assert job.instants == instants.tolist()
    assert (job.horizon, job.levels) == (48, DECILES)


def test_forecasts_of_a_peer_score_as_by_hand(protocol, table):
    rng = np.random.default_rng(8)
    levels, names = protocol.levels, quantile_columns(protocol.levels)
    parts, by_hand, every_y, every_quantile = [], [], [], []
    for name in ("HUFL", "OT"):
        errors = []
        for number in range(ORIGINS, 0, -1):
            end = STEPS - 48 * number
            ds, y = table["date"][end : end + 48], table[name].to_numpy()[end : end + 48]
            quantiles = np.sort(rng.normal(10, 3, (48, 9)).astype(np.float32), axis=1)
            part = pd.DataFrame(quantiles, columns=names).assign(
                unique_id=name, ds=ds.to_numpy(), cutoff=table["date"][end - 1]
            )
            parts.append(part)
            scale = seasonal_error(table[name].to_numpy()[:end], season_length=24)
            errors.append(mase(y[None], quantiles[None, :, 4], scale=np.array([scale])))
            every_y.append(y)
            every_quantile.append(quantiles)
        by_hand.append(np.mean(errors))
    forecasts = pd.concat(parts).sample(frac=1, random_state=7)

    scores = protocol.score(Handed.of("peer", forecasts, protocol))

    assert scores.mase == pytest.approx(np.mean(by_hand))
    assert scores.wql == pytest.approx(
        wql(np.array(every_y), np.array(every_quantile), levels=levels)
    )


def test_a_forecast_that_is_missing_makes_the_scores_no_number(protocol, table):
    names = quantile_columns(protocol.levels)
    end = STEPS - 48 * ORIGINS
    one = pd.DataFrame(1.0, index=range(48), columns=names).assign(
        unique_id="OT", ds=table["date"].to_numpy()[end : end + 48], cutoff=table["date"][end - 1]
    )

    assert np.isnan(protocol.score(Handed.of("peer", one, protocol)).mase)


@pytest.fixture
def four_months(tmp_path):
    """A protocol over four series of a hundred and twenty days, which end at three o'clock."""
    dates = pd.date_range("2024-01-01T04:00", periods=120 * 24, freq="h")
    values = np.random.default_rng(3).normal(10, 3, (len(dates), 4))
    table = pd.DataFrame({"date": dates, **dict(zip("abcd", values.T, strict=True))})
    table.to_csv(tmp_path / "hours.csv", index=False)
    return etth1(tmp_path, tmp_path / "hours.csv", origins=ORIGINS)


@pytest.mark.parametrize("scale", [HOURS, DAYS], ids=["hours", "days"])
def test_short_panels_have_the_days_they_are_named_for_and_end_before_the_first_origin(
    four_months, scale, tmp_path
):
    behind = four_months.panel.grid.timestamp(int(four_months.origins[0]))
    scale = dataclasses.replace(scale, lengths=(60, 80))
    steps_a_day = 24 if scale.steps == "hours" else 1

    for cut, short in panels([four_months], scale, tmp_path):
        panel = short.panel
        before = panel.lengths_until(int(short.origins[0]))
        assert before.tolist() == [steps_a_day * cut.days] * cut.series
        assert len(short.origins) == scale.origins
        assert set(np.diff(short.origins)) == {steps_a_day * scale.every}
        whole_days = behind.floor("D") - pd.Timedelta(days=1)
        last = behind if scale.steps == "hours" else whole_days
        assert panel.grid.timestamp(panel.cutoff_slot) == last


def test_a_day_is_the_mean_of_its_hours_and_one_that_lacks_some_is_left_out(four_months, tmp_path):
    rows = rows_of(four_months.panel)

    days = cut_out_days(four_months, by_day(rows), tmp_path, horizon=7, origins=2, every=7).panel

    assert days.lengths.tolist() == [119, 119, 119, 119]
    first = rows[20:44]["y"].mean()
    assert days.history(0)[0] == pytest.approx(first, rel=1e-6)
    assert days.grid.timestamp(int(days.first_slots[0])) == pd.Timestamp("2024-01-02", tz="UTC")
