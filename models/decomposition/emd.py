"""Ensembles of empirical mode decompositions; the library EMD-signal does the sifting."""

import warnings
from functools import cache, lru_cache
from typing import Any

import numpy as np

from models.decomposition.settings import Decomposition
from models.scores import Doubles

TINY = 1e-300


def modes(windows: Doubles, settings: Decomposition) -> Doubles:
    """Components of each window by EEMD or CEEMDAN, the slowest first.

    EEMD (Wu and Huang, 2009) means the components of noisy copies, CEEMDAN (Torres et al., 2011)
    adds the noise anew, component by component. The fastest ones are sifted off, `M - 1` of them;
    what is slower stays together as the first one. Where a window has fewer, those between are
    zero. Every window is given the same noise, in units of itself, so that none depends on others.

    Args:
        windows: Without gaps and without their mean, not constant, shape `(B, L)`.
        settings: Which of the two, how many components, `M`, trials and seed.

    Returns:
        Shape `(B, L, M)`.
    """
    sift = _eemd if settings.method == "eemd" else _ceemdan
    spread = windows.std(axis=1, keepdims=True)  # the library stops at absolute sizes
    components = np.zeros((*windows.shape, settings.modes))
    with np.errstate(all="ignore"):  # its test for convergence divides by zeros of a component
        for window, place in zip(windows / spread, components, strict=True):
            slow, *faster = _slowest_first(sift(window, settings))
            place[:, 0] = slow
            for at, component in enumerate(reversed(faster), start=1):
                place[:, -at] = component
    return components * spread[..., None]


def _slowest_first(found: Doubles) -> Doubles:
    """Components by the mean square of their frequency, shape `(C, L)`.

    That is the order in which they were sifted, reversed, but where a window is so smooth that the
    sifting meets its trend before the noise that was added.
    """
    power = np.square(found - found.mean(axis=1, keepdims=True)).sum(axis=1)
    changes = np.square(np.diff(found, axis=1)).sum(axis=1)
    return found[np.argsort(changes / np.maximum(power, TINY), kind="stable")]


def _eemd(window: Doubles, settings: Decomposition) -> Doubles:
    """Components as the library finds them, at most `M` of them, shape `(C, L)`."""
    method = _library().EEMD(trials=settings.trials, parallel=False)
    method.noise_seed(settings.seed)
    return np.asarray(method.eemd(window, max_imf=settings.modes - 1))


def _ceemdan(window: Doubles, settings: Decomposition) -> Doubles:
    """Components as the library finds them, at most `M` of them, shape `(C, L)`."""
    method = _library().CEEMDAN(trials=settings.trials, parallel=False)
    method.noise_seed(settings.seed)
    noise = _noise(settings.trials, settings.seed, len(window))
    method._decompose_noise = lambda: list(noise)  # half of the work, and the same for all
    return np.asarray(method.ceemdan(window, max_imf=settings.modes - 1))


@lru_cache(maxsize=4)
def _noise(trials: int, seed: int, length: int) -> tuple[Doubles, ...]:
    """The components of the noise of CEEMDAN, by trial."""
    method = _library().CEEMDAN(trials=trials, parallel=False)
    method.noise_seed(seed)
    method.all_noises = method.generate_noise(method.noise_scale, (trials, length))
    return tuple(method._decompose_noise())


@cache
def _library() -> Any:
    """EMD-signal; it imports matplotlib, and Python warns of its docstrings as it compiles them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import PyEMD
    return PyEMD
