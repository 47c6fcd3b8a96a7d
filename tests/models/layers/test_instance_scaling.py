import numpy as np
import pytest

from models.layers.instance_scaling import METHODS, InstanceScaling, InverseScaling

CONTEXT = np.array([[1, 3, 5, 100], [4, 4, 4, 4], [7, 8, 9, 9]], "float32")
OBSERVED = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)

methods = pytest.mark.parametrize("method", METHODS)


def test_mean_and_deviation_of_the_observed_steps_by_hand(check_layer):
    scaled, center, scale = check_layer(InstanceScaling(), CONTEXT, OBSERVED)

    spread = np.sqrt(8 / 3)
    np.testing.assert_allclose(center[0], [3])
    np.testing.assert_allclose(scale[0], [spread], rtol=1e-6)
    np.testing.assert_allclose(scaled[0], [-2 / spread, 0, 2 / spread, 0], rtol=1e-6)


def test_mean_size_keeps_zero_at_zero(check_layer):
    scaled, center, scale = check_layer(InstanceScaling("mean_abs"), CONTEXT, OBSERVED)

    np.testing.assert_allclose(center, np.zeros((3, 1)))
    np.testing.assert_allclose(scale[0], [3])
    np.testing.assert_allclose(scaled[0], [1 / 3, 1, 5 / 3, 0], rtol=1e-6)


def test_a_drifting_level_is_that_of_the_last_season(check_layer):
    context = np.array([[1, 3, 5, 9], [2, 6, 0, 0]], "float32")
    observed = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)

    scaled, center, scale = check_layer(InstanceScaling("last_season", 2), context, observed)

    np.testing.assert_allclose(center, [[7], [4]])  # nothing of the second's last season: its mean
    np.testing.assert_allclose(scale, [[np.sqrt((36 + 16 + 4 + 4) / 4)], [2]], rtol=1e-6)
    np.testing.assert_allclose(scaled[1], [-1, 1, 0, 0], rtol=1e-6)


def test_a_trend_along_many_seasons_does_not_hide_what_a_season_does(check_layer):
    context = np.array([[90, 80, 7, 3, 6, 4], [90, 80, 5, 5, 5, 5]], "float32")
    observed = np.ones_like(context, bool)

    scaled, center, scale = check_layer(InstanceScaling("last_two_seasons", 2), context, observed)

    np.testing.assert_allclose(center, [[5], [5]])
    np.testing.assert_allclose(scale[0], [np.sqrt((4 + 4 + 1 + 1) / 4)], rtol=1e-6)
    np.testing.assert_allclose(scaled[0, 2:] * scale[0], [2, -2, 1, -1], rtol=1e-6)
    whole = np.sqrt((85**2 + 75**2) / 6)  # the second's last two seasons are constant
    np.testing.assert_allclose(scale[1], [whole], rtol=1e-6)


def test_a_context_that_came_nearly_to_rest_is_not_blown_up(check_layer):
    context = np.array([[100, -100, 0, 0, 0.01, 0.01]], "float32")

    _, _, scale = check_layer(
        InstanceScaling("last_two_seasons", 2), context, np.ones_like(context, bool)
    )

    np.testing.assert_allclose(scale, [[np.sqrt(20_000 / 6) / 100]], rtol=1e-4)


def test_a_constant_and_an_empty_context_keep_their_unit():
    scaled, center, scale = InstanceScaling()(CONTEXT, OBSERVED)

    np.testing.assert_allclose(np.asarray(scale)[1:], [[1], [1]])
    np.testing.assert_allclose(np.asarray(center)[1:], [[4], [0]])
    np.testing.assert_allclose(np.asarray(scaled)[1:], np.zeros((2, 4)))


@methods
def test_the_inverse_brings_back_what_was_observed(check_layer, method):
    scaled, center, scale = (
        np.asarray(part) for part in InstanceScaling(method)(CONTEXT, OBSERVED)
    )

    back = check_layer(InverseScaling(), scaled[..., None], center, scale)[..., 0]

    np.testing.assert_allclose(back[OBSERVED], CONTEXT[OBSERVED], rtol=1e-6)


def _with_affine(method, log_gain, bias):
    layer = InstanceScaling(method, affine=True)
    layer.build(CONTEXT.shape, OBSERVED.shape)
    layer.set_weights([np.array([log_gain]), np.array([bias])])
    return layer


@methods
def test_a_learned_gain_and_bias_start_by_changing_nothing(check_layer, method):
    plain = InstanceScaling(method)(CONTEXT, OBSERVED)

    affine = check_layer(InstanceScaling(method, affine=True), CONTEXT, OBSERVED)

    for left, right in zip(plain, affine, strict=True):
        np.testing.assert_array_equal(np.asarray(left), right)


@methods
def test_a_learned_gain_and_bias_are_undone_by_the_inverse(check_layer, method):
    layer = _with_affine(method, log_gain=0.5, bias=-2.0)
    plain = np.asarray(InstanceScaling(method)(CONTEXT, OBSERVED)[0])

    scaled, center, scale = check_layer(layer, CONTEXT, OBSERVED)

    gain = np.exp(3 * np.tanh(0.5 / 3))
    np.testing.assert_allclose(scaled, (gain * plain - 2) * OBSERVED, rtol=1e-4)
    back = np.asarray(InverseScaling()(scaled[..., None], center, scale))[..., 0]
    np.testing.assert_allclose(back[OBSERVED], CONTEXT[OBSERVED], rtol=1e-5)


@pytest.mark.parametrize("log_gain", [-1e6, 1e6], ids=["vanishing", "exploding"])
def test_no_learned_gain_ever_loses_the_way_back(log_gain):
    layer = _with_affine("mean_std", log_gain=log_gain, bias=1.0)

    scaled, center, scale = (np.asarray(part) for part in layer(CONTEXT, OBSERVED))

    back = np.asarray(InverseScaling()(scaled[..., None], center, scale))[..., 0]
    np.testing.assert_allclose(back[OBSERVED], CONTEXT[OBSERVED], rtol=1e-4)


def test_values_that_were_not_observed_do_not_count():
    changed = np.where(OBSERVED, CONTEXT, 1e9).astype("float32")

    for left, right in zip(
        InstanceScaling()(CONTEXT, OBSERVED), InstanceScaling()(changed, OBSERVED), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="one of mean_std, mean_abs, last_season, .*got 'robust'"):
        InstanceScaling("robust")
