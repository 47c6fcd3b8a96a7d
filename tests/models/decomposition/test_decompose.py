import numpy as np
import pytest

from models.decomposition import vmd
from models.decomposition.decompose import decompose
from models.decomposition.settings import METHODS, Decomposition

SEASON = 12
LENGTH = 72


def settings_of(method):
    return Decomposition(method, modes=3, trials=3)


def context_of(windows, *, gaps=True):
    """Windows of a season over a level of 50, some steps of which were not observed."""
    rng, steps = np.random.default_rng(4), np.arange(LENGTH)
    y = (
        50
        + 10 * np.sin(2 * np.pi * steps / SEASON)
        + steps / 9
        + rng.normal(size=(windows, LENGTH))
    )
    observed = rng.random(y.shape) < 0.9 if gaps else np.ones(y.shape, np.bool_)
    return np.where(observed, y, 0).astype(np.float32), observed


def components_of(context, observed, method):
    return decompose(context, observed, settings_of(method), season_length=SEASON)


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_components_sum_to_the_context(method):
    context, observed = context_of(6)

    components = components_of(context, observed, method)

    assert components.shape == (6, LENGTH, 3)
    assert components.dtype == np.float32
    np.testing.assert_allclose(components.sum(axis=-1), context, rtol=0, atol=2e-5)


def test_the_first_component_carries_the_level(method):
    context, observed = context_of(6, gaps=False)

    components = components_of(context, observed, method)

    np.testing.assert_allclose(components[..., 0].mean(axis=1), context.mean(axis=1), atol=1.5)
    np.testing.assert_allclose(components[..., 1:].mean(axis=1), 0, atol=1.5)


def test_a_later_component_turns_more_often(method):
    context, observed = context_of(6, gaps=False)

    steps = np.diff(components_of(context, observed, method), axis=1)
    turns = (np.diff(np.sign(steps), axis=1) != 0).sum(axis=(0, 1))

    assert (np.diff(turns) > 0).all()


def test_steps_that_were_not_observed_are_zero_in_every_component(method):
    context, observed = context_of(3)

    assert (components_of(context, observed, method)[~observed] == 0).all()


def test_what_stands_where_nothing_was_observed_does_not_matter(method):
    context, observed = context_of(2)
    other = np.where(observed, context, 1e6).astype(np.float32)

    expected = components_of(context, observed, method)

    assert components_of(other, observed, method).tobytes() == expected.tobytes()


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0], ids=["whole", "with gaps", "empty"])
def test_a_constant_is_its_level_and_zeros(method, share):
    observed = np.random.default_rng(0).random((2, LENGTH)) < share
    context = np.where(observed, 0.1, 0).astype(np.float32)

    components = components_of(context, observed, method)

    np.testing.assert_array_equal(components[..., 0], context)
    np.testing.assert_array_equal(components[..., 1:], 0)


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e6, 1e30])
def test_components_are_in_the_unit_of_the_target(method, factor):
    context, observed = context_of(2)
    scaled = (context.astype(np.float64) * factor).astype(np.float32)

    components = components_of(scaled, observed, method)

    expected = components_of(context, observed, method).astype(np.float64) * factor
    np.testing.assert_allclose(components, expected, rtol=1e-3, atol=factor * 1e-2)


def test_a_window_has_the_same_bytes_whichever_others_lie_beside_it(method):
    windows = vmd.WINDOWS_AT_ONCE + 3 if method == "vmd" else 7
    context, observed = context_of(windows)
    context[2], observed[2] = 0, False
    order = np.random.default_rng(1).permutation(windows)

    together = components_of(context, observed, method)

    shuffled = components_of(context[order], observed[order], method)
    assert shuffled.tobytes() == together[order].tobytes()
    for row in (0, 2, windows - 1):
        alone = components_of(context[row : row + 1], observed[row : row + 1], method)
        assert alone.tobytes() == together[row].tobytes()


def test_no_windows_have_no_components(method):
    context, observed = context_of(0)

    assert components_of(context, observed, method).shape == (0, LENGTH, 3)


def test_a_step_of_a_component_depends_on_nothing_after_the_context(method):
    rng = np.random.default_rng(6)
    series = (10 + np.cumsum(rng.normal(size=2 * LENGTH))).astype(np.float32)
    changed = series.copy()
    changed[LENGTH:] = 1e3
    observed = np.ones((1, LENGTH), np.bool_)

    honest = components_of(series[None, :LENGTH], observed, method)

    assert components_of(changed[None, :LENGTH], observed, method).tobytes() == honest.tobytes()
