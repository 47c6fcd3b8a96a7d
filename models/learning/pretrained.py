"""Weights that come with the package: networks that have learned from synthetic series alone.

`python -m benchmarks.pretraining` made them once from series that it drew by chance, those of
hours on a GPU: days, weeks and years of many shapes over levels that drift, jump and return. What
they know is how such series go on, and nothing about any real one.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.calendar_features import HARMONICS, cycles_shown, days_per_step
from models.learning.sampling import split_origins
from models.learning.settings import TrainingSettings
from models.panel import Panel

NETWORKS: Final = ("attention_lstm", "multihead_lstm")
SAME_STEP: Final = 0.02  # months are not equally long
MOST_STEPS: Final = 288  # of a day; 56 days of single minutes would be 80,640 steps


@dataclass(frozen=True)
class Weights:
    """Weights for series of one kind, in a file of the package.

    Attributes:
        name: Of the file; another file has another name.
        checksum: SHA-256 of it.
        steps: What its steps are called.
        days_per_step: Of its grid, on average.
        season_lengths: That it knows, in steps; the first is a patch.
        num_patches: Of the longest context.
        horizon: Steps that it forecasts at most.
        cycles: Of the calendar, which it has to be shown.
        units, num_heads: Sizes of its networks.
        contexts: Of its members, as multiples of the context of a training from scratch.
        scaling: Method of `InstanceScaling`.
        linear_paths: Of its networks, see `TrainingSettings`.
        steps_made_of: Of a patch when the file was made; 0 where as many as here.
    """

    name: str
    checksum: str
    steps: str
    days_per_step: float
    season_lengths: tuple[int, ...]
    num_patches: int
    horizon: int
    cycles: tuple[str, ...]
    units: int
    num_heads: int
    contexts: tuple[float, ...]
    scaling: str = "last_season"
    linear_paths: int = 1
    steps_made_of: int = 0

    def in_steps(self, patch_length: int) -> "Weights":
        """The same weights for steps of which so many make a patch."""
        if patch_length == self.patch_length:
            return self
        before = self.patch_length
        return replace(
            self,
            days_per_step=self.days_per_step * before / patch_length,
            season_lengths=tuple(season * patch_length // before for season in self.season_lengths),
            horizon=self.horizon * patch_length // before,
            steps_made_of=self.patch_length_in_file,
        )

    @property
    def patch_length(self) -> int:
        """Steps per token."""
        return self.season_lengths[0]

    @property
    def patch_length_in_file(self) -> int:
        """Steps per token when the file was made."""
        return self.steps_made_of or self.patch_length

    @property
    def parts(self) -> float:
        """Steps for each of those that the file was made of."""
        return self.patch_length / self.patch_length_in_file

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
    days_per_step=1 / 24,
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
    days_per_step=1.0,
    season_lengths=(7,),
    num_patches=24,
    horizon=28,
    cycles=("week",),
    units=64,
    num_heads=4,
    contexts=(3.0, 1.5),
)
BUSINESS_DAYS: Final = replace(
    DAYS,
    name="business-daily-1",
    checksum="60aef67f3a3a139b02b70f4d087d52f421ce5172cc2a580a38f151dddd54d3c9",
    steps="business days",
    days_per_step=1.4,
    season_lengths=(5,),
    horizon=20,
    contexts=(2.4, 1.2),
    linear_paths=8,
)
WEEKS: Final = Weights(
    name="weekly-1",
    checksum="d2fa9f097d8b78891e37cb5f6d617b43ca9f559c783850e33cffa8bdc26f5f80",
    steps="weeks",
    days_per_step=7.0,
    season_lengths=(52,),
    num_patches=5,
    horizon=52,
    cycles=(),
    units=64,
    num_heads=4,
    contexts=(2.5, 2.0),
    scaling="last_two_seasons",
    linear_paths=8,
)
MONTHS: Final = replace(
    WEEKS,
    name="monthly-1",
    checksum="1bb739ddebfc6e9f2217e63193d1f245609169093f30da986a8c1bb6684ba581",
    steps="months",
    days_per_step=30.44,
    season_lengths=(12,),
    num_patches=9,
    horizon=24,
    contexts=(3.0, 2.0),
)
QUARTERS: Final = replace(
    WEEKS,
    name="quarterly-1",
    checksum="9ae59079a722accf6feb1c92647a8b7138067a793951fa581150408c3d725303",
    steps="quarters",
    days_per_step=91.31,
    season_lengths=(4,),
    num_patches=12,
    horizon=12,
    contexts=(3.0, 2.0),
)
KINDS: Final = (HOURS, DAYS, BUSINESS_DAYS, WEEKS, MONTHS, QUARTERS)
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


def weights_for(grid: Grid) -> Weights | None:
    """The weights for steps of this length, None where there are none.

    Those of hours are for all steps of which a day holds a whole number, down to five minutes.

    >>> [(kind := weights_for(Grid(name))) and kind.steps for name in ("h", "15min", "2D", "MS")]
    ['hours', 'hours', None, 'months']
    """
    days = days_per_step(grid)
    steps = round(1 / days)  # of a day
    if 1 < steps <= MOST_STEPS and math.isclose(steps * days, 1):
        return HOURS.in_steps(steps)
    near = (kind for kind in KINDS if abs(days / kind.days_per_step - 1) < SAME_STEP)
    return next(near, None)


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
    gentle = as_gentle_as_its_size(settings, panel, train_until=train_until)
    return replace(
        gentle,
        pretrained=weights.name,
        units=weights.units,
        num_heads=weights.num_heads,
        dropout=0.0,
        linear_paths=weights.linear_paths,
        tolerance=TOLERANCE,
        scalings=(weights.scaling,),
        contexts=tuple(_whole_patches(share, settings, weights) for share in weights.contexts),
        max_epochs=max(1, round(EPOCHS_SHARE * settings.max_epochs)),
        learning_rate=RATE_SHARE * gentle.learning_rate,
    )


def _whole_patches(share: float, settings: TrainingSettings, weights: Weights) -> float:
    """A multiple of the context that ends with a patch, and that the weights know."""
    patches = math.ceil(share * settings.context_length / weights.patch_length)
    return min(patches, weights.num_patches) * weights.patch_length / settings.context_length


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
    weights = weights_for(panel.grid)
    parts = max(1.0, weights.parts) if weights else 1.0  # which tell hardly more than the whole
    windows = split_origins(panel, settings, train_until).everything.total / parts
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
        _, *most, last = (kind.steps for kind in KINDS)
        parts = f"whole parts of a day down to {1440 // MOST_STEPS} minutes"
        return f"there are weights for steps of {parts}, {', '.join(most)} and {last} alone"
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
