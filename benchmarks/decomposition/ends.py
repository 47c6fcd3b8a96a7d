"""How far the last day of a window's components is from what it is once the future is known.

    python -m benchmarks.decomposition.ends [--quick] [--json]

A window of 336 hours is decomposed alone, and again as the middle of one three times as long. The
root mean square of the difference over components, in standard deviations of the window, is the
end effect in its last day, beside what differs in its middle since another window has other modes.
VMD and EMD mirror the window by themselves; what else they can go on with stands beside that. EMD
is given the day repeated, VMD is not, as it gains nothing.
"""

import sys
from collections.abc import Callable

import numpy as np

from benchmarks.command import alone, tell
from benchmarks.decomposition.material import etth1_windows
from benchmarks.report import Figure
from models.decomposition import emd, stl, vmd
from models.decomposition.ends import extended
from models.decomposition.settings import Decomposition
from models.scores import Doubles

LENGTH = 336
DAY = 24
TINY = 1e-9  # for windows in which nothing moves
Method = Callable[[Doubles], Doubles]

METHODS: dict[str, Method] = {
    "vmd": lambda windows: vmd.modes(windows, Decomposition("vmd")),
    "eemd": lambda windows: emd.modes(windows, Decomposition("eemd")),
    "stl": lambda windows: stl.parts(windows, season_length=DAY),
}


def measure(*, quick: bool) -> list[Figure]:
    """The end effect of each method as it is, and where its ends are gone on with otherwise."""
    figures = []
    for name, method in METHODS.items():
        tell(f"decomposing by {name}")
        number = 8 if quick else 100 if name == "eemd" else 1000
        figures += _effects(name, method, _in_units_of_the_middle(number))
    return figures


def _in_units_of_the_middle(number: int) -> Doubles:
    """Windows three times as long, by the mean and spread of the middle third of each."""
    whole = etth1_windows(number, length=3 * LENGTH)
    window = whole[:, LENGTH : 2 * LENGTH]
    spread = window.std(axis=1, keepdims=True)
    return (whole - window.mean(axis=1, keepdims=True)) / np.maximum(spread, TINY)


def _effects(name: str, method: Method, whole: Doubles) -> list[Figure]:
    window = whole[:, LENGTH : 2 * LENGTH].copy()
    known = method(whole)[:, LENGTH : 2 * LENGTH]
    ways = {"as it is" if name == "stl" else "mirrored": window}
    if name != "stl":  # loess has no use for more steps
        ways |= {
            "a day repeated": extended(window, season_length=DAY),
            "turned at its ends": _turned(window),
        }
    return [
        Figure(f"{name}, {way}: last day", *_errors(method(longer), known))
        for way, longer in ways.items()
    ]


def _errors(components: Doubles, known: Doubles) -> tuple[float, str, None, float, str]:
    """Those of the last day, and beside it of the middle, as a figure shows them."""
    beyond = (components.shape[1] - LENGTH) // 2
    error = np.square(components[:, beyond : beyond + LENGTH] - known).mean(axis=(0, 2))  # (L,)
    middle = error[LENGTH // 3 : -LENGTH // 3].mean()
    return float(np.sqrt(error[-DAY:].mean())), "", None, float(np.sqrt(middle)), "in the middle"


def _turned(windows: Doubles) -> Doubles:
    """With two days on either side that are mirrored at the end's value too."""
    before = 2 * windows[:, :1] - windows[:, 2 * DAY : 0 : -1]
    after = 2 * windows[:, -1:] - windows[:, -2 : -2 * DAY - 2 : -1]
    return np.concatenate([before, windows, after], axis=1)


if __name__ == "__main__":
    sys.exit(alone("decomposition: what is lost at the ends", measure))
