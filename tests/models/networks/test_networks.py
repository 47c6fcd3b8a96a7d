import dataclasses

import keras
import numpy as np
import pytest

from data_contracts.errors import SpecError
from models.networks import build_network, network_names
from models.settings import NetworkSettings

LEVELS = (0.1, 0.5, 0.9)
SHAPES = {
    "hourly": NetworkSettings(72, 24, LEVELS, (24, 168), (0.0,), (1.0,), (0.0,), (1.0,), (3,)),
    "horizon-not-whole-patches": NetworkSettings(50, 30, LEVELS, (24,)),
    "horizon-below-a-patch": NetworkSettings(
        48, 3, LEVELS, (24,), known_means=(0,), known_scales=(1,)
    ),
    "daily": NetworkSettings(56, 14, LEVELS, (7,)),
    "monthly": NetworkSettings(36, 12, LEVELS, (12,)),
    "no-season": NetworkSettings(8, 3, LEVELS, (1,)),
    "quarter-hours": NetworkSettings(288, 96, LEVELS, (96, 672)),
    "context-below-a-season": NetworkSettings(20, 6, LEVELS, (24,)),
    "one-level": NetworkSettings(14, 7, (0.5,), (7,), scaling="mean_abs"),
}
SMALL = SHAPES["hourly"]
cases = pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES)
networks = pytest.mark.parametrize("name", network_names())


@networks
@cases
def test_quantiles_are_finite_ascending_and_of_the_stated_shape(name, settings, make_inputs):
    network = build_network(name, settings, seed=1)

    quantiles = np.asarray(network(make_inputs(settings)))

    assert quantiles.shape == (3, settings.horizon, len(settings.quantile_levels))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


@networks
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name, make_inputs):
    inputs = make_inputs(SMALL)
    first, second, third = (
        np.asarray(build_network(name, SMALL, seed)(inputs)) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


@networks
def test_forecasts_follow_the_unit_of_the_target(name, make_inputs):
    inputs = make_inputs(SMALL)
    network = build_network(name, SMALL, seed=1)

    moved = inputs | {"context": np.where(inputs["observed"], 1000 * inputs["context"] + 500, 0)}

    expected = 1000 * np.asarray(network(inputs)) + 500
    np.testing.assert_allclose(np.asarray(network(moved)), expected, rtol=1e-3)


@networks
def test_values_that_were_not_observed_do_not_count(name, make_inputs):
    inputs = make_inputs(SMALL)
    network = build_network(name, SMALL, seed=1)

    changed = inputs | {"context": np.where(inputs["observed"], inputs["context"], 1e6)}

    np.testing.assert_array_equal(np.asarray(network(inputs)), np.asarray(network(changed.copy())))


@networks
def test_a_window_without_any_observation_still_gets_a_finite_forecast(name, make_inputs):
    inputs = make_inputs(SMALL)
    empty = {name: np.zeros_like(inputs[name]) for name in ("context", "observed")}

    assert np.isfinite(np.asarray(build_network(name, SMALL, seed=1)(inputs | empty))).all()


@networks
def test_attention_sums_to_one_over_the_past_patches(name, make_inputs):
    network = build_network(name, SMALL, seed=1)
    looking = keras.Model(network.input, network.get_layer("attention").output)

    weights = np.asarray(looking(make_inputs(SMALL)))

    assert weights.shape[2:] == (SMALL.num_future_patches, SMALL.num_tokens)
    np.testing.assert_allclose(weights.sum(axis=-1), np.ones(weights.shape[:-1]), rtol=1e-5)


@networks
def test_a_file_holds_the_whole_network(name, make_inputs, tmp_path):
    network = build_network(name, SMALL, seed=1)
    inputs = make_inputs(SMALL)

    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False)

    np.testing.assert_array_equal(np.asarray(loaded(inputs)), np.asarray(network(inputs)))


@networks
def test_more_units_and_heads_are_a_matter_of_settings(name, make_inputs):
    wide = dataclasses.replace(SMALL, units=24, num_heads=3)

    assert np.isfinite(np.asarray(build_network(name, wide, seed=1)(make_inputs(wide)))).all()


def test_an_unknown_name_is_refused_naming_those_that_exist():
    with pytest.raises(SpecError, match=r"among attention_lstm, multihead_lstm.*got 'lstmx'"):
        build_network("lstmx", SMALL, seed=1)
