import dataclasses

import numpy as np
import pytest

from data_contracts.errors import NightcastError, SpecError
from models.decomposition.settings import Decomposition
from models.forecasters import neural
from models.forecasters.neural import NeuralForecaster
from models.forecasters.persistence import load_forecaster
from models.forecasters.support import Support
from models.learning.settings import TrainingSettings
from models.learning.training import train
from models.learning.window_inputs import BATCH_SIZE

CUTOFF, HORIZON = 1000, 5
SETTINGS = TrainingSettings(
    network="attention_lstm",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    members=3,
    max_epochs=1,
    minutes=1000,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
)


@pytest.fixture(scope="module")
def histories():
    rng = np.random.default_rng(0)
    return [rng.poisson(0.3, size=200).astype(float), 5 + rng.normal(size=90), np.ones(7)]


@pytest.fixture
def panel(make_panel, histories):
    bare = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    known = np.random.default_rng(1).normal(size=(len(bare.y), 1)).astype(np.float32)
    static = np.array([["a"], ["b"], ["a"]])
    return dataclasses.replace(
        bare, known=known, known_names=("holiday",), static=static, static_names=("kind",)
    )


@pytest.fixture
def forecaster(panel):
    return train(panel, SETTINGS, train_until=CUTOFF - 10)


def _windows(num):
    rng = np.random.default_rng(2)
    return rng.integers(0, 3, size=num), rng.integers(CUTOFF - 40, CUTOFF + 1, size=num)


def test_quantiles_ascend_and_have_the_stated_shape(forecaster, panel):
    quantiles = forecaster.predict(panel, *_windows(BATCH_SIZE + 7))

    assert quantiles.shape == (BATCH_SIZE + 7, HORIZON, 3)
    assert quantiles.dtype == np.float32
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_a_forecast_does_not_depend_on_the_others_made_beside_it(forecaster, panel):
    series, origins = _windows(9)

    together = forecaster.predict(panel, series, origins)

    for at in range(9):
        alone = forecaster.predict(panel, series[at : at + 1], origins[at : at + 1])
        np.testing.assert_array_equal(alone[0], together[at])


@pytest.mark.parametrize(
    ("steps", "most", "batches"), [(1, 9, [1, 1, 1]), (2 * 24 * 2, 9, [2, 1]), (999, 2, [2, 1])]
)
def test_of_long_contexts_fewer_lie_in_memory_at_once(
    forecaster, panel, monkeypatch, steps, most, batches
):
    windows, read = _windows(2 * BATCH_SIZE + 7), []
    together = forecaster.predict(panel, *windows)
    forecast = NeuralForecaster._forecast

    def counted(self, number, inputs, *rest, **options):
        read.append(len(inputs))
        forecast(self, number, inputs, *rest, **options)

    monkeypatch.setattr(NeuralForecaster, "_forecast", counted)
    monkeypatch.setattr(neural, "STEPS_AT_ONCE", steps * BATCH_SIZE)
    monkeypatch.setattr(neural, "BATCHES_AT_ONCE", most)

    np.testing.assert_array_equal(forecaster.predict(panel, *windows), together)
    assert max(member.context_length for member in forecaster.members) == 2 * 24
    assert read == [size for size in batches for _ in forecaster.members]


def test_members_are_combined_by_the_median(forecaster, panel):
    windows = _windows(4)
    free = dataclasses.replace(forecaster, support=Support())
    alone = [
        dataclasses.replace(free, members=(member,), networks=(network,)).predict(panel, *windows)
        for member, network in zip(free.members, free.networks, strict=True)
    ]

    np.testing.assert_array_equal(
        free.predict(panel, *windows), np.sort(np.median(alone, axis=0), axis=-1)
    )


def test_where_no_value_was_negative_no_forecast_is(forecaster, panel):
    windows = _windows(40)
    free = dataclasses.replace(forecaster, support=Support()).predict(panel, *windows)

    assert forecaster.support.non_negative
    assert (free < 0).any()
    np.testing.assert_array_equal(forecaster.predict(panel, *windows), np.maximum(free, 0))


def test_where_a_value_was_negative_forecasts_may_be(panel):
    y = panel.y.copy()
    y[3] = -1
    negative = dataclasses.replace(panel, y=y)

    assert not train(negative, SETTINGS, train_until=CUTOFF).support.non_negative


def test_a_forecast_sees_nothing_after_its_origin_but_known_covariates(forecaster, panel):
    series, origins = np.array([0, 1]), np.array([CUTOFF - 20, CUTOFF - 20])
    y = panel.y.copy()
    for number in (0, 1):
        y[panel.rows(np.array(number), np.arange(CUTOFF - 19, CUTOFF + 1))] = 1e6

    changed = forecaster.predict(dataclasses.replace(panel, y=y), series, origins)

    np.testing.assert_array_equal(forecaster.predict(panel, series, origins), changed)


def test_what_is_loaded_forecasts_the_same_bytes(forecaster, panel, tmp_path):
    forecaster.save(tmp_path / "model")
    windows = _windows(10)

    loaded = load_forecaster(tmp_path / "model")

    assert isinstance(loaded, NeuralForecaster)
    assert (loaded.settings, loaded.features) == (forecaster.settings, forecaster.features)
    assert loaded.trained_until == CUTOFF - 10
    expected = forecaster.predict(panel, *windows)
    assert loaded.predict(panel, *windows).tobytes() == expected.tobytes()


def test_components_and_trends_are_read_again_after_loading(panel, tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        decomposition=Decomposition("vmd", modes=2),
        components="networks",
        holt=True,
        members=1,
    )
    forecaster = train(panel, settings, train_until=CUTOFF - 10)
    forecaster.save(tmp_path / "model")
    windows = _windows(10)

    loaded = load_forecaster(tmp_path / "model")

    assert (loaded.settings, loaded.features) == (settings, forecaster.features)
    expected = forecaster.predict(panel, *windows)
    assert loaded.predict(panel, *windows).tobytes() == expected.tobytes()
    look = loaded.attention(panel, *windows).together
    assert look.weights.sum() > 0


def test_attention_says_where_a_forecast_looked(forecaster, panel):
    before_its_first_step = CUTOFF - 40
    origins = np.array([CUTOFF, CUTOFF - 13, CUTOFF, before_its_first_step])

    found = forecaster.attention(panel, np.array([0, 1, 2, 2]), origins)

    assert len(found.looks) == 2 * 3 + 1
    assert found.together.weights.shape == (4, 1, 8)  # the third member reads twice as far
    for look in found.looks:
        np.testing.assert_allclose(look.weights.sum(axis=-1)[:3], 1, rtol=1e-5)
        assert not look.weights[3].any()  # nothing to look at


def test_a_panel_without_a_covariate_of_the_training_is_refused(forecaster, panel):
    poorer = dataclasses.replace(panel, known=panel.known[:, :0], known_names=())

    with pytest.raises(SpecError, match="'holiday', the panel has none"):
        forecaster.predict(poorer, *_windows(1))


def test_a_folder_that_holds_no_forecaster_is_refused(tmp_path):
    with pytest.raises(NightcastError, match="expected a forecaster that this version"):
        load_forecaster(tmp_path)


def test_a_forecaster_of_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"forecaster": "oracle"}')

    with pytest.raises(NightcastError, match="the kind .oracle. instead of neural"):
        load_forecaster(tmp_path)
