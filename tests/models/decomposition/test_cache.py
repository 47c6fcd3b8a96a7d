from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.decomposition.cache import OVERHEAD, DecompositionCache
from models.decomposition.decompose import decompose
from models.decomposition.settings import Decomposition

SETTINGS = Decomposition("vmd", modes=3)
LENGTH = 48
ENTRY = 4 * LENGTH * SETTINGS.modes + OVERHEAD


@pytest.fixture
def context():
    return np.random.default_rng(0).normal(size=(6, LENGTH)).astype(np.float32)


@pytest.fixture
def ask():
    """The components of some windows without gaps, from a cache."""

    def ask(cache, context, settings=SETTINGS, season_length=12):
        observed = np.ones(context.shape, np.bool_)
        return cache.components(context, observed, settings, season_length=season_length)

    return ask


def test_components_are_those_without_a_cache(ask, context):
    cache = DecompositionCache()
    order = [3, 0, 3, 5, 1]
    observed = np.ones(context.shape, np.bool_)
    expected = decompose(context, observed, SETTINGS, season_length=12)[order]

    for _ in range(2):
        assert ask(cache, context[order]).tobytes() == expected.tobytes()


def test_a_window_is_decomposed_once(ask, context):
    cache = DecompositionCache()

    ask(cache, context[[0, 1, 1]])
    ask(cache, context[[1, 2, 0]])

    assert cache.decomposed == 3
    assert cache.held_bytes == 3 * ENTRY


def test_windows_that_differ_in_anything_are_told_apart(ask, context):
    cache = DecompositionCache()
    window, whole = context[:1], np.ones((1, LENGTH), np.bool_)
    part = whole.copy()
    part[0, 3] = False

    ask(cache, window)
    ask(cache, window, Decomposition("vmd", modes=4))
    ask(cache, window, season_length=8)
    ask(cache, window + 1)
    cache.components(window, part, SETTINGS, season_length=12)

    assert cache.decomposed == 5


def test_what_was_not_asked_for_the_longest_goes_first(ask, context):
    cache = DecompositionCache(max_bytes=2 * ENTRY)

    for row in (0, 1, 0, 2):
        ask(cache, context[[row]])
    assert cache.held_bytes == 2 * ENTRY
    ask(cache, context[[0]])
    assert cache.decomposed == 3

    ask(cache, context[[1]])
    assert cache.decomposed == 4


def test_a_batch_that_is_larger_than_the_cache_is_served(ask, context):
    cache = DecompositionCache(max_bytes=ENTRY)

    assert ask(cache, context).shape == (6, LENGTH, 3)
    assert cache.held_bytes == ENTRY


def test_a_change_of_what_was_handed_out_changes_nothing_that_is_kept(ask, context):
    cache = DecompositionCache()
    first = ask(cache, context)
    expected = first.copy()

    first[:] = 0

    np.testing.assert_array_equal(ask(cache, context), expected)


def test_threads_get_what_they_would_get_alone(ask, context):
    cache = DecompositionCache(max_bytes=3 * ENTRY)
    expected = ask(DecompositionCache(), context)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(cache, context), range(12)))

    assert all(answer.tobytes() == expected.tobytes() for answer in answers)
    assert cache.held_bytes == 3 * ENTRY


def test_no_windows_have_no_components(ask, context):
    assert ask(DecompositionCache(), context[:0]).shape == (0, LENGTH, 3)
