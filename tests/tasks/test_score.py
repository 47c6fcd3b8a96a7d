import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_contracts.errors import RefusedError
from models import scores
from tasks import score
from tasks.score import Done
from tasks.stores.forecasts import publish_batch

ROOT = Path(__file__).parents[2]
KEY = ["unique_id", "cutoff", "lead"]
LEVELS = (0.1, 0.5, 0.9)


def same(one, other):
    pd.testing.assert_frame_equal(one, other)
    return True


def version(place):
    return DeltaTable(place.warehouse.accuracy).version()


def files(place):
    """The data files by day."""
    paths = DeltaTable(place.warehouse.accuracy).file_uris()
    return {path.split("cutoff_date=")[1].split("/")[0]: Path(path).name for path in paths}


@pytest.fixture
def place(nights):
    """Three nights, all of whose actuals are known."""
    place = nights()
    for day in range(3):
        place.publish(day)
    return place


def test_every_row_is_what_the_obvious_loop_says(place):
    done = place.score()

    assert done == Done(cutoffs=3, rows=36, unchanged=0, waiting=0)
    actual = place.observations.set_index(["unique_id", "ds"])["y"].astype(np.float32)
    history = place.observations.set_index("ds").groupby("unique_id")["y"]
    rows = place.accuracy()
    assert not rows.duplicated(KEY).any()
    for row in rows.itertuples():
        y = np.array([actual[row.unique_id, row.ds]], np.float64)
        known = history.get_group(row.unique_id)[: row.cutoff].to_numpy(np.float32)
        assert row.ds == row.cutoff + pd.Timedelta(hours=row.lead)
        assert row.scale == pytest.approx(scores.seasonal_error(known, season_length=24), rel=1e-6)
        for prefix, q50 in (("", 20.0), ("baseline_", 21.0)):
            quantiles = np.array([[q50 - 1, q50, q50 + 1]])
            expected = {
                "absolute_error": abs(q50 - y[0]),
                "error": q50 - y[0],
                "pinball": scores.pinball(y, quantiles, levels=(0.1, 0.5, 0.9))[0],
                "covered": scores.covered(y, quantiles, levels=(0.1, 0.5, 0.9))[0],
            }
            told = {name: getattr(row, prefix + name) for name in expected}
            assert told == pytest.approx(expected, rel=1e-5)
        assert row.absolute_y == pytest.approx(abs(y[0]))
        assert row.airport == {"a": "JFK", "b": "LGA"}[row.unique_id]
    assert rows["nominal_coverage"].to_numpy() == pytest.approx(0.8)
    assert set(rows["baseline"]) == {"seasonal_naive"}
    assert set(rows["run_id"]) == {"run"}


def test_scoring_again_writes_nothing_and_from_scratch_gives_the_same_rows(place, nights):
    place.score()
    before, rows = version(place), place.accuracy()

    again = place.score()

    assert again == Done(cutoffs=0, rows=0, unchanged=3, waiting=0)
    assert version(place) == before
    other = nights()
    for day in (2, 0, 1):  # published in another order
        other.publish(day)
    other.score()
    assert same(other.accuracy(), rows)


@pytest.mark.parametrize("gone", ["no row", "null"])
def test_a_step_without_an_actual_has_no_row_until_it_comes(place, gone):
    whole = place.observations
    late = (whole["ds"] == place.cutoff(2) + pd.Timedelta(hours=3)) & (whole["unique_id"] == "a")
    place.observe(whole[~late] if gone == "no row" else whole.assign(y=whole["y"].mask(late)))
    place.score()
    without, kept = place.accuracy(), files(place)
    assert len(without) == 35

    place.observe(whole)
    done = place.score()

    assert (done.cutoffs, done.unchanged) == (1, 2)
    assert len(place.accuracy()) == 36
    changed = {day for day, name in files(place).items() if kept[day] != name}
    assert changed == {"2024-03-03"}


def test_a_night_whose_actuals_have_not_come_waits(place):
    done = place.score(day=1)

    assert done == Done(cutoffs=1, rows=12, unchanged=0, waiting=0)  # the others are not over
    place.observe(place.observations[place.observations["ds"] <= place.cutoff(2)])
    assert place.score() == Done(cutoffs=1, rows=12, unchanged=1, waiting=1)


