import numpy as np

from models.layers.level_and_shape import LevelAndShape

RNG = np.random.default_rng(0)
MIXTURES = RNG.normal(size=(2, 3, 4, 5)).astype("float32")  # (B, J, p, N)
TOLD = RNG.normal(size=(2, 3, 6)).astype("float32")  # (B, J, W)


def _softmax(numbers):
    powers = np.exp(numbers - numbers.max())
    return powers / powers.sum()


def test_a_patch_equals_an_obvious_loop(check_layer):
    layer = LevelAndShape()
    check_layer(layer, MIXTURES, TOLD)
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    level_kernel, level_bias, shape_kernel, shape_bias = layer.get_weights()

    patches = layer(MIXTURES, TOLD)

    for b, j in np.ndindex(2, 3):
        of_level = _softmax(TOLD[b, j] @ level_kernel + level_bias)
        of_shape = _softmax(TOLD[b, j] @ shape_kernel + shape_bias)
        expected = np.zeros(4)
        for head in range(5):
            mixture = MIXTURES[b, j, :, head]
            expected += of_level[head] * mixture.mean()
            expected += of_shape[head] * (mixture - mixture.mean())
        np.testing.assert_allclose(patches[b, j, :, 0], expected, rtol=1e-4, atol=1e-5)


def test_it_starts_as_the_mean_of_all_mixtures():
    patches = LevelAndShape()(MIXTURES, TOLD)

    np.testing.assert_allclose(patches[..., 0], MIXTURES.mean(axis=-1), rtol=1e-4, atol=1e-6)


def test_a_patch_of_one_step_is_all_level():
    layer = LevelAndShape()
    layer.build((None, 3, 1, 5), TOLD.shape)
    level_kernel, level_bias, *_ = (RNG.normal(size=w.shape) for w in layer.get_weights())
    layer.set_weights([level_kernel, level_bias, *layer.get_weights()[2:]])

    patches = layer(MIXTURES[:, :, :1], TOLD)

    of_level = _softmax(TOLD[1, 2] @ level_kernel + level_bias)
    np.testing.assert_allclose(patches[1, 2, 0], [MIXTURES[1, 2, 0] @ of_level], rtol=1e-4)
