"""Variational mode decomposition (Dragomiretskiy and Zosso, 2014), many windows at once.

The method mirrors a window at both ends, so that what is decomposed is even about each end and has
the period `2 L`. Its spectrum is then that of a cosine transform: one real number for each of `L`
frequencies, times a phase that all modes share. So the iterations below are those of the paper on
the half spectrum, and nothing in them is complex.
"""

import numpy as np

from models.decomposition.settings import Decomposition
from models.panel import Bools, Ints
from models.scores import Doubles

# More leave the cache, fewer pay for more calls. One thread does it all: calls are so short that
# two, which wait for each other between them, took 17 s where one takes 11 (two cores, by 64).
WINDOWS_AT_ONCE = 128
SHARE_LEFT = 0.85  # windows still at work, below which the others are moved out of their way
TINY = 1e-300


def modes(windows: Doubles, settings: Decomposition) -> Doubles:
    """Modes of each window by their centre frequency, the slowest first.

    Every mode is a Wiener filter of what the others leave, around the centre of its own spectrum.
    The dual ascent has step 0, which the paper advises for noisy data: what no mode takes is left
    over. Centres begin evenly between 0 and half a cycle per step.

    Args:
        windows: Without gaps and without their mean, shape `(B, L)`.
        settings: How many modes, `K`, and how they are sought.

    Returns:
        Shape `(B, L, K)`.
    """
    found = np.empty((*windows.shape, settings.modes))
    for begin in range(0, len(windows), WINDOWS_AT_ONCE):
        batch = slice(begin, begin + WINDOWS_AT_ONCE)
        found[batch] = _modes(windows[batch], settings)
    return found


def _modes(windows: Doubles, settings: Decomposition) -> Doubles:
    spectra, centres = _iterate(_spectra(windows), settings)
    order = np.argsort(centres, axis=1, kind="stable")
    ordered = np.take_along_axis(spectra, order[..., None], axis=1)  # (B, K, L)
    return _signals(ordered).transpose(0, 2, 1)


def _spectra(windows: Doubles) -> Doubles:
    """Spectra of mirrored windows over the phase that all share, shape `(B, L)`."""
    length = windows.shape[-1]
    mirrored = np.concatenate([windows, windows[:, ::-1]], axis=-1)
    spectra = np.fft.rfft(mirrored)[:, :length] * np.conj(_phase(length))
    return np.ascontiguousarray(spectra.real)


def _signals(spectra: Doubles) -> Doubles:
    """What `_spectra` was made of, the last axis from frequencies to steps."""
    length = spectra.shape[-1]
    return np.fft.irfft(spectra * _phase(length), n=2 * length)[..., :length]


def _phase(length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    """Of a mirrored window, whose mirror stands half a step before the first one; `(L,)`."""
    return np.exp(1j * np.pi * np.arange(length) / (2 * length))


def _iterate(spectra: Doubles, settings: Decomposition) -> tuple[Doubles, Doubles]:
    """Spectra of the modes, shape `(B, K, L)`, and their centres, shape `(B, K)`."""
    found = np.empty((len(spectra), settings.modes, spectra.shape[1]))
    centres = np.empty(found.shape[:2])
    at_work = _AtWork(spectra, settings)
    for iteration in range(1, settings.max_iterations + 1):
        done = at_work.step() | (iteration == settings.max_iterations)
        if at_work.hand_over(done, found, centres):
            break
    return found, centres


class _AtWork:
    """Windows whose modes are still sought; `W` of them, and some that are done.

    A window that is done is written out at once, so that its modes do not depend on how long the
    others take, and leaves with the next ones.

    Args:
        spectra: Shape `(W, L)`.
        settings: How many modes, `K`, and how they are sought.
    """

    def __init__(self, spectra: Doubles, settings: Decomposition) -> None:
        length = spectra.shape[1]
        root = np.sqrt(settings.alpha)  # frequencies in units of the half width of a mode
        self._frequencies = root * np.arange(length) / (2 * length)  # (L,)
        begin = root * 0.5 / settings.modes * np.arange(settings.modes)
        self._places: Ints = np.arange(len(spectra))
        self._open = np.ones(len(spectra), np.bool_)
        self._rest = spectra.copy()  # what no mode takes, (W, L)
        self._new = np.empty_like(self._rest)  # so that no step asks for memory
        self._modes = np.zeros((settings.modes, *spectra.shape))  # (K, W, L)
        self._centres = np.repeat(begin[:, None], len(spectra), axis=1)  # (K, W)
        self._least = settings.tolerance * np.einsum("wl,wl->w", spectra, spectra)

    def step(self) -> Bools:
        """Bring every mode up to date once; which windows that hardly changed, shape `(W,)`."""
        change = np.zeros(len(self._rest))
        new = self._new
        for mode, centres in zip(self._modes, self._centres, strict=True):
            self._rest += mode
            np.subtract(self._frequencies, centres[:, None], out=new)
            new *= new
            new += 1
            np.divide(self._rest, new, out=new)  # the Wiener filter
            self._rest -= new
            mode -= new
            change += np.einsum("wl,wl->w", mode, mode)
            mode[...] = new
            new *= new
            power = np.maximum(new.sum(axis=1), TINY)
            centres[...] = np.einsum("wl,l->w", new, self._frequencies) / power
        return change <= self._least

    def hand_over(self, done: Bools, found: Doubles, centres: Doubles) -> bool:
        """Write out the windows that are done; whether none is left.

        Args:
            done: Shape `(W,)`.
            found: Where the spectra of the modes go, shape `(B, K, L)`.
            centres: Where their centres go, shape `(B, K)`.
        """
        ready = np.flatnonzero(done & self._open)
        if len(ready) == 0:
            return False
        found[self._places[ready]] = self._modes[:, ready].transpose(1, 0, 2)
        centres[self._places[ready]] = self._centres[:, ready].T
        self._open[ready] = False
        left = np.flatnonzero(self._open)
        if len(left) <= SHARE_LEFT * len(self._open):
            self._keep(left)
        return len(left) == 0

    def _keep(self, rows: Ints) -> None:
        self._places, self._open = self._places[rows], self._open[rows]
        self._rest, self._least = self._rest[rows], self._least[rows]
        self._new = np.empty_like(self._rest)
        self._modes = np.ascontiguousarray(self._modes[:, rows])
        self._centres = np.ascontiguousarray(self._centres[:, rows])
