import numpy as np
import pytest

from models.decomposition import emd
from models.decomposition.settings import Decomposition

METHODS = ("eemd", "ceemdan")


def settings_of(method, **fields):
    return Decomposition(method, **{"modes": 4, "trials": 4, **fields})


@pytest.fixture
def windows():
    rng, steps = np.random.default_rng(2), np.arange(96)
    y = np.sin(2 * np.pi * steps / 24) + steps / 48 + 0.3 * rng.normal(size=(2, 96))
    return y - y.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("method", METHODS)
def test_components_are_the_librarys_the_other_way_round(method, windows):
    import PyEMD

    settings = settings_of(method)
    library = getattr(PyEMD, method.upper())(trials=settings.trials, parallel=False)
    library.noise_seed(settings.seed)
    window = windows[0] / windows[0].std()

    with np.errstate(all="ignore"):
        expected = library(window, max_imf=settings.modes - 1)

    ours = emd.modes(windows[:1], settings)[0] / windows[0].std()
    np.testing.assert_allclose(ours[:, ::-1].T, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_later_components_have_fewer_extremes(method, windows):
    components = emd.modes(windows, settings_of(method))

    turns = (np.diff(np.sign(np.diff(components, axis=1)), axis=1) != 0).sum(axis=1)

    assert (np.diff(turns, axis=1) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_noise_follows_from_the_seed_alone(method, windows):
    first = emd.modes(windows[:1], settings_of(method))
    np.random.default_rng().normal()
    again = emd.modes(windows[:1], settings_of(method))
    other = emd.modes(windows[:1], settings_of(method, seed=8))

    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_numpys_own_seed_is_left_alone(method, windows):
    before = np.random.get_state()[1].tobytes()

    emd.modes(windows[:1], settings_of(method))

    assert np.random.get_state()[1].tobytes() == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trials", [1, 4])
def test_a_window_that_is_only_a_trend_has_it_in_the_first_component(method, trials):
    line = np.linspace(-1, 1, 32)[None]

    components = emd.modes(line, settings_of(method, modes=5, trials=trials))

    assert components.shape == (1, 32, 5)
    np.testing.assert_allclose(components[..., 0], line, rtol=0, atol=0.2)
    assert (components[..., 1] == 0).all()
