import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import models.networks
from data_contracts.errors import SpecError
from models.learning.settings import NetworkSettings
from models.networks import GROUPS, build_network, freeze, layer_groups, network_names

GUIDE = Path(__file__).parents[3] / "docs" / "development.md"
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
    "step-by-step": NetworkSettings(50, 30, LEVELS, (24,), (0.0,), (1.0,), (0.0,), (1.0,), patch=1),
    "one-level": NetworkSettings(14, 7, (0.5,), (7,), scaling="mean_abs"),
}
SMALL = dataclasses.replace(SHAPES["hourly"], units=16, num_heads=2)
STEPS = dataclasses.replace(SHAPES["step-by-step"], units=16, num_heads=2)
TWO_COVARIATES = {"past_means": (0.0, 10.0), "past_scales": (1.0, 5.0)}
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
@pytest.mark.parametrize("settings", [SMALL, STEPS], ids=["patches", "step-by-step"])
def test_attention_sums_to_one_over_the_past_patches(name, settings, make_inputs):
    network = build_network(name, settings, seed=1)
    looking = keras.Model(network.input, network.get_layer("attention").output)

    weights = np.asarray(looking(make_inputs(settings)))

    assert weights.shape[2:] == (settings.num_future_patches, settings.num_tokens)
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


@networks
def test_a_call_leaves_no_state_behind(name, make_inputs):
    network = build_network(name, SMALL, seed=1)
    before = [np.array(variable) for variable in network.variables]
    first = np.asarray(network(make_inputs(SMALL, seed=0)))

    network(make_inputs(SMALL, seed=1))

    np.testing.assert_array_equal(np.asarray(network(make_inputs(SMALL, seed=0))), first)
    for variable, start in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), start)


@networks
def test_mixed_precision_gives_quantiles_in_full_precision(name, make_inputs, mixed_precision):
    quantiles = np.asarray(build_network(name, SMALL, seed=1)(make_inputs(SMALL)))

    assert quantiles.dtype == np.float32
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


@networks
@pytest.mark.parametrize("settings", [SMALL, STEPS], ids=["patches", "step-by-step"])
def test_past_covariates_are_forecast_beside_the_target(name, settings, make_inputs):
    settings = dataclasses.replace(settings, **TWO_COVARIATES, auxiliary=(1,))

    quantiles, auxiliary = build_network(name, settings, seed=1)(make_inputs(settings))

    assert quantiles.shape == (3, settings.horizon, len(LEVELS))
    assert auxiliary.shape == (3, settings.horizon, 1, len(LEVELS))
    assert np.isfinite(np.asarray(auxiliary)).all()
    assert (np.diff(np.asarray(auxiliary), axis=-1) >= 0).all()


def test_each_auxiliary_forecast_follows_the_unit_of_its_covariate(make_inputs):
    settings = dataclasses.replace(SMALL, **TWO_COVARIATES, auxiliary=(0, 1))
    network = build_network("tcn", settings, seed=1)
    inputs = make_inputs(settings)
    inputs["past"][..., 1] = 400 + 100 * inputs["past"][..., 1]

    _, auxiliary = network(inputs)

    medians = np.asarray(auxiliary)[..., 1].mean(axis=(0, 1))
    assert abs(medians[0]) < 2
    assert abs(medians[1] - 400) < 200


@networks
def test_every_layer_with_weights_belongs_to_one_group(name):
    settings = dataclasses.replace(SMALL, auxiliary=(0,))
    network = build_network(name, settings, seed=1)

    grouped = layer_groups(network)

    names = [layer.name for layers in grouped.values() for layer in layers]
    assert sorted(names) == sorted(layer.name for layer in network.layers if layer.weights)
    assert all(grouped[group] for group in GROUPS)


@networks
def test_a_frozen_group_does_not_move_in_training(name, make_inputs):
    network = build_network(name, SMALL, seed=1)
    freeze(network, ["encoder", "attention"])
    network.compile("sgd", "mse", run_eagerly=True)
    before = {layer.name: layer.get_weights() for layer in network.layers}

    network.train_on_batch(make_inputs(SMALL), np.zeros((3, SMALL.horizon, len(LEVELS))))

    for group, layers in layer_groups(network).items():
        old = [weight for part in layers for weight in before[part.name]]
        new = [weight for part in layers for weight in part.get_weights()]
        moved = any((left != right).any() for left, right in zip(old, new, strict=True))
        assert moved == (group == "head")


def test_what_was_frozen_can_be_trained_again():
    network = build_network("tcn", SMALL, seed=1)
    every = len(network.trainable_weights)

    freeze(network, ["encoder"])
    assert len(network.trainable_weights) < every
    freeze(network, [])

    assert len(network.trainable_weights) == every


def test_an_unknown_group_is_refused_naming_those_that_exist():
    with pytest.raises(SpecError, match=r"among encoder, attention, head, got 'decoder'"):
        freeze(build_network("tcn", SMALL, seed=1), ["decoder"])


def test_an_unknown_name_is_refused_naming_those_that_exist():
    with pytest.raises(SpecError, match=r"among attention_lstm, bilstm_attention, .*got 'lstmx'"):
        build_network("lstmx", SMALL, seed=1)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The file that the guide shows, in a folder where networks are looked for."""
    [source] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example_of_the_guide.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(models.networks, "__path__", [*models.networks.__path__, str(tmp_path)])
    return "example_of_the_guide"


def test_the_network_that_the_guide_shows_is_found_by_name_and_forecasts(example, make_inputs):
    assert example in network_names()

    quantiles = np.asarray(build_network(example, SMALL, seed=1)(make_inputs(SMALL)))

    assert quantiles.shape == (3, SMALL.horizon, len(LEVELS))
    assert np.isfinite(quantiles).all()