def test_a_correction_counts_from_when_it_was_known(nights):
    place = nights(available_at="known_at")
    first = place.observations.assign(known_at=lambda frame: frame["ds"])
    late = first[first["ds"] == place.cutoff(0) + pd.Timedelta(hours=1)]
    corrected = late.assign(y=30.0, known_at=place.cutoff(5))
    place.observe(pd.concat([first, corrected]))
    place.publish(0)

    place.score(day=4)
    before = place.accuracy()
    place.score(day=6)
    after = place.accuracy()
    place.score(day=4)

    assert (before.loc[before["lead"] == 1, "y"] < 25).all()
    assert (after.loc[after["lead"] == 1, "y"] == 30).all()
    assert same(after[after["lead"] > 1], before[before["lead"] > 1].assign(basis=after["basis"]))
    assert same(place.accuracy(), before)


def test_an_actual_that_is_taken_back_takes_its_rows_with_it(place):
    place.score()
    whole = place.observations
    night = whole["ds"].between(place.cutoff(1), place.cutoff(1) + pd.Timedelta(hours=6))
    place.observe(whole.assign(y=whole["y"].mask(night & (whole["ds"] > place.cutoff(1)))))

    place.score()

    assert set(place.accuracy()["cutoff"]) == {place.cutoff(0), place.cutoff(2)}
    assert place.score().cutoffs == 0


def test_the_rows_follow_the_batch_that_is_in_the_table(place):
    place.score()
    place.publish(1, run_id="backfill", q50=30.0, model="tcn", model_version="v2")

    done = place.score()

    assert (done.cutoffs, done.unchanged) == (1, 2)
    rows = place.accuracy()
    replaced = rows[rows["cutoff"] == place.cutoff(1)]
    assert set(replaced["run_id"]) == {"backfill"}
    assert set(replaced["model_version"]) == {"v2"}
    assert (replaced["absolute_error"] > 5).all()
    assert not rows.duplicated(KEY).any()


def test_a_baseline_counts_only_beside_the_batch_of_its_own_run(place):
    place.publish(1, run_id="from before", baseline=None)
    place.score()

    rows = place.accuracy()

    alone = rows["cutoff"] == place.cutoff(1)
    assert rows.loc[alone, ["baseline", "baseline_pinball"]].isna().all(axis=None)
    assert rows.loc[~alone, ["baseline", "baseline_pinball"]].notna().all(axis=None)
    assert rows["pinball"].notna().all()


def test_nights_with_other_levels_are_scored_by_their_own(place):
    levels = (0.25, 0.5, 0.75)
    place.publish(1, levels=levels)
    place.score()

    rows = place.accuracy().set_index("cutoff")

    other = rows.loc[[place.cutoff(1)]]
    nominal = rows["nominal_coverage"].groupby("cutoff").first()
    assert nominal.to_list() == pytest.approx([0.8, 0.5, 0.8])
    y = other["y"].to_numpy(np.float64)
    expected = scores.pinball(y, np.full((12, 3), [19.0, 20, 21]), levels=levels)
    assert other["pinball"].to_numpy() == pytest.approx(expected, rel=1e-5)


def test_series_that_come_or_end_change_nothing_of_nights_that_are_over(place):
    place.score()
    whole, kept = place.observations, files(place)
    ended = (whole["unique_id"] == "b") & (whole["ds"] > place.cutoff(2))
    new = whole[whole["ds"] > place.cutoff(5)].query("unique_id == 'a'").assign(unique_id="c")
    place.observe(pd.concat([whole[~ended], new]))

    done = place.score()

    assert (done.cutoffs, done.unchanged) == (1, 2)
    assert {day for day, name in files(place).items() if kept[day] != name} == {"2024-03-03"}
    last = place.accuracy().query("cutoff == @place.cutoff(2)")
    assert set(last["unique_id"]) == {"a"}


def test_a_row_says_who_made_it_and_a_series_that_is_not_in_the_source_has_none(place):
    quality = ["substituted"] * 6 + ["champion"] * 6
    place.publish(1, quality=quality)
    place.publish(2, series=("a", "total"))
    place.score()

    rows = place.accuracy()

    assert rows.query("cutoff == @place.cutoff(1)")["quality"].tolist() == quality
    assert set(rows.query("cutoff == @place.cutoff(2)")["unique_id"]) == {"a"}
    assert place.score().cutoffs == 0


