import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.calendar_features import calendar_features
from models.layers.calendar_embedding import CalendarEmbedding

HOURS = np.arange(14 * 24)
WAVES = calendar_features(Grid("h"), HOURS, ("day", "week"))  # (336, 4 + 6)


def test_features_equal_an_obvious_loop(check_layer):
    waves = WAVES[:12].reshape(2, 6, 10)
    features = check_layer(CalendarEmbedding(3, seed=1), waves)

    layer = CalendarEmbedding(3, seed=1)
    features = np.asarray(layer(waves))
    left_kernel, left_bias, right_kernel, right_bias = layer.get_weights()
    for b, s, e in np.ndindex(2, 6, 3):
        left = sum(waves[b, s] * left_kernel[:, e]) + left_bias[e]
        right = sum(waves[b, s] * right_kernel[:, e]) + right_bias[e]
        np.testing.assert_allclose(features[b, s, e], left * right, rtol=1e-4, atol=1e-6)


def test_one_feature_can_tell_an_hour_of_one_weekday_by_hand():
    layer = CalendarEmbedding(1)
    layer.build(WAVES.shape)
    hour, weekday = np.zeros((10, 1)), np.zeros((10, 1))
    # Waves lie as sines, then cosines of each cycle: of the day 2 + 2, of the week 3 + 3.
    hour[:4, 0] = WAVES[9, :4]
    weekday[4:, 0] = WAVES[9, 4:]
    layer.set_weights([hour, np.array([2.0]), weekday, np.array([3.0])])

    feature = np.asarray(layer(WAVES))[:, 0]

    same = (HOURS % 168 == 9).nonzero()[0]
    np.testing.assert_allclose(feature[same], (2 + 2) * (3 + 3), rtol=1e-5)
    assert (np.delete(feature, same) < 23).all()


def test_its_features_repeat_every_week(check_layer):
    features = check_layer(CalendarEmbedding(4), WAVES[None])[0]

    np.testing.assert_allclose(features[:168], features[168:], atol=1e-5)


def test_the_width_must_be_positive():
    with pytest.raises(ValueError, match="must be positive"):
        CalendarEmbedding(0)
