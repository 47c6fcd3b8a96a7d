"""Components of windows that were decomposed before."""

import hashlib
from collections import OrderedDict
from threading import Lock

import numpy as np

from models.decomposition.decompose import decompose
from models.decomposition.settings import Decomposition
from models.panel import Bools, Floats

MAX_BYTES = 512 << 20  # 76,000 windows of 336 steps in 5 components
OVERHEAD = 256  # bytes that an entry takes beside its numbers


class DecompositionCache:
    """Decomposes a window once, whoever asks: every epoch, every member, the next night.

    A window is known by what it holds and how it is decomposed, so nothing that was kept can be
    stale, and two snapshots share what they have in common. Threads may ask at the same time; if
    two miss the same window, both decompose it and get the same bytes.

    Args:
        max_bytes: What may be kept; what was not asked for the longest goes first.

    Attributes:
        decomposed: Windows that were not kept when they were asked for.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.decomposed = 0
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._kept: OrderedDict[bytes, Floats] = OrderedDict()
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """What is kept at the moment."""
        return self._held_bytes

    def components(
        self, context: Floats, observed: Bools, settings: Decomposition, *, season_length: int
    ) -> Floats:
        """What `decompose` returns, shape `(B, L, M)`; those that are missing are made together.

        Args:
            context: 0 where not observed, shape `(B, L)`.
            observed: Shape `(B, L)`.
            settings: How to decompose.
            season_length: Steps in one season.
        """
        keys = _keys(context, observed, f"{settings!r} {season_length}")
        found = self._look_up(keys)
        missing = {key: row for row, key in enumerate(keys) if key not in found}
        rows = list(missing.values())
        made = decompose(context[rows], observed[rows], settings, season_length=season_length)
        fresh = {key: window.copy() for key, window in zip(missing, made, strict=True)}
        self._keep(fresh)
        found |= fresh
        return np.stack([found[key] for key in keys]) if keys else made

    def _look_up(self, keys: list[bytes]) -> dict[bytes, Floats]:
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return found

    def _keep(self, fresh: dict[bytes, Floats]) -> None:
        with self._lock:
            self.decomposed += len(fresh)
            for key, window in fresh.items():
                if key not in self._kept:
                    self._held_bytes += window.nbytes + OVERHEAD
                self._kept[key] = window
            while self._held_bytes > self._max_bytes:
                _, window = self._kept.popitem(last=False)
                self._held_bytes -= window.nbytes + OVERHEAD


SHARED = DecompositionCache()  # the one of this process


def _keys(context: Floats, observed: Bools, how: str) -> list[bytes]:
    """What each window holds and how it is decomposed, in 16 bytes."""
    start = hashlib.blake2b(f"{how} {context.shape[1]}".encode(), digest_size=16)
    keys = []
    for values, there in zip(
        np.ascontiguousarray(context), np.ascontiguousarray(observed), strict=True
    ):
        digest = start.copy()
        digest.update(values)
        digest.update(there)
        keys.append(digest.digest())
    return keys