def test_only_nights_since_an_instant_are_looked_at(place):
    done = place.score(since=place.cutoff(1))

    assert done.cutoffs == 2
    assert place.accuracy()["cutoff"].min() == place.cutoff(1)


def test_another_label_is_news(place):
    place.score()
    place.observe(airport="EWR")

    assert place.score().cutoffs == 3
    assert set(place.accuracy()["airport"]) == {"EWR"}


def test_a_batch_with_other_steps_is_not_held_against_these(place):
    minutes = pd.Timedelta(minutes=1)
    for day, begin, step in ((3, 30, 60), (4, 0, 30)):  # off the grid; half-hours from a full one
        cutoff = place.cutoff(day) + begin * minutes
        rows = place.rows(day)
        rows["ds"] = cutoff + rows["lead"] * step * minutes
        same = {"cutoff": cutoff, "levels": LEVELS, "run_id": "other", "token": 1}
        publish_batch(place.warehouse, pa.Table.from_pandas(rows, preserve_index=False), **same)

    place.score()

    assert len(place.accuracy()) == 36
    assert place.accuracy()["cutoff"].max() == place.cutoff(2)


def test_nothing_published_is_said(nights):
    with pytest.raises(RefusedError, match="so there is nothing to score; `nightcast run` pub"):
        nights().score()


def test_on_the_day_that_a_clock_changes_leads_are_still_steps(nights):
    """In New York the clock goes from 01:59 to 03:00 on 10 March 2024."""
    place = nights(calendar={"frequency": "h", "timezone": "America/New_York"})
    place.cutoff = lambda day: pd.Timestamp("2024-03-10T04:00Z") + pd.Timedelta(days=day)
    place.publish(0)
    ds = place.observations["ds"] + pd.Timedelta(days=5)
    place.observe(place.observations.assign(ds=ds.astype("datetime64[us, UTC]")))

    place.score(day=2)

    rows = place.accuracy()
    assert ((rows["ds"] - rows["cutoff"]) / pd.Timedelta(hours=1)).tolist() == rows["lead"].tolist()
    actual = place.observations.set_index(["unique_id", "ds"])["y"].astype(np.float32)
    assert rows["y"].tolist() == [actual[row.unique_id, row.ds] for row in rows.itertuples()]


SCORE_ONE_BY_ONE = """
import sys
from pathlib import Path
from tasks import score
from tests.tasks.conftest import Nights
score.CUTOFFS_AT_ONCE = 1
Nights(Path(sys.argv[1])).score()
"""


def test_a_scoring_that_is_killed_is_finished_by_the_next(nights, monkeypatch):
    monkeypatch.setattr(score, "CUTOFFS_AT_ONCE", 1)
    place, whole = nights(), nights()
    for day in range(8):
        place.publish(day)
        whole.publish(day)
    log = place.warehouse.accuracy / "_delta_log"
    command = [sys.executable, "-c", SCORE_ONE_BY_ONE, str(place.folder)]
    killed = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT)
    while len(list(log.glob("*.json"))) < 3 and killed.poll() is None:
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    finished = place.accuracy()["cutoff"].nunique()

    done = place.score()

    assert done.unchanged >= finished > 0
    whole.score()
    assert same(place.accuracy(), whole.accuracy())


def test_two_scorings_at_once_leave_every_row_once(place, nights):
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(place.score) for _ in range(2)]:
            future.result()

    alone = nights()
    for day in range(3):
        alone.publish(day)
    alone.score()
    assert same(place.accuracy(), alone.accuracy())


@pytest.mark.parametrize("mixed", ["compacted", "many levels"])
def test_what_the_log_does_not_tell_is_read_from_the_rows(nights, mixed):
    place = nights()
    levels = tuple(round(0.02 * k, 2) for k in range(1, 50)) if mixed == "many levels" else None
    for day in range(2):
        place.publish(day, **({"levels": levels} if levels else {}))
    if mixed == "compacted":
        place.cutoff = lambda day: pd.Timestamp("2024-03-01T06:00Z")
        place.publish(0)
        for table in (place.warehouse.forecasts, place.warehouse.baselines):
            DeltaTable(table).optimize.compact()
        del place.cutoff
    place.score()

    assert place.score().cutoffs == 0
    assert place.accuracy()["cutoff"].nunique() == (3 if mixed == "compacted" else 2)
    assert place.accuracy()["baseline_pinball"].notna().all()
