"""From windows of a panel to what a network is called with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import SpecError
from models.calendar_features import HARMONICS, CalendarTable, cycles_shown
from models.decomposition.cache import SHARED
from models.decomposition.settings import Decomposition
from models.holt import HoltConstants, holt_states
from models.panel import Bools, Floats, Ints, Panel
from models.windows import Windows, at_slots, gather

Arrays = dict[str, NDArray[Any]]
BATCH_SIZE = 256  # windows that a network forecasts at once
ROWS_PER_PASS = 1 << 20


@dataclass(frozen=True)
class Features:
    """What a forecaster reads beside the target; learned once from the panel it is trained on.

    Attributes:
        past_names, known_names, static_names: Covariates, in the order of the network's inputs.
        cycles: Calendar cycles that come before the known covariates.
        vocabularies: Texts per static column; the code of a text is its position plus one.
        decomposition: How each context is taken apart; None where it is not.
        season_length: Steps of the season that a decomposition may look for.
        holt: Smoothing constants of level and trend; None where these are not read.
    """

    past_names: tuple[str, ...]
    known_names: tuple[str, ...]
    static_names: tuple[str, ...]
    cycles: tuple[str, ...]
    vocabularies: tuple[tuple[str, ...], ...]
    decomposition: Decomposition | None = None
    season_length: int = 1
    holt: HoltConstants | None = None

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Features":
        """What `asdict` made of some."""
        parts = dict(fields)
        if parts.get("decomposition"):
            parts["decomposition"] = Decomposition(**parts["decomposition"])
        if parts.get("holt"):
            parts["holt"] = HoltConstants(**parts["holt"])
        return cls(**parts)

    @classmethod
    def of(cls, panel: Panel, learned: Bools, *, until: int) -> "Features":
        """All covariates of a panel, and the cycles and texts that training meets.

        Args:
            panel: What is trained on.
            learned: Series that windows can be drawn from, shape `(S,)`. A text of others alone has
                no code, so that the unknown serves them and not a vector that never learned.
            until: Slot of the last step that training may see.
        """
        met = panel.static[learned]
        columns = range(len(panel.static_names))
        return cls(
            past_names=panel.past_names,
            known_names=panel.known_names,
            static_names=panel.static_names,
            cycles=cycles_shown(panel.grid, int(panel.lengths_until(until).max())),
            vocabularies=tuple(
                tuple(str(text) for text in np.unique(met[:, at])) for at in columns
            ),
        )

    @property
    def num_waves(self) -> int:
        """Calendar features that come before the known covariates."""
        return sum(2 * HARMONICS[cycle] for cycle in self.cycles)

    def past_positions(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Where some of the past covariates lie.

        Raises:
            SpecError: If one is not among them.

        >>> Features(("temp", "wind"), (), (), (), ()).past_positions(("wind",))
        (1,)
        """
        for name in names:
            if name not in self.past_names:
                raise SpecError(
                    f"training.auxiliary: expected some of covariates.past, which are "
                    f"{', '.join(self.past_names) or 'none'}, got {name!r}."
                )
        return tuple(self.past_names.index(name) for name in names)

    def codes(self, static: NDArray[np.str_]) -> NDArray[np.int32]:
        """Codes of static texts, 0 where a text is unknown.

        Args:
            static: Shape `(B, C)`, columns in the order of `static_names`.

        >>> Features((), (), ("size",), (), (("big", "small"),)).codes(
        ...     np.array([["small"], ["huge"]])
        ... ).tolist()
        [[2], [0]]
        """
        codes = np.zeros(static.shape, np.int32)
        for at, words in enumerate(self.vocabularies):
            place = np.searchsorted(words, static[:, at])
            found = np.asarray(words)[np.minimum(place, len(words) - 1)] == static[:, at]
            codes[:, at] = np.where(found, place + 1, 0)
        return codes


