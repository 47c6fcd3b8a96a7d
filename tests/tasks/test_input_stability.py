import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.forecasters.seasonal_naive import SeasonalNaive
from tasks.input_stability import drift_since, input_stability, serving
from tasks.stores.registry import ModelVersion, Why, champion, promote, store_model
from tasks.stores.snapshots import save_panel


@pytest.fixture
def noise(walks):
    """Three series that stay where they are."""
    y = np.random.default_rng(0).normal(size=len(walks.y)).astype(np.float32)
    return replace(walks, y=np.where(walks.observed, y, np.float32(np.nan)))


@pytest.fixture
def tonight(tonight_of, noise):
    """A night whose champion learned from all but the last fortnight."""
    tonight = tonight_of(season_lengths=[24])
    snapshot = save_panel(noise, tonight.warehouse.snapshots)
    record = ModelVersion(
        model="lstm",
        snapshot=snapshot.name,
        spec_digest="d",
        seed=1,
        code_version="0",
        packages={},
        train_cutoff=noise.grid.timestamp(noise.cutoff_slot - 14 * 24),
        cutoff=tonight.cutoff,
        created_at=tonight.cutoff,
        train_minutes=1.0,
    )
    levels = tonight.spec.quantile_levels
    save = SeasonalNaive((24,), horizon=24, quantile_levels=levels).save
    version = store_model(tonight.warehouse, save, record).model_version
    promote(tonight.warehouse, version, expected=None, why=Why("run", "Better."))
    return tonight


def test_the_recent_input_is_held_against_the_snapshot_of_the_champion(tonight, noise):
    y = noise.y.copy()
    y[noise.indptr[1] - 24 - 7 * 24 : noise.indptr[1] - 24] += 5

    found, trouble = input_stability.fn(tonight, replace(noise, y=y))

    assert trouble == ""
    assert found.champion == serving(tonight) == champion(tonight.warehouse).model_version
    assert found.days == 14
    assert next(iter(found.series)) == "a"
    assert list(found.series.values()) == sorted(found.series.values(), reverse=True)
    assert found.series["a"] > 0.25 > found.stability_index
    assert found.shifted == pytest.approx(1 / 3)


def test_a_series_that_the_champion_does_not_know_is_left_out(walks, tonight_of):
    until, spec = walks.cutoff_slot - 14 * 24, tonight_of(season_lengths=[24]).spec

    found = drift_since("v1", walks.select(np.array([0, 2])), walks, until=until, spec=spec)

    assert set(found.series) == {"a", "c"}


def test_where_nothing_came_after_the_training_nothing_is_said(walks, tonight_of):
    spec = tonight_of(season_lengths=[24]).spec

    found = drift_since("v1", walks, walks, until=walks.cutoff_slot, spec=spec)

    assert found.series == {}
    assert np.isnan([found.stability_index, found.shifted]).all()


def test_without_a_network_or_its_snapshot_the_scoring_goes_on(tonight, tonight_of, walks):
    earlier = tonight_of(cutoff=tonight.cutoff - np.timedelta64(1, "D"))
    assert input_stability.fn(earlier, walks) == (None, "")

    shutil.rmtree(tonight.warehouse.snapshots)
    found, trouble = input_stability.fn(tonight, walks)

    assert found is None
    assert trouble.startswith("The input is not compared with what the champion learned from: sna")
