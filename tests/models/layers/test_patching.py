import numpy as np
import pytest

from models.layers.patching import Patching


def _steps(num_steps):
    return np.arange(1, 2 * num_steps * 2 + 1, dtype="float32").reshape(2, num_steps, 2)


@pytest.mark.parametrize("num_steps", [6, 7, 8], ids=["whole", "one-over", "two-over"])
def test_a_context_keeps_its_newest_whole_patches(check_layer, num_steps):
    steps = _steps(num_steps)

    patches = check_layer(Patching(3), steps)

    assert patches.shape == (2, 2, 3, 2)
    np.testing.assert_array_equal(patches.reshape(2, 6, 2), steps[:, -6:])


@pytest.mark.parametrize("num_steps", [1, 3, 4, 6], ids=lambda steps: f"{steps}-steps")
def test_a_horizon_is_filled_up_to_whole_patches(check_layer, num_steps):
    steps = _steps(num_steps)

    patches = check_layer(Patching(3, "first"), steps)

    flat = patches.reshape(2, -1, 2)
    np.testing.assert_array_equal(flat[:, :num_steps], steps)
    assert not flat[:, num_steps:].any()


def test_a_context_without_a_whole_patch_is_refused():
    with pytest.raises(ValueError, match="at least one patch of 5 steps, got 3"):
        Patching(5)(_steps(3))


@pytest.mark.parametrize("bad", [{"patch_length": 0}, {"patch_length": 2, "whole": "none"}])
def test_arguments_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match="Expected patch_length >= 1"):
        Patching(**bad)
