"""Auxiliary targets from the panel to the forecast: past covariates that are forecast too."""

import dataclasses

import numpy as np
import pytest

from data_contracts.errors import SpecError
from models.forecasters.persistence import load_forecaster
from models.learning.device import Device
from models.learning.settings import NetworkSettings, TrainingSettings
from models.learning.training import train
from models.learning.workbench import Batch, Workbench, workbench
from models.networks import build_network

CUTOFF, HORIZON, TRAIN_UNTIL = 1000, 6, 980
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6, 12),
    members=2,
    max_epochs=1,
    minutes=1000,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
    scalings=("last_season",),  # each other one compiles another model
    auxiliary=("pressure", "temp"),
)
SIZES = NetworkSettings(
    24,
    HORIZON,
    (0.1, 0.5, 0.9),
    (6,),
    past_means=(10.0, 1000.0),
    past_scales=(2.0, 5.0),
    units=8,
    num_heads=2,
    dropout=0.0,
    auxiliary=(0, 1),
)


@pytest.fixture
def panel(make_panel):
    """Two series that follow a temperature, which is missing at times, as is all of a wind."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(300) * 2 * np.pi / 6)
    histories = [size * (10 + 3 * wave + rng.normal(size=300)) for size in (1, 100)]
    bare = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    rows = len(bare.y)
    past = np.stack(
        [
            20 + 5 * np.resize(wave, rows) + rng.normal(size=rows),
            np.full(rows, np.nan),
            1000 + 5 * rng.normal(size=rows),
        ],
        axis=1,
    ).astype(np.float32)
    past[rng.random(rows) < 0.1, 0] = np.nan
    for end in bare.indptr[1:]:
        past[end - HORIZON : end] = np.nan
    return dataclasses.replace(bare, past=past, past_names=("temp", "wind", "pressure"))


@pytest.fixture
def forecaster(panel):
    return train(panel, SETTINGS, train_until=TRAIN_UNTIL)


def _windows(origin=CUTOFF):
    return np.arange(2), np.full(2, origin)


def _with_other_future(panel, origin):
    """The same panel with other covariates after one slot."""
    past = panel.past.copy()
    for series in range(panel.num_series):
        past[panel.rows(np.array(series), np.arange(origin + 1, CUTOFF + HORIZON + 1))] = 1e6
    return dataclasses.replace(panel, past=past)


def _both(forecaster, panel, origin=CUTOFF):
    windows = _windows(origin)
    made = forecaster.predict(panel, *windows), forecaster.predict_auxiliary(panel, *windows)
    return [each.tobytes() for each in made]


def test_they_are_forecast_in_their_own_units_and_order(forecaster, panel):
    quantiles = forecaster.predict_auxiliary(panel, *_windows())

    assert quantiles.shape == (2, HORIZON, 2, 3)
    assert quantiles.dtype == np.float32
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    pressure, temp = quantiles[:, :, 0, 1], quantiles[:, :, 1, 1]
    assert (np.abs(pressure - 1000) < 30).all()
    assert (np.abs(temp - 20) < 30).all()


def test_members_are_combined_by_the_median_whatever_their_weights(forecaster, panel):
    weighted = dataclasses.replace(forecaster, weights=(1.0, 0.0))
    alone = [
        dataclasses.replace(forecaster, members=(member,), networks=(network,)).predict_auxiliary(
            panel, *_windows()
        )
        for member, network in zip(forecaster.members, forecaster.networks, strict=True)
    ]

    together = weighted.predict_auxiliary(panel, *_windows())

    np.testing.assert_array_equal(together, np.sort(np.median(alone, axis=0), axis=-1))


def test_two_trainings_give_the_same_bytes(forecaster, panel):
    again = train(panel, SETTINGS, train_until=TRAIN_UNTIL)

    assert _both(again, panel) == _both(forecaster, panel)


def test_their_future_never_changes_a_forecast(forecaster, panel):
    origin = CUTOFF - 30

    changed = _both(forecaster, _with_other_future(panel, origin), origin)

    assert changed == _both(forecaster, panel, origin)


def test_training_sees_nothing_of_them_after_its_end(forecaster, panel):
    changed = train(_with_other_future(panel, TRAIN_UNTIL), SETTINGS, train_until=TRAIN_UNTIL)

    assert _both(changed, panel) == _both(forecaster, panel)


def test_what_is_loaded_forecasts_the_same_bytes(forecaster, panel, tmp_path):
    forecaster.save(tmp_path / "model")

    loaded = load_forecaster(tmp_path / "model")

    assert loaded.settings == forecaster.settings
    assert _both(loaded, panel) == _both(forecaster, panel)


def test_a_covariate_that_was_never_seen_is_forecast_somehow(panel):
    settings = dataclasses.replace(SETTINGS, members=1, auxiliary=("wind",))

    forecaster = train(panel, settings, train_until=TRAIN_UNTIL)

    assert np.isfinite(forecaster.predict(panel, *_windows())).all()
    assert np.isfinite(forecaster.predict_auxiliary(panel, *_windows())).all()


def test_a_forecaster_without_them_forecasts_none(panel):
    settings = dataclasses.replace(SETTINGS, members=1, auxiliary=())

    forecaster = train(panel, settings, train_until=TRAIN_UNTIL)

    assert forecaster.predict_auxiliary(panel, *_windows()).shape == (2, HORIZON, 0, 3)


def test_one_that_is_no_past_covariate_is_refused(panel):
    settings = dataclasses.replace(SETTINGS, auxiliary=("tmp",))

    with pytest.raises(SpecError, match="which are temp, wind, pressure, got 'tmp'."):
        train(panel, settings, train_until=TRAIN_UNTIL)


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    auxiliary = (10 + rng.normal(size=(4, HORIZON, 2))).astype(np.float32)
    auxiliary[0, 2:, 1] = np.nan
    return Batch(
        arrays={
            "context": rng.normal(size=(4, 24)).astype(np.float32),
            "observed": np.ones((4, 24), bool),
            "past": rng.normal(size=(4, 24, 2)).astype(np.float32),
        },
        target=rng.normal(size=(4, HORIZON)).astype(np.float32),
        weights=np.ones(4, np.float32),
        auxiliary=auxiliary,
        auxiliary_weight=0.5,
    )


@pytest.mark.parametrize(
    ("seen", "level"), [(0.25, 0.25), (np.nan, 0.3)], ids=["constant", "empty"]
)
def test_where_the_context_has_no_unit_they_are_forecast_in_their_usual_one(batch, seen, level):
    sizes = dataclasses.replace(SIZES, past_means=(0.3,), past_scales=(0.001,), auxiliary=(0,))
    past = np.full((4, 24, 1), seen, np.float32)
    network = build_network("attention_lstm", sizes, seed=1)

    with workbench("attention_lstm", sizes, Device()) as bench:
        bench.put(network)
        quantiles = bench.predict_auxiliary(batch.arrays | {"past": past})

    np.testing.assert_allclose(quantiles, level, atol=0.005)


@pytest.fixture(scope="module")
def bench():
    return Workbench("multihead_lstm", SIZES, Device())


@pytest.fixture(scope="module")
def start():
    return build_network("multihead_lstm", SIZES, seed=1)


def test_their_loss_alone_moves_the_shared_encoder(bench, start, batch):
    unseen = dataclasses.replace(batch, target=np.full_like(batch.target, np.nan))

    def encoder_after(change):
        bench.start(start)
        bench.step(dataclasses.replace(unseen, auxiliary=batch.auxiliary + change), 1e-2)
        variables = bench.model.trainable_variables
        return {each.path: np.array(each) for each in variables if "encoder" in each.path}

    high, low = encoder_after(1e3), encoder_after(-1e3)

    assert high
    assert [path for path in high if (high[path] == low[path]).all()] == []


def test_the_held_out_loss_is_that_of_the_target_alone(bench, start, batch):
    bench.put(start)
    others = dataclasses.replace(batch, auxiliary=batch.auxiliary + 100)

    assert bench.loss(batch) == bench.loss(others)


def test_the_training_loss_adds_theirs_in_standard_deviations(bench, start, batch):
    def loss(weight):
        bench.start(start)
        return bench.step(dataclasses.replace(batch, auxiliary_weight=weight), 0.0)

    bench.put(start)
    error = batch.auxiliary[..., None] - bench.predict_auxiliary(batch.arrays)
    levels = np.array(SIZES.quantile_levels)
    losses = np.maximum(levels * error, (levels - 1) * error).mean(axis=-1) / SIZES.past_scales

    expected = 0.5 * np.nanmean(losses, axis=(1, 2)).mean()
    assert loss(0.5) - loss(0.0) == pytest.approx(expected, rel=1e-4)
