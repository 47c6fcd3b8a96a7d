"""Weights that come with the package: networks that have learned from synthetic series alone.

`python -m benchmarks.pretraining` made them once, on a GPU, from hourly series that it drew by
chance: days and weeks of many shapes over levels that drift, jump and return. What they know is how
such series go on, and nothing about any real one.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_contracts.errors import NightcastError
from data_contracts.spec import DECILES
from models.calendar_features import HARMONICS, cycles_shown
from models.learning.sampling import split_origins
from models.learning.settings import NetworkSettings, TrainingSettings
from models.panel import Floats, Ints, Panel

HOURLY: Final = "hourly-2"  # another file has another name
CHECKSUM: Final = "1699b7d32dc16c8c09c141f9379e1937048c0628f9fe41a5b8e68f8f6764ef0b"
NETWORKS: Final = ("attention_lstm", "multihead_lstm")
SCALINGS: Final = ("last_season",)
UNITS, NUM_HEADS = 128, 8
SEASONS, PATCH, DAYS, HORIZON = (24, 168), 24, 56, 48  # in steps, and patches of context
CYCLES = ("day", "week")
WAVES = sum(2 * HARMONICS[cycle] for cycle in CYCLES)
# Chosen on earlier cuts of ETTh1 and of the sample, among 1/6, 1/3 and 2/3 of the rate and 2 to 8
# epochs: a few epochs more suit the one, a few less the other.
EPOCHS_SHARE: Final = 0.2  # of the epochs of a training from scratch
RATE_SHARE: Final = 1 / 3  # of its highest learning rate
TOLERANCE: Final = 0.02  # the held-out windows tell so few epochs apart only by chance
CONTEXTS: Final = (4.0, 2.0)  # multiples of the context of a training from scratch
# A short history is soon known by heart: on sixteen panels of one to four series and 60 to 240 days
# four epochs as they suit ETTh1 made WQL 5 % worse than that of the weights as they are, and on
# sixteen others this training made it 3 % better (docs/benchmarks.md, short histories).
ENOUGH_WINDOWS: Final = 98_304  # of a panel; ETTh1 and the sample have more
WINDOWS_SHARE: Final = 1 / 8  # of a panel, in one epoch; neighbours share most of their targets

Kept = Mapping[str, Floats]


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
    """
    most = PATCH * DAYS / settings.context_length
    gentle = as_gentle_as_its_size(settings, panel, train_until=train_until)
    return replace(
        gentle,
        pretrained=HOURLY,
        units=UNITS,
        num_heads=NUM_HEADS,
        dropout=0.0,
        tolerance=TOLERANCE,
        scalings=SCALINGS,
        contexts=tuple(min(share, most) for share in CONTEXTS),
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
    return _unknown(settings) or _too_much(settings, panel, train_until)


def _unknown(settings: TrainingSettings) -> str:
    for network in settings.networks:
        if network not in NETWORKS:
            return f"it has no weights for {network}"
    if settings.season_lengths != SEASONS or settings.patch_length != PATCH:
        return "it knows seasons of 24 and 168 steps alone, in patches of 24"
    if settings.decomposition or settings.holt:
        return "it reads no components, levels or trends"
    if settings.quantile_levels != DECILES:
        return "it forecasts the nine deciles alone"
    return ""


def _too_much(settings: TrainingSettings, panel: Panel, train_until: int) -> str:
    longest = int(panel.lengths_until(train_until).max(initial=0))
    if settings.horizon > HORIZON:
        return f"it forecasts {HORIZON} steps at most, and the horizon is {settings.horizon}"
    if settings.context_length > PATCH * DAYS:
        return (
            f"it reads {PATCH * DAYS} steps at most, and the context is {settings.context_length}"
        )
    if panel.grid.steps_in(days=1) != PATCH:
        return "it knows hours alone"
    if cycles_shown(panel.grid, longest)[: len(CYCLES)] != CYCLES:
        return "it knows days and weeks, and the history does not show both twice"
    return ""


def take_over(network: Any, name: str, sizes: NetworkSettings) -> None:
    """Put the weights of a network that comes with the package into one of the product.

    That may read covariates, fewer days or forecast fewer steps: what the kept weights do not know
    is left out of sight at first, with weights of zero, and learned.

    Args:
        network: As `build_network` makes it.
        name: Of the network.
        sizes: What it was built with.

    Raises:
        NightcastError: If the file is not what this version of the package came with.
    """
    kept = _of(name, sizes.scaling)
    for variable in network.trainable_variables:
        if variable.path in kept:
            fresh = np.array(variable.value)
            variable.assign(_fitted(variable.path, kept[variable.path], fresh, sizes))


def _fitted(path: str, kept: Floats, fresh: Floats, sizes: NetworkSettings) -> Floats:
    """Kept weights in the shape of those of a network."""
    days, ahead = sizes.num_tokens, sizes.num_future_patches
    if path == "head_days/kernel":
        return kept[-days:, :ahead]
    if path == "head_last_day/kernel":
        return kept[:, : ahead * PATCH]
    if path.endswith("position_bias"):
        return kept[:, :ahead, -days:]
    if kept.shape == fresh.shape:
        return kept
    wide = np.zeros_like(fresh)
    wide[_places(path, len(kept), sizes)] = kept
    return wide


def _places(path: str, rows: int, sizes: NetworkSettings) -> Ints:
    """Where the rows of a kept kernel lie in one that reads covariates too, shape `(rows,)`.

    The order is that of `models.encoding`: calendar waves come before covariates known ahead.
    """
    from models.encoding import STEP_WIDTH

    more = len(sizes.known_means) - WAVES
    places = np.arange(rows)
    if path == "encoder_tokens/kernel":  # patches, past, first steps, means
        places[-2 * WAVES :] += len(sizes.past_means)
        places[-WAVES:] += more
    elif path == "encoder_queries/kernel":  # state, first steps, means, static
        places[-1 - WAVES :] += more
    elif path == "head_hidden/kernel":  # mixtures, future, what the state says
        places[-STEP_WIDTH:] += more
    return places


def _of(name: str, scaling: str) -> Kept:
    begin = f"{name}/{scaling}/"
    return {key.removeprefix(begin): kept for key, kept in _all().items() if key.startswith(begin)}


@cache
def _all() -> Kept:
    path = Path(__file__).parent / "weights" / f"{HOURLY}.npz"
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != CHECKSUM:
        raise NightcastError(
            f"training.start_from: the weights {HOURLY} are missing or not those that this version "
            "came with; install Nightcast anew, or write none."
        )
    with np.load(io.BytesIO(content)) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}
