import numpy as np
import pytest

from models.layers.patch_mixture import PatchMixture

RNG = np.random.default_rng(0)
B, N, J, T, P = 2, 3, 2, 4, 5
OBSERVED = RNG.random((B, T, P)) < 0.6
OBSERVED[0, :, 0] = False  # a step that was never observed
PATCHES = np.where(OBSERVED, RNG.normal(size=(B, T, P)), 0).astype("float32")


def _softmax(*shape):
    exponents = np.exp(RNG.normal(size=shape))
    return (exponents / exponents.sum(axis=-1, keepdims=True)).astype("float32")


def _obvious(weight_of):
    mean, spread = np.zeros((B, J, P, N)), np.ones((B, J, P, N))
    for b, j, p, n in np.ndindex(B, J, P, N):
        seen = [t for t in range(T) if OBSERVED[b, t, p]]
        if seen:
            shares = np.array([weight_of(b, n, j, t, p) for t in seen])
            values = PATCHES[b, seen, p]
            mean[b, j, p, n] = np.average(values, weights=shares)
            variance = np.average((values - mean[b, j, p, n]) ** 2, weights=shares)
            spread[b, j, p, n] = np.sqrt(max(variance, 1e-4))
    return mean, spread


def test_mixtures_equal_an_obvious_loop(check_layer):
    weights = _softmax(B, N, J, T)

    mean, spread = check_layer(PatchMixture(), weights, PATCHES, OBSERVED.astype("float32"))

    expected = _obvious(lambda b, n, j, t, p: weights[b, n, j, t])
    np.testing.assert_allclose(mean, expected[0], atol=1e-5)
    np.testing.assert_allclose(spread, expected[1], atol=1e-3)


def test_each_step_may_have_weights_of_its_own(check_layer):
    weights = _softmax(B, N * P, J, T)

    mean, spread = check_layer(PatchMixture(True), weights, PATCHES, OBSERVED.astype("float32"))

    expected = _obvious(lambda b, n, j, t, p: weights[b, n * P + p, j, t])
    np.testing.assert_allclose(mean, expected[0], atol=1e-5)
    np.testing.assert_allclose(spread, expected[1], atol=1e-3)


@pytest.mark.parametrize("value", [-3.0, 1e6])
def test_steps_that_were_not_observed_do_not_count(value):
    weights, seen = _softmax(B, N, J, T), OBSERVED.astype("float32")
    changed = np.where(OBSERVED, PATCHES, value).astype("float32")

    mean, _ = PatchMixture()(weights, PATCHES, seen)
    other, _ = PatchMixture()(weights, changed, seen)

    np.testing.assert_array_equal(np.asarray(mean), np.asarray(other))
