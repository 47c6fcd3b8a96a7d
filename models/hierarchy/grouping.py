"""Which series each total holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.spec import ALL_SERIES
from models.panel import Ints
from models.scores import Doubles

ALL = "all"  # its label
NO_LABEL = "(no label)"  # where a series has none


@dataclass(frozen=True, eq=False)
class Grouping:
    """The totals of some series: `N` totals in `L` levels, `S` series.

    Attributes:
        levels: Level of each total, a static column or `ALL_SERIES`, `N` of them.
        labels: Label of each total, unique within its level, `N` of them.
        totals: Position of the total that holds each series, by level, shape `(L, S)`.
    """

    levels: tuple[str, ...]
    labels: tuple[str, ...]
    totals: Ints

    @classmethod
    def of(cls, labels: Mapping[str, Sequence[str]], *, num_series: int, total: bool) -> Self:
        """One total per label of each column, and one of all series where that is wanted.

        Args:
            labels: The label of every series by column, an empty one where it has none.
            num_series: Number of series, `S`.
            total: Whether their sum is wanted.

        >>> Grouping.of({"airport": ["JFK", "", "JFK"]}, num_series=3, total=True).labels
        ('all', '(no label)', 'JFK')
        """
        columns = {ALL_SERIES: [ALL] * num_series} if total and num_series else {}
        columns |= {name: [text or NO_LABEL for text in texts] for name, texts in labels.items()}
        levels: list[str] = []
        names: list[str] = []
        totals = np.empty((len(columns), num_series), np.int64)
        for at, (level, texts) in enumerate(columns.items()):
            found, codes = np.unique(np.array(texts, np.str_), return_inverse=True)
            totals[at] = len(names) + codes
            levels += [level] * len(found)
            names += found.tolist()
        return cls(tuple(levels), tuple(names), totals)

    @property
    def num_totals(self) -> int:
        """Number of totals, `N`."""
        return len(self.labels)

    @property
    def sizes(self) -> Ints:
        """Number of series in each total, shape `(N,)`."""
        return np.bincount(self.totals.ravel(), minlength=self.num_totals)

    def sums(self, values: NDArray[Any]) -> Doubles:
        """The sum over the series of each total.

        Args:
            values: Shape `(S, ...)`.

        Returns:
            Shape `(N, ...)`; NaN where one of the series is.

        >>> grouping = Grouping.of({"airport": ["JFK", "EWR", "JFK"]}, num_series=3, total=False)
        >>> grouping.sums(np.array([1, 2, 4])).tolist()
        [2.0, 5.0]
        """
        made = np.zeros((self.num_totals, *values.shape[1:]))
        self.add(made, values, begin=0)
        return made

    def add(self, sums: Doubles, values: NDArray[Any], *, begin: int) -> None:
        """Add the values of some series to the sums.

        Args:
            sums: Changed in place, shape `(N, ...)`.
            values: Of consecutive series, shape `(S', ...)`.
            begin: Position of the first of them.
        """
        for totals in self.totals[:, begin : begin + len(values)]:
            order = np.argsort(totals, kind="stable")
            held, begins = np.unique(totals[order], return_index=True)
            sums[held] += np.add.reduceat(values[order], begins, axis=0)

    def matrix(self) -> Doubles:
        """1 where a total holds a series, else 0, shape `(N, S)`."""
        made = np.zeros((self.num_totals, self.totals.shape[1]))
        for codes in self.totals:
            made[codes, np.arange(len(codes))] = 1
        return made
