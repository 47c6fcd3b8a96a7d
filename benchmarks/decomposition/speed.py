"""What decomposing windows of 336 hours costs, method by method.

    python -m benchmarks.decomposition.speed [--quick] [--json]

VMD stands beside a loop over windows in which each is decomposed alone, with complex spectra and
the same rule to stop, as the programs do that are found for it.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.command import alone, tell
from benchmarks.decomposition.material import etth1_windows
from benchmarks.report import Figure
from models.decomposition import vmd
from models.decomposition.cache import DecompositionCache
from models.decomposition.decompose import decompose
from models.decomposition.settings import STL_COMPONENTS, Decomposition
from models.panel import Bools, Floats
from models.scores import Doubles

LENGTH = 336
SEASON_LENGTH = 24
WINDOWS = 10_000
BATCH = 256  # windows that a network reads at once
TARGET = 60.0  # seconds
VMD = Decomposition("vmd", modes=5)
SLOW = (Decomposition("eemd"), Decomposition("ceemdan"), Decomposition("stl", STL_COMPONENTS))


def measure(*, quick: bool) -> list[Figure]:
    """Seconds of VMD beside those of a plain loop, and milliseconds per window of each method."""
    context = etth1_windows(WINDOWS, length=LENGTH).astype(np.float32)
    observed = np.ones(context.shape, np.bool_)
    part = slice(0, 1024 if quick else WINDOWS)
    share = WINDOWS / len(context[part])
    wall, processor = _seconds(lambda: _decompose(context[part], observed[part], VMD))
    plain, gap = _plain(context[: 20 if quick else 100])
    name = f"VMD of {WINDOWS:,} windows of {LENGTH} steps into {VMD.modes} modes"
    figures = [
        Figure(name, share * wall, "s", TARGET, WINDOWS * plain, "a loop over windows"),
        Figure("processor time of it", share * processor, "s"),
        Figure("largest difference from the loop, per range of a window", gap, "", 1e-6),
        Figure("a window by vmd, processor time", 1e3 * processor / len(context[part]), "ms"),
    ]
    for settings in SLOW:
        tell(f"decomposing by {settings.method}")
        figures.append(_cost(settings, context[: 4 if quick else 20]))
    return [*figures, _from_cache(context[:BATCH], observed[:BATCH])]


def _decompose(context: Floats, observed: Bools, settings: Decomposition) -> None:
    """Batch by batch, as a night does."""
    for begin in range(0, len(context), BATCH):
        batch = slice(begin, begin + BATCH)
        decompose(context[batch], observed[batch], settings, season_length=SEASON_LENGTH)


def _cost(settings: Decomposition, context: Floats) -> Figure:
    """Processor time per window, after the method's library was imported."""
    observed = np.ones(context.shape, np.bool_)
    _decompose(context[:1], observed[:1], settings)
    _, processor = _seconds(lambda: _decompose(context, observed, settings))
    trials = "" if settings.method == "stl" else f", {settings.trials} trials"
    name = f"a window by {settings.method}{trials}, processor time"
    return Figure(name, 1e3 * processor / len(context), "ms")


def _from_cache(context: Floats, observed: Bools) -> Figure:
    cache = DecompositionCache()
    cache.components(context, observed, VMD, season_length=SEASON_LENGTH)
    wall, _ = _seconds(
        lambda: cache.components(context, observed, VMD, season_length=SEASON_LENGTH)
    )
    return Figure("a window that was decomposed before", 1e3 * wall / len(context), "ms")


def _plain(context: Floats) -> tuple[float, float]:
    """Seconds per window of the loop, and how far ours are from it in ranges of a window."""
    windows = context - context.mean(axis=1, keepdims=True, dtype=np.float64)
    windows /= np.ptp(windows, axis=1, keepdims=True)
    found: list[Doubles] = []
    wall, _ = _seconds(lambda: found.extend(_loop(window) for window in windows))
    gap = np.abs(np.stack(found) - vmd.modes(windows, VMD)).max()
    return wall / len(windows), float(gap)


def _loop(window: Doubles) -> Doubles:
    """VMD of one window as in the paper, without dual ascent, shape `(L, K)`."""
    length = len(window)
    whole = np.fft.fft(np.concatenate([window, window[::-1]]))[:length]
    frequencies = np.arange(length) / (2 * length)
    spectra = np.zeros((VMD.modes, length), np.complex128)
    centres = 0.5 / VMD.modes * np.arange(VMD.modes)
    least = VMD.tolerance * np.sum(np.abs(whole) ** 2)
    for _ in range(VMD.max_iterations):
        before = spectra.copy()
        for k in range(VMD.modes):
            rest = whole - spectra.sum(axis=0) + spectra[k]
            spectra[k] = rest / (1 + VMD.alpha * (frequencies - centres[k]) ** 2)
            power = np.abs(spectra[k]) ** 2
            centres[k] = frequencies @ power / power.sum()
        if np.sum(np.abs(spectra - before) ** 2) <= least:
            break
    return np.fft.irfft(spectra[np.argsort(centres)], n=2 * length)[:, :length].T


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Of the clock, and of all processors."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


if __name__ == "__main__":
    sys.exit(alone("decomposition: what it costs", measure))
