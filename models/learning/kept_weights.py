"""How networks take over the weights that come with the package."""

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.errors import NightcastError
from models.calendar_features import waves
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
    kept = {**kept, **_without_constants(kept, kind)}
    return {path: _resampled(each, path, kind) for path, each in kept.items()}


def _resampled(kept: Floats, path: str, kind: Weights) -> Floats:
    """Kept weights for longer or shorter steps than those that they were made of.

    A step of theirs is read as the mean of the steps that it overlaps, what was not observed as
    zero, and a step is forecast as the mean of theirs. What attention mixes patches of needs no
    such weights: it is as fine as the patches themselves.
    """
    from models.encoding import STEP_WIDTH

    size, made_of = kind.patch_length, kind.patch_length_in_file
    if size == made_of:
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


def _without_constants(kept: Kept, kind: Weights) -> Kept:
    """What changes so that nothing is read by weights that only ever saw one value.

    What a layer made of such a value belongs to its bias. Networks are told which steps of a patch
    lie within the horizon, which all did. And of the cycle that a patch spans, the day of hours and
    the week of days, they are told the mean over the patch, which is another one where a horizon
    ends within a patch, or of the waves of twelve hours. So a shorter horizon is the beginning of a
    longer one, nearly so where another cycle is told, whose mean ends with the horizon.
    """
    from models.encoding import STEP_WIDTH

    inside, mean = np.ones(1, np.float32), _mean_over_a_patch(kind)
    ahead = 1 + kind.num_waves
    # How many rows before the end, in the order of `_places`, and which values lie from there on;
    # queries are told of the first step of a patch and the mean.
    constants = {
        "encoder_tokens": [(kind.num_waves, mean)],
        "encoder_queries": [(2 * ahead, inside), (ahead, np.concatenate([inside, mean]))],
        "head_hidden": [(STEP_WIDTH + ahead, inside)],
    }
    changed: dict[str, Floats] = {}
    for layer, told in constants.items():
        kernel, bias = kept[f"{layer}/kernel"].copy(), kept[f"{layer}/bias"].copy()
        for behind, values in told:
            begin = len(kernel) - behind
            rows = slice(begin, begin + len(values))
            bias += values @ kernel[rows]
            kernel[rows] = 0.0
        changed |= {f"{layer}/kernel": kernel, f"{layer}/bias": bias}
    return changed


def _mean_over_a_patch(kind: Weights) -> Floats:
    """Mean of the waves of the first cycle over a patch, which spans it; of no cycle nothing."""
    if not kind.cycles:
        return np.empty(0, np.float32)
    cycle, steps = kind.cycles[0], np.arange(kind.patch_length_in_file)
    # A week has seven days, also where five of them are counted.
    phase = steps / (7 if cycle == "week" else len(steps))
    return waves(phase, cycle).mean(axis=0).astype(np.float32)


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
