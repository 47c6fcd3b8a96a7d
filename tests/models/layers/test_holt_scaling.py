import numpy as np
import pytest

from models.layers.holt_scaling import LIMIT, HoltScaling

CENTER, SCALE = np.array([[10.0]], "float32"), np.array([[4.0]], "float32")


def test_a_trend_counts_by_what_it_adds_in_a_season(check_layer):
    states = np.array([[[12.0, 0.5], [8.0, -0.5]]], "float32")
    layer = HoltScaling(season_length=24)
    check_layer(layer, states, CENTER, SCALE)

    scaled = layer(states, CENTER, SCALE)

    np.testing.assert_allclose(scaled, [[[0.5, 3.0], [-0.5, -3.0]]], rtol=1e-6)


def test_a_step_without_a_state_says_nothing_and_a_level_far_away_no_more_than_that():
    states = np.array([[[np.nan, np.nan], [1e6, -1e6]]], "float32")

    scaled = HoltScaling()(states, CENTER, SCALE)

    np.testing.assert_array_equal(scaled, [[[0, 0], [LIMIT, -LIMIT]]])


def test_a_season_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"season_length >= 1, got 0"):
        HoltScaling(season_length=0)
