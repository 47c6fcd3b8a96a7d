"""Warm starts: whether a forecaster can go on from where another ended, and how it then trains."""

from dataclasses import fields, replace
from typing import Final

from models.calendar_features import cycles_shown
from models.forecasters.neural import NeuralForecaster
from models.learning.settings import TrainingSettings
from models.panel import Panel

# Measured a week after the start, on the sample: a twentieth of the epochs came to the WQL of a
# training from scratch, and two or three twentieths to no less. A rate of 0.3 was no better.
EPOCHS_SHARE: Final = 0.05  # of the epochs of a training from scratch
RATE_SHARE: Final = 0.1  # of its highest learning rate
# What began from pretrained weights is wider and was trained in a fifth of the epochs, so that a
# whole epoch would be a quarter of it. On the sample anything from an eighth of one to all of it
# came to a WQL of 0.189, and so did the model of a week ago as it was.
PRETRAINED_WINDOWS_SHARE: Final = 1 / 3  # of the windows of an epoch
FEW_WINDOWS: Final = 1024  # an epoch of so few stays whole: of a step or two nothing is learned
# What may differ between a forecaster and its start; anything else changes what a weight means.
FREE: Final = frozenset(
    {
        "aligned_share",
        "auxiliary_weight",
        "batch_size",
        "catch_up",
        "combine",
        "device",
        "dropout",
        "freeze",
        "learning_rate",
        "max_epochs",
        "minutes",
        "seed",
        "tolerance",
        "windows_per_epoch",
    }
)


def warm_settings(settings: TrainingSettings) -> TrainingSettings:
    """The shorter and gentler training of a forecaster that starts from another.

    What began from pretrained weights draws a third of the windows in its one epoch.

    >>> settings = TrainingSettings("tcn", 336, 24, (0.5,), (24,), max_epochs=20)
    >>> warm_settings(settings).max_epochs
    1
    """
    windows = settings.windows_per_epoch
    if settings.pretrained:
        windows = max(round(PRETRAINED_WINDOWS_SHARE * windows), min(windows, FEW_WINDOWS))
    return replace(
        settings,
        windows_per_epoch=windows,
        max_epochs=max(1, round(EPOCHS_SHARE * settings.max_epochs)),
        learning_rate=RATE_SHARE * settings.learning_rate,
    )


def in_its_sizes(start: NeuralForecaster, settings: TrainingSettings) -> TrainingSettings:
    """Settings with the sizes and dropout of a start that has them from the package's weights."""
    had = start.settings
    if not had.pretrained:
        return settings
    return replace(
        settings,
        units=had.units,
        num_heads=had.num_heads,
        dropout=had.dropout,
        scalings=had.scalings,
        contexts=had.contexts,
        linear_paths=had.linear_paths,
        pretrained=had.pretrained,
    )


def why_not(
    start: NeuralForecaster, panel: Panel, settings: TrainingSettings, *, train_until: int
) -> str:
    """Say why a training cannot start from a forecaster, as the end of a sentence; empty if it can.

    Args:
        start: What was trained before.
        panel: What is trained on now.
        settings: What is trained now.
        train_until: Slot of the last step that training may see; the start must not have learned
            from later ones.
    """
    return (
        _later(start, panel, train_until)
        or _other_settings(start, panel, settings, train_until)
        or _other_columns(start, panel, train_until)
    )


def _later(start: NeuralForecaster, panel: Panel, train_until: int) -> str:
    if start.trained_until is None or start.trained_until <= train_until:
        return ""
    learned, allowed = (panel.grid.timestamp(slot) for slot in (start.trained_until, train_until))
    return (
        f"it has learned from steps up to {learned:%Y-%m-%d %H:%M} UTC, and this training may see "
        f"none after {allowed:%Y-%m-%d %H:%M} UTC"
    )


def _other_settings(
    start: NeuralForecaster, panel: Panel, settings: TrainingSettings, train_until: int
) -> str:
    if start.name != settings.network:
        return f"it is of the network {start.name}"
    settings = in_its_sizes(start, settings)
    for field in fields(settings):
        had, asked = getattr(start.settings, field.name), getattr(settings, field.name)
        if field.name not in FREE and had != asked:
            return f"its {field.name} is {had} instead of {asked}"
    if len(start.members) < settings.members:
        return f"its training ended after {len(start.members)} of {settings.members} members"
    longest = int(panel.lengths_until(train_until).max(initial=0))
    for number, member in enumerate(start.members):
        length = settings.member(number, longest=longest).context_length
        if member.context_length != length:
            return f"its member {number} reads {member.context_length} steps instead of {length}"
    return ""


def _other_columns(start: NeuralForecaster, panel: Panel, train_until: int) -> str:
    present = {"past": panel.past_names, "known": panel.known_names, "static": panel.static_names}
    for role, names in start.covariates.items():
        if set(names) != set(present[role]):
            return (
                f"its {role} covariates are {', '.join(names) or 'none'} instead of "
                f"{', '.join(present[role]) or 'none'}"
            )
    shown = cycles_shown(panel.grid, int(panel.lengths_until(train_until).max(initial=0)))
    for cycle in shown:
        if cycle not in start.features.cycles:
            return f"the history shows the cycle of a {cycle} by now, which it does not read"
    return ""
