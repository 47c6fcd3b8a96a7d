import keras
import numpy as np
import pytest

from models.encoding import Past, Seeds
from models.learning.settings import NetworkSettings
from models.self_attention import self_attention, states_per_mean

STEPS = NetworkSettings(12, 4, (0.5,), (4,), units=6, num_heads=2, patch=1)


@pytest.fixture
def looking():
    tokens, usable = keras.Input((12, 6)), keras.Input((12,), dtype="bool")
    found = self_attention(tokens, Past(tokens, usable), STEPS, Seeds(1), "encoder_self")
    return keras.Model([tokens, usable], found)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (NetworkSettings(336, 48, (0.5,), (24,)), 1),
        (NetworkSettings(336, 48, (0.5,), (24,), patch=1), 24),
        (NetworkSettings(640, 48, (0.5,), (1,)), 10),
    ],
    ids=["patch-of-a-season", "single-steps", "no-season"],
)
def test_single_steps_look_at_seasons(settings, expected):
    assert states_per_mean(settings) == expected


def test_a_season_without_an_observation_is_not_looked_at(looking):
    states = np.random.default_rng(0).normal(size=(1, 12, 6)).astype(np.float32)
    usable = np.ones((1, 12), bool)
    usable[:, :4] = False
    other = states.copy()
    other[:, :4] += 1 + np.arange(6)

    found, changed = (np.asarray(looking([part, usable])) for part in (states, other))

    np.testing.assert_allclose(found[:, 4:], changed[:, 4:], rtol=1e-6)


def test_every_state_looks_at_all_seasons_also_later_ones(looking):
    states = np.random.default_rng(0).normal(size=(1, 12, 6)).astype(np.float32)
    usable = np.ones((1, 12), bool)
    other = states.copy()
    other[:, 8:] += np.arange(6)

    found, changed = (np.asarray(looking([part, usable])) for part in (states, other))

    assert (found[:, :4] != changed[:, :4]).any()
