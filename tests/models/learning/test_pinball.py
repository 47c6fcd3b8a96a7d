import numpy as np

from models.learning.pinball import PinballLoss

LEVELS = (0.1, 0.5, 0.9)


def test_loss_equals_an_obvious_loop_over_observed_steps():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(4, 5)).astype("float32")
    target[rng.random(target.shape) < 0.3] = np.nan
    quantiles = rng.normal(size=(4, 5, 3)).astype("float32")

    losses = np.asarray(PinballLoss(LEVELS).call(target, quantiles))

    for window, y in enumerate(target):
        terms = [
            max(level * (value - q), (level - 1) * (value - q))
            for value, row in zip(y, quantiles[window], strict=True)
            if not np.isnan(value)
            for level, q in zip(LEVELS, row, strict=True)
        ]
        np.testing.assert_allclose(losses[window], np.mean(terms), rtol=1e-5)


def test_of_several_targets_every_observed_value_counts_in_the_unit_of_its_target():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(3, 4, 2)).astype("float32")
    targets[rng.random(targets.shape) < 0.4] = np.nan
    quantiles = rng.normal(size=(3, 4, 2, 3)).astype("float32")
    units = (0.5, 20.0)

    losses = np.asarray(PinballLoss(LEVELS, units).call(targets, quantiles))

    for window in range(3):
        terms = [
            max(level * error, (level - 1) * error) / units[target]
            for step in range(4)
            for target in range(2)
            for level, q in zip(LEVELS, quantiles[window, step, target], strict=True)
            if not np.isnan(error := targets[window, step, target] - q)
        ]
        np.testing.assert_allclose(losses[window], np.mean(terms), rtol=1e-5)


def test_a_window_without_a_target_has_no_loss():
    losses = PinballLoss(LEVELS).call(
        np.full((1, 2), np.nan, "float32"), np.ones((1, 2, 3), "float32")
    )

    np.testing.assert_array_equal(np.asarray(losses), [0])


def test_its_config_rebuilds_it():
    loss = PinballLoss(LEVELS, units=(2, 3))

    rebuilt = PinballLoss.from_config(loss.get_config())

    assert (rebuilt.levels, rebuilt.units) == (loss.levels, loss.units)
