"""What every benchmark prints: figures against their targets, and what falls short.

A benchmark builds `Figure`s and ends with `sys.exit(publish(...))`. Where many contenders stand
side by side, it shows them in a `Listing` above.
"""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured.
        ours: The value of Nightcast.
        unit: Of all values of this figure.
        target: What it has to reach, None where it is only shown.
        peer: The value of the peer or of the bare library in the same run.
        peer_name: Who the peer is.
        higher_is_better: Whether the target is a lower bound and not an upper one.
    """

    name: str
    ours: float
    unit: str = ""
    target: float | None = None
    peer: float | None = None
    peer_name: str = ""
    higher_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours per peer.

        >>> Figure("read", ours=2.0, unit="s", peer=8.0).ratio
        0.25
        """
        return self.ours / self.peer if self.peer else None

    @property
    def falls_short(self) -> bool:
        """Whether the target is missed; a value that is no number misses every target.

        >>> Figure("read", ours=7.0, target=6.0).falls_short
        True
        """
        if self.target is None:
            return False
        reached = self.ours >= self.target if self.higher_is_better else self.ours <= self.target
        return not reached

    @property
    def shortfall(self) -> str:
        """The missed target in words."""
        side = "at least" if self.higher_is_better else "at most"
        return f"{self.name} {_number(self.ours, self.unit)}, {side} {_number(self.target, '')}"


@dataclass(frozen=True)
class Listing:
    """A table that is shown and not judged.

    Attributes:
        title: What it shows.
        columns: Names; the first and the last hold words, those between them numbers.
        rows: A value per column, None where there is none.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str | float | None, ...]]


def publish(
    title: str, figures: list[Figure], *, as_json: bool, listings: Sequence[Listing] = ()
) -> int:
    """Print all listings and figures, last of all what falls short.

    Returns:
        The exit status: 0 if nothing falls short, else 1.
    """
    short = [figure for figure in figures if figure.falls_short]
    verdict = "; ".join(figure.shortfall for figure in short) if short else "nothing"
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    if as_json:
        rows = [asdict(figure) | {"ratio": figure.ratio} for figure in figures]
        content = {"title": title, "machine": machine, "figures": rows, "falls_short": verdict}
        if listings:
            content["listings"] = [asdict(listing) for listing in listings]
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
    else:
        console = Console(width=None if sys.stdout.isatty() else 120)
        for listing in listings:
            console.print(_listed(listing))
        console.print(_table(f"{title} ({machine})", figures))
        console.print(f"falls short: {verdict}", markup=False)
    return 1 if short else 0


def _table(title: str, figures: list[Figure]) -> Table:
    table = Table(title=title)
    table.add_column("figure")
    for column in ("target", "ours", "peer", "ratio"):
        table.add_column(column, justify="right")
    for figure in figures:
        sign = "≥" if figure.higher_is_better else "≤"
        target = "" if figure.target is None else f"{sign} {_number(figure.target, '')}"
        peer = f"{_number(figure.peer, figure.unit)} {figure.peer_name}".strip()
        style = "red" if figure.falls_short else None
        ours = _number(figure.ours, figure.unit)
        table.add_row(figure.name, target, ours, peer, _number(figure.ratio, ""), style=style)
    return table


def _listed(listing: Listing) -> Table:
    table = Table(title=listing.title)
    for position, column in enumerate(listing.columns):
        words = position in (0, len(listing.columns) - 1)
        table.add_column(column, justify="left" if words else "right")
    for row in listing.rows:
        table.add_row(*(cell if isinstance(cell, str) else _number(cell, "") for cell in row))
    return table


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.4g} {unit}".strip()