class WindowReader:
    """Gathers batches from one panel for one set of features.

    Args:
        panel: May be memory-mapped; nothing of it is copied but what a batch needs.
        features: What to read; the panel may hold more.
        context_length: Steps of context, `L`.
        horizon: Steps of target, `H`.
        auxiliary: Past covariates whose future the windows hold too, `A` of them.

    Raises:
        SpecError: If the panel lacks a covariate.
    """

    def __init__(
        self,
        panel: Panel,
        features: Features,
        *,
        context_length: int,
        horizon: int,
        auxiliary: tuple[str, ...] = (),
    ) -> None:
        self._panel = panel
        self._context_length = context_length
        self._horizon = horizon
        self._past = _positions(features.past_names, panel.past_names, "past")
        self._auxiliary = _positions(auxiliary, panel.past_names, "past")
        self._known = _positions(features.known_names, panel.known_names, "known")
        static = _positions(features.static_names, panel.static_names, "static")
        self._codes = features.codes(panel.static[:, static])
        self._features = features
        self._holt = holt_states(panel, features.holt) if features.holt else None
        first = int(panel.first_slots.min()) - context_length
        last = panel.cutoff_slot + max(horizon, panel.horizon)
        self._calendar = CalendarTable.between(panel.grid, first, last, features.cycles)

    def read(self, series: Ints, origins: Ints) -> tuple[Arrays, Windows]:
        """Inputs of a network for `B` windows, and the windows themselves.

        Args:
            series: Position of each window's series, shape `(B,)`.
            origins: Slot of the last step of each context, shape `(B,)`.
        """
        length, horizon = self._context_length, self._horizon
        windows = gather(
            self._panel,
            series,
            origins,
            context_length=length,
            horizon=horizon,
            auxiliary=self._auxiliary,
        )
        slots = origins[:, None] + np.arange(1 - length, horizon + 1)  # (B, L + H)
        known = np.concatenate([self._calendar.at(slots), windows.known[..., self._known]], axis=-1)
        arrays: Arrays = {
            "context": windows.context.astype(np.float32, copy=False),
            "observed": windows.observed,
            "past": windows.past[..., self._past],
            "known": known,
            "static": self._codes[series],
            **self._derived(windows, series, origins),
        }
        return {name: array for name, array in arrays.items() if array.shape[-1] > 0}, windows

    def _derived(self, windows: Windows, series: Ints, origins: Ints) -> Arrays:
        """What is computed from the target alone: of each context, or of each series up to it."""
        arrays = Arrays()
        if self._features.decomposition:
            how = self._features.decomposition
            arrays["components"] = self._components(how, windows, series, origins)
        if self._holt is not None:
            slots = origins[:, None] + np.arange(1 - self._context_length, 1)
            arrays["holt"] = at_slots(self._panel, self._holt, series, slots)
        return arrays

    def _components(
        self, how: Decomposition, windows: Windows, series: Ints, origins: Ints
    ) -> Floats:
        """Of each context, from that alone, wherever it lies, shape `(B, L, M)`."""
        season_length = self._features.season_length
        return SHARED.components(
            windows.context, windows.observed, how, season_length=season_length
        )

    def batches(self, series: Ints, origins: Ints) -> Iterator[tuple[slice, Arrays]]:
        """Places of some windows and inputs for them; the last batch is filled up to full size.

        With one size a network is compiled once, and a forecast does not depend on how many others
        are made beside it.
        """
        for begin in range(0, len(series), BATCH_SIZE):
            filled = np.minimum(np.arange(begin, begin + BATCH_SIZE), len(series) - 1)
            arrays, _ = self.read(series[filled], origins[filled])
            yield slice(begin, min(begin + BATCH_SIZE, len(series))), arrays


def _positions(wanted: tuple[str, ...], present: tuple[str, ...], role: str) -> list[int]:
    missing = [name for name in wanted if name not in present]
    if missing:
        raise SpecError(
            f"covariates.{role}: the forecaster was trained with {missing[0]!r}, the panel has "
            f"{', '.join(present) or 'none'}; add the covariate or train anew."
        )
    return [present.index(name) for name in wanted]


def moments(values: Floats, rows: Ints) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per column over some rows; what is not finite does not count.

    Args:
        values: Shape `(N, F)`, may be memory-mapped; read in passes.
        rows: Bounds of the row ranges that count, shape `(S, 2)`.

    Returns:
        Means and scales, `F` of each; 0 and 1 where a column is constant or empty.
    """
    width = values.shape[1]
    count, total, square = np.zeros(width), np.zeros(width), np.zeros(width)
    for begin, end in rows:
        for start in range(begin, end, ROWS_PER_PASS):
            part = np.asarray(values[start : min(start + ROWS_PER_PASS, end)], np.float64)
            there = np.isfinite(part)
            part = np.where(there, part, 0)
            count += there.sum(axis=0)
            total += part.sum(axis=0)
            square += np.square(part).sum(axis=0)
    mean = total / np.maximum(count, 1)
    variance = square / np.maximum(count, 1) - mean**2
    scale = np.sqrt(np.maximum(variance, 0))
    scale = np.where(scale > 1e-6 * (1 + np.abs(mean)), scale, 1.0)
    return tuple(mean.tolist()), tuple(scale.tolist())
