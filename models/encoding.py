"""The two halves that all networks share: reading a window, and spreading its quantiles.

Steps are grouped in patches of the shortest season, so that an LSTM walks over days and not over
hours. Between the halves each network decides which past patches the future resembles.
"""

from dataclasses import dataclass

import keras
from keras import layers, ops

from models.layers import Tensor
from models.layers.covariate_scaling import CovariateScaling
from models.layers.instance_scaling import InstanceScaling, InverseScaling
from models.layers.patching import Patching
from models.layers.quantile_output import QuantileOutput
from models.layers.static_embedding import StaticEmbedding
from models.settings import NetworkSettings

STEP_WIDTH = 8  # numbers that the state may say about each step of a patch


class Seeds:
    """A new seed for every layer, all from one: `seeds.next()`."""

    def __init__(self, seed: int) -> None:
        self._last = 1000 * seed

    def next(self) -> int:
        """A seed that was not given before."""
        self._last += 10  # a layer with several weights counts on from its seed
        return self._last

    def dense(self, units: int, activation: str | None = None) -> layers.Dense:
        """A dense layer with a seed of its own."""
        start = keras.initializers.GlorotUniform(self.next())
        return layers.Dense(units, activation, kernel_initializer=start)


@dataclass(frozen=True, eq=False)
class Encoded:
    """A window as a network sees it, all in scaled units.

    Attributes:
        inputs: What the model is called with, by name.
        patches: Target, 0 where not observed, shape `(B, T, p)`.
        observed: 1 where observed, else 0, shape `(B, T, p)`.
        usable: Tokens of which at least one step was observed, shape `(B, T)`.
        tokens: What each patch holds, shape `(B, T, U)`.
        states: Of the LSTM after each token, shape `(B, T, U)`.
        queries: What is known about each patch of the horizon, shape `(B, J, U)`.
        future: Covariates known ahead, shape `(B, J, p, 1 + K)`;
            before them 1 inside the horizon and 0 where the last patch is filled up.
        center, scale: Way back to the unit of the target, shape `(B, 1)` each.
    """

    inputs: dict[str, Tensor]
    patches: Tensor
    observed: Tensor
    usable: Tensor
    tokens: Tensor
    states: Tensor
    queries: Tensor
    future: Tensor
    center: Tensor
    scale: Tensor


def network_inputs(settings: NetworkSettings) -> dict[str, Tensor]:
    """The symbolic inputs; those of width zero are left out."""
    length, horizon = settings.context_length, settings.horizon
    inputs = {
        "context": keras.Input((length,), name="context"),
        "observed": keras.Input((length,), name="observed", dtype="bool"),
    }
    if settings.past_means:
        inputs["past"] = keras.Input((length, len(settings.past_means)), name="past")
    if settings.known_means:
        steps = length + horizon
        inputs["known"] = keras.Input((steps, len(settings.known_means)), name="known")
    if settings.static_sizes:
        columns = len(settings.static_sizes)
        inputs["static"] = keras.Input((columns,), name="static", dtype="int32")
    return inputs


def encode(settings: NetworkSettings, seeds: Seeds) -> Encoded:
    """Read a window: scale it, cut it into patches, walk over them, and ask about the horizon."""
    inputs = network_inputs(settings)
    length, size, units = settings.context_length, settings.patch_length, settings.units
    scaling = InstanceScaling(settings.scaling, settings.season)
    scaled, center, scale = scaling(inputs["context"], inputs["observed"])
    seen = ops.cast(inputs["observed"], "float32")
    patches = Patching(size)(ops.expand_dims(scaled, -1))[..., 0]  # (B, T, p)
    observed = Patching(size)(ops.expand_dims(seen, -1))[..., 0]
    told = [patches, observed]
    if "past" in inputs:
        past = CovariateScaling(settings.past_means, settings.past_scales)(inputs["past"])
        told.append(ops.mean(Patching(size)(past), axis=2))
    ahead = ops.repeat(ops.ones_like(scaled[:, :1, None]), settings.horizon, axis=1)  # (B, H, 1)
    if "known" in inputs:
        known = CovariateScaling(settings.known_means, settings.known_scales)(inputs["known"])
        told.append(_outline(Patching(size)(known[:, :length])))
        ahead = layers.Concatenate()([ahead, known[:, length:]])
    future = Patching(size, "first")(ahead)  # (B, J, p, 1 + K)
    tokens = seeds.dense(units, "gelu")(layers.Concatenate()(told))
    states = layers.LSTM(
        units,
        return_sequences=True,
        kernel_initializer=keras.initializers.GlorotUniform(seeds.next()),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seeds.next()),
    )(layers.Dropout(settings.dropout, seed=seeds.next())(tokens))

    num_future = settings.num_future_patches
    asked = [layers.RepeatVector(num_future)(states[:, -1]), _outline(future)]
    if "static" in inputs:
        vectors = StaticEmbedding(settings.static_sizes, seed=seeds.next())(inputs["static"])
        asked.append(layers.RepeatVector(num_future)(vectors))
    queries = seeds.dense(units, "gelu")(layers.Concatenate()(asked))
    return Encoded(
        inputs=inputs,
        patches=patches,
        observed=observed,
        usable=ops.max(observed, axis=-1) > 0,
        tokens=tokens,
        states=states,
        queries=queries,
        future=future,
        center=center,
        scale=scale,
    )


def _outline(patches: Tensor) -> Tensor:
    """Each patch by its first step, which tells the phase, and its mean, shape `(B, T, 2 F)`."""
    return ops.concatenate([patches[:, :, 0], ops.mean(patches, axis=2)], axis=-1)


def decode(
    encoded: Encoded,
    mixtures: tuple[Tensor, Tensor],
    summary: Tensor,
    settings: NetworkSettings,
    seeds: Seeds,
) -> Tensor:
    """Correct and spread what the past patches say, step by step of the horizon.

    Args:
        encoded: The window.
        mixtures: Mean and standard deviation of past patches, shape `(B, J, p, N)` each.
        summary: What else the network knows about each patch, shape `(B, J, U)`.
        settings: Sizes.
        seeds: Where the weights start.

    Returns:
        Quantiles in the unit of the target, shape `(B, H, Q)`.
    """
    means, spreads = mixtures
    size, num_future = settings.patch_length, settings.num_future_patches
    said = seeds.dense(size * STEP_WIDTH)(layers.Concatenate()([encoded.queries, summary]))
    said = layers.Reshape((num_future, size, STEP_WIDTH))(said)
    features = layers.Concatenate()([means, spreads, encoded.future, said])
    hidden = seeds.dense(settings.units, "gelu")(features)
    hidden = layers.Dropout(settings.dropout, seed=seeds.next())(hidden)
    hidden = hidden + seeds.dense(settings.units, "gelu")(hidden)
    num_levels = len(settings.quantile_levels)
    free = layers.Dense(
        num_levels,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seeds.next()),
        bias_initializer=keras.initializers.Constant(-1.0),
    )(hidden)
    center = ops.mean(means, axis=-1, keepdims=True)
    spread = 0.1 + ops.mean(spreads, axis=-1, keepdims=True)
    scaled = QuantileOutput(settings.quantile_levels)(free, center, spread)  # (B, J, p, Q)
    scaled = layers.Reshape((num_future * size, num_levels))(scaled)[:, : settings.horizon]
    return InverseScaling(name="quantiles")(scaled, encoded.center, encoded.scale)
