"""How contexts are decomposed, and which contexts can be."""

from dataclasses import dataclass, field

from data_contracts.errors import SpecError

METHODS: tuple[str, ...] = ("vmd", "eemd", "ceemdan", "stl")
STL_COMPONENTS = 3  # trend, season, rest
BINS_PER_MODE = 8
SEASONS_OF_STL = 2  # with fewer, loess has one value per step of the season to smooth


@dataclass(frozen=True)
class Decomposition:
    """One way to decompose a context.

    Attributes:
        method: One of `METHODS`.
        modes: Components that come out, `M`; 3 of `stl`: trend, season and rest.
        seed: Of the noise that EEMD and CEEMDAN add; every window is given the same.
        trials: Noisy copies of a window that EEMD and CEEMDAN decompose. Cost grows with them;
            the noise that is left over falls with their square root. `docs/decomposition.md` says
            what 20 cost.
        alpha: Penalty of VMD on bandwidth: a mode halves what lies `alpha ** -0.5` cycles per
            step beside its centre. 2000 is usual; at it eleven modes fit side by side.
        tolerance: VMD stops when an iteration changes its modes by less of the window's energy.
        max_iterations: Of VMD; a window of a day's season needs some 50.
    """

    method: str
    modes: int = 5
    seed: int = field(default=7, compare=False)  # other noise takes a context apart alike
    trials: int = 20
    alpha: float = 2000.0
    tolerance: float = 1e-7
    max_iterations: int = 500

    def __str__(self) -> str:
        """In a sentence: `vmd into 5 components`."""
        return f"{self.method} into {self.modes} components"


def check_decomposition(settings: Decomposition, context_length: int, season_length: int) -> None:
    """Refuse what does not exist and what a context cannot carry.

    - VMD tells a mode by the centre and width of its spectrum. A mirrored context of `L` steps has
      `L` frequencies, and each mode needs eight.
    - EMD is a bank of filters that halve the band each time (Flandrin, Rilling and Gonçalvès,
      2004), so `L` steps have about `log2(L)` components (Wu and Huang, 2009).
    - STL needs two seasons of at least two steps to tell season from trend.

    Args:
        settings: What is wanted.
        context_length: Steps of context, `L`.
        season_length: Steps in one season.

    Raises:
        SpecError: In one sentence.
    """
    if settings.method not in METHODS:
        raise SpecError(
            f"training.decomposition.method: expected one of {', '.join(METHODS)}, got "
            f"{settings.method!r}."
        )
    if settings.method == "stl":
        _check_stl(settings, context_length, season_length)
    else:
        _check_modes(settings, context_length)


def most_modes(method: str, context_length: int) -> int:
    """Components that a context can carry.

    >>> most_modes("vmd", 336), most_modes("eemd", 336)
    (42, 8)
    """
    if method == "vmd":
        return context_length // BINS_PER_MODE
    return context_length.bit_length() - 1  # whole part of log2


def _check_modes(settings: Decomposition, context_length: int) -> None:
    most = most_modes(settings.method, context_length)
    if most < 2:
        raise SpecError(
            f"training.decomposition: a context of {context_length} steps is too short for "
            f"{settings.method}; lengthen training.context_length."
        )
    if not 2 <= settings.modes <= most:
        raise SpecError(
            f"training.decomposition.modes: expected 2 to {most}, which is what {settings.method} "
            f"can tell apart in a context of {context_length} steps, got {settings.modes}."
        )


def _check_stl(settings: Decomposition, context_length: int, season_length: int) -> None:
    if settings.modes != STL_COMPONENTS:
        raise SpecError(
            f"training.decomposition.modes: expected {STL_COMPONENTS} with stl, which are trend, "
            f"season and rest, got {settings.modes}."
        )
    if season_length < 2:
        raise SpecError(
            f"training.decomposition.method: stl needs a season of 2 steps or more, got "
            f"{season_length=}; choose another method."
        )
    if context_length < SEASONS_OF_STL * season_length:
        raise SpecError(
            f"training.decomposition.method: stl needs {SEASONS_OF_STL} seasons, "
            f"{SEASONS_OF_STL * season_length} steps, got {context_length=}; lengthen "
            "training.context_length."
        )
