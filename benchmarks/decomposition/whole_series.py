"""The usual mistake, on purpose: a series is decomposed whole, and its windows are cut afterwards.

Then the components at the end of a context know what comes after it. Nothing of the product can do
this; benchmarks show what it would feign, and that the audit of leaks catches it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch
from weakref import WeakKeyDictionary

import numpy as np
from typing_extensions import override

from models.decomposition.decompose import decompose
from models.decomposition.settings import Decomposition
from models.learning.window_inputs import WindowReader
from models.panel import Floats, Ints, Panel
from models.windows import Windows, at_slots

READERS = ("models.learning.training.WindowReader", "models.forecasters.neural.WindowReader")


@contextmanager
def decomposed_whole() -> Iterator[None]:
    """Trainings and forecasts leak while this lasts."""
    with patch(READERS[0], _Leaking), patch(READERS[1], _Leaking):
        yield


class _Leaking(WindowReader):
    """Takes the components of a window out of those of its whole series."""

    @override
    def _components(
        self, how: Decomposition, windows: Windows, series: Ints, origins: Ints
    ) -> Floats:
        slots = origins[:, None] + np.arange(1 - windows.context.shape[1], 1)
        whole = _of_whole(self._panel, how, self._features.season_length)
        return np.nan_to_num(at_slots(self._panel, whole, series, slots))


_KEPT: "WeakKeyDictionary[Panel, tuple[Decomposition, Floats]]" = WeakKeyDictionary()


def _of_whole(panel: Panel, how: Decomposition, season_length: int) -> Floats:
    """Components of every row of a panel, with all that comes after it, shape `(N, M)`."""
    known = _KEPT.get(panel)
    if known is None or known[0] != how:
        known = how, _decompose(panel, how, season_length)
        _KEPT[panel] = known
    return known[1]


def _decompose(panel: Panel, how: Decomposition, season_length: int) -> Floats:
    parts = []
    for begin, end in zip(panel.indptr[:-1], panel.indptr[1:], strict=True):
        there = panel.observed[None, begin:end]
        y = np.where(there, panel.y[None, begin:end], 0)
        parts.append(decompose(y, there, how, season_length=season_length)[0])
    return np.concatenate(parts)
