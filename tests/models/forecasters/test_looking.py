import dataclasses

import keras
import numpy as np
import pytest

from models.forecasters.calibration import Calibrated, Calibration
from models.forecasters.looking import attention
from models.forecasters.neural import NeuralForecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.support import Support
from models.learning.settings import Member, NetworkSettings, TrainingSettings
from models.learning.window_inputs import Features
from models.networks import build_network, network_names

LEVELS = (0.1, 0.5, 0.9)
SETTINGS = TrainingSettings("some", 24, 9, LEVELS, (6,), units=8, num_heads=2)
SIZES = NetworkSettings(24, 9, LEVELS, (6,), units=8, num_heads=2)


@pytest.fixture
def panel(make_panel):
    rng = np.random.default_rng(0)
    return make_panel([5 + rng.normal(size=90), rng.normal(size=8)], horizon=9)


def untrained(*networks, contexts=(24, 48, 24), patch=None):
    """A forecaster whose members have learned nothing; their attention sums up all the same."""
    sizes = dataclasses.replace(SIZES, patch=patch)
    members = tuple(
        Member(name, length, "mean_std", seed)
        for seed, (name, length) in enumerate(zip(networks, contexts, strict=False))
    )
    return NeuralForecaster(
        settings=dataclasses.replace(SETTINGS, patch=patch),
        features=Features((), (), (), (), ()),
        sizes=sizes,
        members=members,
        networks=tuple(
            build_network(member.network, sizes.of(member), member.seed) for member in members
        ),
        support=Support(),
        trained_until=None,
    )


def looked(forecaster, panel):
    return attention(forecaster, panel, np.array([0, 1]), np.full(2, panel.cutoff_slot))


@pytest.mark.parametrize("name", network_names())
@pytest.mark.parametrize("patch", [None, 1])
def test_every_network_tells_by_seasons_where_it_looked(name, patch, panel):
    found = looked(untrained(name, patch=patch), panel)

    assert found.leads.tolist() == [1, 7]
    for look in found.looks:
        assert look.weights.shape == (2, 2, 4)
        np.testing.assert_allclose(look.weights.sum(axis=-1), 1, rtol=1e-5)
        assert not look.weights[1, :, :2].any()  # the short history has two patches


def test_the_mean_is_that_of_members_of_different_networks_and_contexts(panel):
    forecaster = untrained("attention_lstm", "tcn")

    found = looked(forecaster, panel)
    alone = [
        looked(
            dataclasses.replace(forecaster, members=(member,), networks=(network,)), panel
        ).together.weights
        for member, network in zip(forecaster.members, forecaster.networks, strict=True)
    ]

    assert [look.head for look in found.looks] == ["1.1", "1.2", "2.1", "2.2", "mean"]
    padded = np.pad(alone[0], ((0, 0), (0, 0), (4, 0)))
    np.testing.assert_allclose(found.together.weights, (padded + alone[1]) / 2, atol=1e-6)


def test_members_count_by_their_weights_in_the_forecast(panel):
    forecaster = untrained("tcn", "tcn", contexts=(24, 24))
    first = looked(
        dataclasses.replace(
            forecaster, members=forecaster.members[:1], networks=forecaster.networks[:1]
        ),
        panel,
    )

    found = looked(dataclasses.replace(forecaster, weights=(1.0, 0.0)), panel)

    np.testing.assert_allclose(found.together.weights, first.together.weights, rtol=1e-5)


def test_a_baseline_has_no_attention(panel):
    assert looked(SeasonalNaive((6,), horizon=9, quantile_levels=LEVELS), panel) is None


def test_an_adjusted_forecaster_looked_where_the_one_inside_did(panel):
    forecaster = untrained("tcn")
    nothing = np.zeros((9, 3)), np.zeros((2, 3))
    calibration = Calibration(LEVELS, Support(), *nothing)

    found = looked(Calibrated(forecaster, calibration, panel.unique_ids), panel)

    np.testing.assert_array_equal(
        found.together.weights, looked(forecaster, panel).together.weights
    )


def test_a_network_without_attention_over_patches_looked_nowhere(panel, monkeypatch):
    def plain(name, settings, seed):
        context = keras.Input((settings.context_length,), name="context")
        observed = keras.Input((settings.context_length,), name="observed", dtype="bool")
        steps = keras.layers.Dense(9 * 3, name="head")(context)
        return keras.Model(
            {"context": context, "observed": observed}, keras.layers.Reshape((9, 3))(steps)
        )

    monkeypatch.setattr("models.learning.workbench.build_network", plain)
    sizes = dataclasses.replace(SIZES, units=9)  # a shape that no other test has compiled
    forecaster = dataclasses.replace(
        untrained("tcn"), sizes=sizes, networks=(plain("tcn", sizes, 0),)
    )

    assert looked(forecaster, panel) is None
