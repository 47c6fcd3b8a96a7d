import numpy as np
import pytest

from models.decomposition.ends import cut, extended


@pytest.mark.parametrize(
    ("season_length", "beyond"),
    [
        pytest.param(5, 5, id="a whole season"),
        pytest.param(12, 10, id="a quarter of the window"),
        pytest.param(20, 10, id="just half a window"),
        pytest.param(21, 0, id="too long a season"),
    ],
)
def test_a_periodic_window_goes_on_in_its_period(season_length, beyond):
    steps = np.arange(-beyond, 40 + beyond)
    wave = np.sin(2 * np.pi * steps / season_length)[None]

    longer = extended(wave[:, beyond : beyond + 40], season_length=season_length)

    np.testing.assert_allclose(longer, wave, rtol=0, atol=1e-12)


@pytest.mark.parametrize("season_length", [1, 5, 21])
def test_a_window_is_cut_out_of_what_it_was_extended_to(season_length):
    windows = np.random.default_rng(0).normal(size=(3, 40))

    longer = extended(windows, season_length=season_length)

    np.testing.assert_array_equal(cut(longer[..., None], length=40)[..., 0], windows)
