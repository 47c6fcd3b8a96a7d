"""A network per component: what holds for one network has to hold for their sum."""

import dataclasses

import keras
import numpy as np
import pytest

from models.learning.settings import NetworkSettings
from models.networks import GROUPS, build_network, freeze, layer_groups, network_names

SETTINGS = NetworkSettings(
    24, 6, (0.1, 0.5, 0.9), (6,), units=8, num_heads=2, modes=3, components="networks"
)


@pytest.fixture
def inputs():
    components = np.random.default_rng(0).normal(5, 2, size=(2, 24, 3)).astype(np.float32)
    context, observed = components.sum(axis=-1), np.ones((2, 24), bool)
    return {"context": context, "observed": observed, "components": components}


@pytest.mark.parametrize("name", network_names())
def test_the_forecast_is_the_sum_of_those_of_the_components(name, inputs):
    network = build_network(name, SETTINGS, seed=7)
    one = dataclasses.replace(SETTINGS, modes=0)

    quantiles = np.asarray(network(inputs))

    parts = [
        build_network(name, one, seed=7 + number)(
            {"context": inputs["components"][..., number], "observed": inputs["observed"]}
        )
        for number in range(3)
    ]
    np.testing.assert_allclose(quantiles, np.sum(parts, axis=0), rtol=1e-4, atol=1e-4)
    assert (np.diff(quantiles) >= 0).all()


def test_it_reads_components_and_not_the_context(inputs):
    network = build_network("multihead_lstm", SETTINGS, seed=7)

    other = inputs | {"context": inputs["context"] * 3}

    np.testing.assert_array_equal(network(inputs), network(other))


def test_a_component_that_a_window_does_not_have_adds_nothing(inputs):
    network = build_network("multihead_lstm", SETTINGS, seed=7)
    components = inputs["components"].copy()
    components[0, :, 2] = 0
    two = dataclasses.replace(SETTINGS, modes=2)

    quantiles = np.asarray(network(inputs | {"components": components}))

    of_two = build_network("multihead_lstm", two, seed=7)
    expected = of_two(inputs | {"components": components[..., :2]})
    np.testing.assert_allclose(quantiles[0], expected[0], rtol=1e-5)


def test_level_and_trend_are_for_the_slowest_component_alone(inputs):
    network = build_network("multihead_lstm", dataclasses.replace(SETTINGS, holt=True), seed=7)

    assert [part.name for part in network.layers if "holt" in getattr(part, "input", {})] == [
        "component_0"
    ]
    assert np.isfinite(network(inputs | {"holt": np.ones((2, 24, 2), "float32")})).all()


@pytest.mark.usefixtures("mixed_precision")
def test_the_sum_loses_no_digits_under_mixed_precision(inputs):
    network = build_network("multihead_lstm", SETTINGS, seed=7)
    high = inputs["components"].copy()
    high[..., 0] += 20_000

    quantiles = np.asarray(network(inputs | {"components": high}))

    low = np.asarray(network(inputs))
    np.testing.assert_allclose(quantiles - 20_000, low, atol=0.05)  # bfloat16 steps by 128 there


def test_it_looks_where_its_parts_look_on_average(inputs):
    network = build_network("multihead_lstm", SETTINGS, seed=7)
    look = keras.Model(network.input, network.get_layer("attention").output)

    weights = np.asarray(look(inputs))

    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_a_file_holds_all_of_it(inputs, tmp_path):
    network = build_network("attention_lstm", SETTINGS, seed=7)
    network.save(tmp_path / "sum.keras")

    loaded = keras.saving.load_model(tmp_path / "sum.keras", compile=False)

    np.testing.assert_array_equal(loaded(inputs), network(inputs))


def test_layers_of_every_part_can_be_frozen_by_group():
    network = build_network("multihead_lstm", SETTINGS, seed=7)
    alone = build_network("multihead_lstm", dataclasses.replace(SETTINGS, modes=0), seed=7)

    freeze(network, ["encoder"])

    for group in GROUPS:
        layers = layer_groups(network)[group]
        assert len(layers) == 3 * len(layer_groups(alone)[group])
        assert {layer.trainable for layer in layers} == {group != "encoder"}


def test_auxiliary_targets_are_refused_beside_it():
    settings = dataclasses.replace(SETTINGS, past_means=(0.0,), past_scales=(1.0,), auxiliary=(0,))

    with pytest.raises(ValueError, match="no auxiliary targets"):
        build_network("tcn", settings, seed=7)
