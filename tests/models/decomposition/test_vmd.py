import dataclasses

import numpy as np
import pytest

from models.decomposition import vmd
from models.decomposition.settings import Decomposition

SETTINGS = Decomposition("vmd", modes=4)


def vmd_of_the_paper(window, *, modes, alpha, tolerance, max_iterations):
    """Algorithm 2 of Dragomiretskiy and Zosso (2014) for one window, without dual ascent.

    As the authors' own program does, it mirrors half a window at either end, keeps the half of the
    spectrum with frequencies from 0 on, and weighs the squared distance from a centre with alpha.
    """
    half = len(window) // 2
    longer = np.concatenate([window[:half][::-1], window, window[half:][::-1]])
    period = len(longer)
    frequencies = np.arange(period // 2) / period
    whole = np.fft.fft(longer)[: period // 2]
    spectra = np.zeros((modes, period // 2), complex)
    centres = 0.5 / modes * np.arange(modes)
    for _ in range(max_iterations):
        before = spectra.copy()
        for k in range(modes):
            others = spectra.sum(axis=0) - spectra[k]
            spectra[k] = (whole - others) / (1 + alpha * (frequencies - centres[k]) ** 2)
            power = np.abs(spectra[k]) ** 2
            centres[k] = (frequencies * power).sum() / power.sum()
        change = (np.abs(spectra - before) ** 2).sum()
        if change <= tolerance * (np.abs(whole) ** 2).sum():
            break
    found = np.zeros((modes, len(window)))
    for k in np.argsort(centres):
        both = np.concatenate([spectra[k], [0], np.conj(spectra[k][:0:-1])])
        found[k] = np.fft.ifft(both).real[half : half + len(window)]
    return found[np.argsort(centres)].T


def waves(length, *, windows=9, seed=0):
    """Windows with a season, a slow wave and noise, without their mean."""
    rng = np.random.default_rng(seed)
    steps, shift = np.arange(length), rng.uniform(0, 24, (windows, 1))
    season = np.sin(2 * np.pi * (steps + shift) / 24) + 0.5 * np.sin(2 * np.pi * steps / 7)
    slow = rng.normal(size=(windows, 1)) * np.cos(np.pi * steps / length)
    y = season + slow + 0.3 * rng.normal(size=(windows, length))
    return y - y.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("length", [96, 97, 336])
@pytest.mark.parametrize("max_iterations", [1, 500])
def test_modes_are_those_of_the_loop_in_the_paper(length, max_iterations):
    settings = dataclasses.replace(SETTINGS, max_iterations=max_iterations)
    windows = waves(length)

    found = vmd.modes(windows, settings)

    for window, ours in zip(windows, found, strict=True):
        expected = vmd_of_the_paper(
            window,
            modes=settings.modes,
            alpha=settings.alpha,
            tolerance=settings.tolerance,
            max_iterations=max_iterations,
        )
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)


def test_waves_are_told_apart():
    steps = np.arange(336)
    slow, fast = np.cos(2 * np.pi * (steps + 0.5) / 96), np.cos(2 * np.pi * (steps + 0.5) / 6)

    found = vmd.modes((slow + fast)[None], dataclasses.replace(SETTINGS, modes=2, alpha=5000))[0]

    np.testing.assert_allclose(found, np.stack([slow, fast], axis=1), rtol=0, atol=0.05)


def test_windows_that_take_long_do_not_depend_on_those_that_are_done():
    windows = waves(96, windows=3 * vmd.WINDOWS_AT_ONCE + 1)
    windows[::2] = np.cos(2 * np.pi * np.arange(96) / 12)  # done after a few iterations

    together = vmd.modes(windows, SETTINGS)

    alone = np.concatenate([vmd.modes(window[None], SETTINGS) for window in windows])
    assert together.tobytes() == alone.tobytes()
