"""Weights that come with the package: networks that have learned from synthetic series alone.

`python -m benchmarks.pretraining {hours,days}` made them once from series that it drew by chance,
those of hours on a GPU: days, weeks and years of many shapes over levels that drift, jump and
return. What they know is how such series go on, and nothing about any real one.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_contracts.errors import NightcastError
from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.calendar_features import HARMONICS, cycles_shown
from models.learning.sampling import split_origins
from models.learning.settings import NetworkSettings, TrainingSettings
from models.panel import Floats, Ints, Panel

NETWORKS: Final = ("attention_lstm", "multihead_lstm")
SCALINGS: Final = ("last_season",)


@dataclass(frozen=True)
class Weights:
    """Weights for series of one kind, in a file of the package.

    Attributes:
        name: Of the file; another file has another name.
        checksum: SHA-256 of it.
        steps: What its steps are called.
        steps_per_day: Of its grid.
        season_lengths: That it knows, in steps; the first is a patch.
        num_patches: Of the longest context.
        horizon: Steps that it forecasts at most.
        cycles: Of the calendar, which it has to be shown.
        units, num_heads: Sizes of its networks.
        contexts: Of its members, as multiples of the context of a training from scratch.
    """

    name: str
    checksum: str
    steps: str
    steps_per_day: int
    season_lengths: tuple[int, ...]
    num_patches: int
    horizon: int
    cycles: tuple[str, ...]
    units: int
    num_heads: int
    contexts: tuple[float, ...]

    @property
    def patch_length(self) -> int:
        """Steps per token."""
        return self.season_lengths[0]

    @property
    def context_length(self) -> int:
        """Steps of the longest context."""
        return self.patch_length * self.num_patches

    @property
    def num_waves(self) -> int:
        """Calendar features, which come before all covariates known ahead."""
        return sum(2 * HARMONICS[cycle] for cycle in self.cycles)


HOURS: Final = Weights(
    name="hourly-2",
    checksum="1699b7d32dc16c8c09c141f9379e1937048c0628f9fe41a5b8e68f8f6764ef0b",
    steps="hours",
    steps_per_day=24,
    season_lengths=(24, 168),
    num_patches=56,
    horizon=48,
    cycles=("day", "week"),
    units=128,
    num_heads=8,
    contexts=(4.0, 2.0),
)
DAYS: Final = Weights(
    name="daily-1",
    checksum="2b7f2dcd2e8b34263f31f84616b44cb80845e193bfb212a72458496698733b65",
    steps="days",
    steps_per_day=1,
    season_lengths=(7,),
    num_patches=24,
    horizon=28,
    cycles=("week",),
    units=64,
    num_heads=4,
    contexts=(3.0, 1.5),
)
KINDS: Final = (HOURS, DAYS)
# Chosen on earlier cuts of ETTh1 and of the sample, among 1/6, 1/3 and 2/3 of the rate and 2 to 8
# epochs: a few epochs more suit the one, a few less the other.
EPOCHS_SHARE: Final = 0.2  # of the epochs of a training from scratch
RATE_SHARE: Final = 1 / 3  # of its highest learning rate
TOLERANCE: Final = 0.02  # the held-out windows tell so few epochs apart only by chance
# A short history is soon known by heart: on sixteen panels of one to four series and 60 to 240 days
# four epochs as they suit ETTh1 made WQL 5 % worse than that of the weights as they are, and on
# sixteen others this training made it 3 % better (docs/benchmarks.md, short histories).
ENOUGH_WINDOWS: Final = 98_304  # of a panel; ETTh1 and the sample have more
WINDOWS_SHARE: Final = 1 / 8  # of a panel, in one epoch, at least a batch; neighbours are alike

Kept = Mapping[str, Floats]


def weights_for(grid: Grid) -> Weights | None:
    """The weights for steps of this length, None where there are none.

    >>> [(kind := weights_for(Grid(name))) and kind.steps for name in ("h", "D", "B", "30min")]
    ['hours', 'days', None, None]
    """
    fitting = (kind for kind in KINDS if grid.steps_in(days=28) == 28 * kind.steps_per_day)
    return next(fitting, None)


def pretrained_settings(
    settings: TrainingSettings, panel: Panel, *, train_until: int
) -> TrainingSettings:
    """The training of the same forecaster from weights that come with the package.

    Args:
        settings: The training from scratch.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.

    Raises:
        RefusedError: If no series has a window that ends by `train_until`.
        ValueError: If there are no weights for such steps.
    """
    weights = weights_for(panel.grid)
    if weights is None:
        raise ValueError("Expected steps that there are weights for; ask why_not_pretrained first.")
    most = weights.context_length / settings.context_length
    gentle = as_gentle_as_its_size(settings, panel, train_until=train_until)
    return replace(
        gentle,
        pretrained=weights.name,
        units=weights.units,
        num_heads=weights.num_heads,
        dropout=0.0,
        tolerance=TOLERANCE,
        scalings=SCALINGS,
        contexts=tuple(min(share, most) for share in weights.contexts),
        max_epochs=max(1, round(EPOCHS_SHARE * settings.max_epochs)),
        learning_rate=RATE_SHARE * gentle.learning_rate,
    )


def as_gentle_as_its_size(
    settings: TrainingSettings, panel: Panel, *, train_until: int
) -> TrainingSettings:
    """A training that stays the closer to its start the less there is to learn from.

    Few windows are drawn from a small panel, and the rate falls with the square root of its size.

    Args:
        settings: A training with contexts as from scratch.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.

    Raises:
        RefusedError: If no series has a window that ends by `train_until`.
    """
    windows = split_origins(panel, settings, train_until).everything.total
    return replace(
        settings,
        windows_per_epoch=min(settings.windows_per_epoch, max(1, round(WINDOWS_SHARE * windows))),
        learning_rate=min(1.0, windows / ENOUGH_WINDOWS) ** 0.5 * settings.learning_rate,
    )


def why_not_pretrained(settings: TrainingSettings, panel: Panel, *, train_until: int) -> str:
    """Say why no training can start from these weights, as the end of a sentence; empty if it can.

    Args:
        settings: What is trained.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.
    """
    weights = weights_for(panel.grid)
    if weights is None:
        return f"there are weights for {' and '.join(kind.steps for kind in KINDS)} alone"
    return _unknown(weights, settings) or _too_much(weights, settings, panel, train_until)


def _unknown(weights: Weights, settings: TrainingSettings) -> str:
    for network in settings.networks:
        if network not in NETWORKS:
            return f"it has no weights for {network}"
    patch, seasons = weights.patch_length, weights.season_lengths
    if settings.season_lengths != seasons or settings.patch_length != patch:
        known = f"seasons of {' and '.join(map(str, seasons))} steps"
        return f"it knows {known} alone, in patches of {patch}"
    if settings.decomposition or settings.holt:
        return "it reads no components, levels or trends"
    if settings.quantile_levels != DECILES:
        return "it forecasts the nine deciles alone"
    return ""


def _too_much(weights: Weights, settings: TrainingSettings, panel: Panel, train_until: int) -> str:
    longest, most = int(panel.lengths_until(train_until).max(initial=0)), weights.context_length
    if settings.horizon > weights.horizon:
        return (
            f"it forecasts {weights.horizon} steps at most, and the horizon is {settings.horizon}"
        )
    if settings.context_length > most:
        return f"it reads {most} steps at most, and the context is {settings.context_length}"
    if cycles_shown(panel.grid, longest)[: len(weights.cycles)] != weights.cycles:
        cycles = " and a ".join(weights.cycles)
        return f"it knows the cycle of a {cycles}, which the history does not show twice"
    return ""


def take_over(network: Any, name: str, sizes: NetworkSettings, weights: str) -> None:
    """Put the weights of a network that comes with the package into one of the product.

    That may read covariates, fewer days or forecast fewer steps: what the kept weights do not know
    is left out of sight at first, with weights of zero, and learned.

    Args:
        network: As `build_network` makes it.
        name: Of the network.
        sizes: What it was built with.
        weights: Name of their file.

    Raises:
        NightcastError: If the file is not what this version of the package came with.
    """
    kind = next((kind for kind in KINDS if kind.name == weights), None)
    if kind is None:
        raise _not_here(weights)
    kept = _of(kind, name, sizes.scaling)
    for variable in network.trainable_variables:
        if variable.path in kept:
            known = _within(kept[variable.path], variable.path, sizes)
            wide = np.zeros(variable.shape, np.float32)
            wide[_places(variable.path, len(known), sizes, kind.num_waves)] = known
            variable.assign(wide)


def _within(kept: Floats, path: str, sizes: NetworkSettings) -> Floats:
    """Of kept weights those of the patches that a network reads and forecasts."""
    past, ahead = sizes.num_tokens, sizes.num_future_patches
    if path == "head_days/kernel":
        return kept[-past:, :ahead]
    if path == "head_last_day/kernel":
        return kept[:, : ahead * sizes.patch_length]
    if path.endswith("position_bias"):
        return kept[:, :ahead, -past:]
    return kept


def _places(path: str, rows: int, sizes: NetworkSettings, num_waves: int) -> Ints:
    """Where the rows of a kept kernel lie in one that reads covariates too, shape `(rows,)`.

    The order is that of `models.encoding`: calendar waves come before covariates known ahead.
    """
    from models.encoding import STEP_WIDTH

    more = len(sizes.known_means) - num_waves
    places = np.arange(rows)
    if path == "encoder_tokens/kernel":  # patches, past, first steps, means
        places[-2 * num_waves :] += len(sizes.past_means)
        places[-num_waves:] += more
    elif path == "encoder_queries/kernel":  # state, first steps, means, static
        places[-1 - num_waves :] += more
    elif path == "head_hidden/kernel":  # mixtures, future, what the state says
        places[-STEP_WIDTH:] += more
    return places


def _of(kind: Weights, network: str, scaling: str) -> Kept:
    begin = f"{network}/{scaling}/"
    kept = _read(kind.name, kind.checksum)
    return {key.removeprefix(begin): each for key, each in kept.items() if key.startswith(begin)}


@cache
def _read(name: str, checksum: str) -> Kept:
    path = Path(__file__).parent / "weights" / f"{name}.npz"
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != checksum:
        raise _not_here(name)
    with np.load(io.BytesIO(content)) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def _not_here(name: str) -> NightcastError:
    return NightcastError(
        f"training.start_from: the weights {name} are missing or not those that this version "
        "came with; install Nightcast anew, or write none."
    )
