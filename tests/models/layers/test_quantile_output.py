import numpy as np
import pytest

from models.layers.quantile_output import QuantileOutput

LEVELS = [0.1, 0.5, 0.7, 0.9]
RNG = np.random.default_rng(0)


def _softplus_of_spread_two(value):
    return 2 * np.log1p(np.exp(value - 1))


def test_quantiles_step_outwards_from_the_median_by_hand(check_layer):
    free = np.array([[0.0, 0.25, 1.0, -1.0]], "float32")
    center, spread = np.array([[10.0]], "float32"), np.array([[2.0]], "float32")

    quantiles = check_layer(QuantileOutput(LEVELS), free, center, spread)

    step = _softplus_of_spread_two
    median = 10 + 2 * 0.25
    expected = [median - step(0), median, median + step(1), median + step(1) + step(-1)]
    np.testing.assert_allclose(quantiles, [expected], rtol=1e-6)


@pytest.mark.parametrize("levels", [LEVELS, [0.5], [0.1, 0.2], [0.8, 0.9]], ids=str)
def test_quantiles_never_cross(check_layer, levels):
    free = (50 * RNG.normal(size=(64, 3, len(levels)))).astype("float32")
    center, spread = RNG.normal(size=(2, 64, 3, 1)).astype("float32")

    quantiles = check_layer(QuantileOutput(levels), free, center, np.abs(spread))

    assert (np.diff(quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("levels", [[], [0.9, 0.1], [0.5, 0.5], [0.0, 0.5]], ids=str)
def test_levels_must_ascend_between_zero_and_one(levels):
    with pytest.raises(ValueError, match="ascend between 0 and 1"):
        QuantileOutput(levels)
