"""How networks take over the weights that come with the package."""

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.errors import NightcastError
from models.calendar_features import HARMONICS
from models.learning.pretrained import KINDS, Weights
from models.learning.settings import NetworkSettings
from models.panel import Floats, Ints

Kept = Mapping[str, Floats]


def take_over(network: Any, name: str, sizes: NetworkSettings, weights: str) -> None:
    """Put the weights of a network that comes with the package into one of the product.

    That may go by other steps, read covariates or fewer days, or forecast fewer steps: what the
    kept weights do not know is left out of sight at first, with weights of zero, and learned.

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
    kept = _of(kind.in_steps(sizes.patch_length), name)
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
        return kept[-past:, : ahead * sizes.linear_paths]
    if path == "head_last_day/kernel":
        return kept[:, : ahead * sizes.patch_length * sizes.linear_paths]
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
        places[rows - 2 * num_waves :] += len(sizes.past_means)
        places[rows - num_waves :] += more
    elif path == "encoder_queries/kernel":  # state, first steps, means, static
        places[-1 - num_waves :] += more
    elif path == "head_hidden/kernel":  # mixtures, future, what the state says
        places[-STEP_WIDTH:] += more
    return places


def _of(kind: Weights, network: str) -> Kept:
    begin = f"{network}/{kind.scaling}/"
    everything = _read(kind.name, kind.checksum)
    kept = {
        key.removeprefix(begin): each for key, each in everything.items() if key.startswith(begin)
    }
    kept = {**kept, **_without_means_of_whole_cycles(kept, kind)}
    kept = {**kept, **_for_any_horizon(kept, kind.num_waves)}
    return {path: _resampled(each, path, kind) for path, each in kept.items()}


def _resampled(kept: Floats, path: str, kind: Weights) -> Floats:
    """Kept weights for longer or shorter steps than those that they were made of.

    A step of theirs is read as the mean of the steps that it overlaps, what was not observed as
    zero, and a step is forecast as the mean of theirs. What attention mixes patches of needs no
    such weights: it is as fine as the patches themselves.
    """
    from models.encoding import STEP_WIDTH

    size, made_of = kind.patch_length, kind.steps_made_of
    if made_of in {0, size}:
        return kept
    overlap = _overlap(size, made_of)
    read, said = overlap * made_of, overlap * size  # shares of one of theirs, and of one here

    def say(columns: Floats, width: int) -> Floats:
        """Columns of patches, `width` of each step."""
        steps = columns.reshape(*columns.shape[:-1], -1, made_of, width)
        resampled: Floats = np.einsum("...hw,sh->...sw", steps, said)
        return resampled.reshape(*columns.shape[:-1], -1)

    if path == "encoder_tokens/kernel":  # values and what was observed come before the rest
        values, observed, rest = np.split(kept, [made_of, 2 * made_of])
        return np.concatenate([read @ values, read @ observed, rest])
    if path == "attention_per_question/score_kernel":  # one is for all steps alike
        return np.concatenate([say(kept[:, :-1], 1), kept[:, -1:]], axis=1)
    if path in {"head_steps/kernel", "head_steps/bias"}:
        return say(kept, STEP_WIDTH)
    if path == "head_last_day/kernel":
        return say(read @ kept, kind.linear_paths)
    return kept


def _overlap(steps: int, others: int) -> Floats:
    """Share of a patch that each step has in common with each of the others, `(steps, others)`."""
    begin, end = np.arange(steps)[:, None] / steps, np.arange(1, steps + 1)[:, None] / steps
    other_begin, other_end = np.arange(others) / others, np.arange(1, others + 1) / others
    common = np.minimum(end, other_end) - np.maximum(begin, other_begin)
    return np.maximum(common, 0).astype(np.float32)


def _without_means_of_whole_cycles(kept: Kept, kind: Weights) -> dict[str, Floats]:
    """What changes so that the calendar of a part of a cycle is not read by weights at random.

    A patch spans the first cycle, the day of hours and the week of days, so that the mean of its
    waves over a patch was the same in every window and its weights have learned nothing. Where a
    horizon ends within a patch, or of the waves of twelve hours, the mean is another one.
    """
    if not kind.cycles:
        return {}
    first, made_of = kind.cycles[0], kind.steps_made_of or kind.patch_length
    of_it = 2 * HARMONICS[first]
    turns = np.arange(made_of) / (7 if first == "week" else made_of)
    turns = turns[:, None] * np.arange(1, HARMONICS[first] + 1)
    waves = np.concatenate([np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)], axis=1)
    mean, changed = waves.mean(axis=0).astype(np.float32), {}
    for layer in ("encoder_tokens", "encoder_queries"):  # the means come last
        kernel, bias = kept[f"{layer}/kernel"].copy(), kept[f"{layer}/bias"]
        begin = len(kernel) - kind.num_waves
        changed[f"{layer}/bias"] = bias + mean @ kernel[begin : begin + of_it]
        kernel[begin : begin + of_it] = 0.0
        changed[f"{layer}/kernel"] = kernel
    return changed


def _for_any_horizon(kept: Kept, num_waves: int) -> Kept:
    """What changes so that a shorter horizon is the beginning of a longer one.

    It is only nearly so where a calendar is told, whose mean over the last patch ends with the
    horizon. Networks are told which steps of a patch lie within the horizon. Here all did, so what
    they made of that is a constant and belongs to the bias.
    """
    from models.encoding import STEP_WIDTH

    ahead, changed = 1 + num_waves, {}
    # The order is that of `_places`; queries are told of the first step of a patch and the mean.
    for layer, behind in (
        ("encoder_queries", (2 * ahead, ahead)),
        ("head_hidden", (STEP_WIDTH + ahead,)),
    ):
        kernel, bias = kept[f"{layer}/kernel"].copy(), kept[f"{layer}/bias"]
        rows = [len(kernel) - each for each in behind]
        changed[f"{layer}/bias"] = bias + kernel[rows].sum(axis=0)
        kernel[rows] = 0.0
        changed[f"{layer}/kernel"] = kernel
    return changed


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
