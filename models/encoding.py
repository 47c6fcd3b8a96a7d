"""The two halves that all networks share: reading a window, and spreading its quantiles.

Steps are grouped in patches of the shortest season, so that an LSTM walks over days and not over
hours. Between the halves each network walks over the patches in its own way, and decides which of
them the future resembles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from models.layers import Tensor
from models.layers.component_scaling import ComponentScaling
from models.layers.covariate_scaling import CovariateScaling
from models.layers.head_weights import HeadWeights
from models.layers.holt_scaling import HoltScaling
from models.layers.instance_scaling import InstanceScaling, InverseScaling
from models.layers.level_and_shape import LevelAndShape
from models.layers.multi_head_attention import MultiHeadAttention
from models.layers.patch_mixture import PatchMixture
from models.layers.patching import Patching
from models.layers.quantile_output import QuantileOutput
from models.layers.static_embedding import StaticEmbedding
from models.learning.settings import NetworkSettings

STEP_WIDTH = 8  # numbers that the state may say about each step of a patch
MAX_QUESTIONS = 16  # times that a network looks at its states for one window


class Seeds:
    """A new seed for every layer, all from one: `seeds.next()`."""

    def __init__(self, seed: int) -> None:
        self._last = 1000 * seed

    def next(self) -> int:
        """A seed that was not given before."""
        self._last += 10  # a layer with several weights counts on from its seed
        return self._last

    def dense(self, units: int, name: str, activation: str | None = None) -> layers.Dense:
        """A dense layer with a seed of its own."""
        start = keras.initializers.GlorotUniform(self.next())
        return layers.Dense(units, activation, kernel_initializer=start, name=name)

    def lstm(self, units: int, name: str, *, backwards: bool = False) -> layers.LSTM:
        """An LSTM that gives every state, in the form that a GPU runs as one fused kernel."""
        return layers.LSTM(
            units,
            return_sequences=True,
            go_backwards=backwards,
            kernel_initializer=keras.initializers.GlorotUniform(self.next()),
            recurrent_initializer=keras.initializers.Orthogonal(seed=self.next()),
            dtype="float32",  # the only one that every fused kernel knows
            name=name,
        )

    def convolution(
        self, units: int, kernel_size: int, name: str, dilation: int = 1
    ) -> layers.Conv1D:
        """A convolution that looks back, never ahead."""
        return layers.Conv1D(
            units,
            kernel_size,
            padding="causal",
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(self.next()),
            name=name,
        )

    def dropout(self, settings: NetworkSettings) -> layers.Dropout:
        """A dropout layer with a seed of its own."""
        return layers.Dropout(settings.dropout, seed=self.next())


@dataclass(frozen=True, eq=False)
class Past:
    """What a network walks over.

    Attributes:
        tokens: What each patch holds, shape `(B, T, U)`; of a single step its few raw numbers.
        usable: Tokens of which at least one step was observed, shape `(B, T)`.
    """

    tokens: Tensor
    usable: Tensor


Walk = Callable[[Past, NetworkSettings, Seeds], Tensor]  # the states after each token, (B, T, U)


@dataclass(frozen=True, eq=False)
class Encoded:
    """A window as a network sees it, all in scaled units.

    Attributes:
        inputs: What the model is called with, by name.
        patches: Target, 0 where not observed, shape `(B, T, p)`.
        observed: 1 where observed, else 0, shape `(B, T, p)`.
        usable: Tokens of which at least one step was observed, shape `(B, T)`.
        keys: What a patch can be found by, its token beside its state, shape `(B, T, F)`.
        states: After each token, shape `(B, T, U)`.
        queries: What is known about each patch of the horizon, shape `(B, J, U)`.
        future: Covariates known ahead, shape `(B, J, p, 1 + K)`;
            before them 1 inside the horizon and 0 where the last patch is filled up.
        center, scale: Way back to the unit of the target, shape `(B, 1)` each.
    """

    inputs: dict[str, Tensor]
    patches: Tensor
    observed: Tensor
    usable: Tensor
    keys: Tensor
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
    if settings.modes:
        inputs["components"] = keras.Input((length, settings.modes), name="components")
    if settings.holt:
        inputs["holt"] = keras.Input((length, 2), name="holt")
    if settings.static_sizes:
        columns = len(settings.static_sizes)
        inputs["static"] = keras.Input((columns,), name="static", dtype="int32")
    return inputs


def encode(settings: NetworkSettings, seeds: Seeds, walk: Walk) -> Encoded:
    """Read a window: scale it, cut it into patches, walk over them, and ask about the horizon."""
    inputs = network_inputs(settings)
    length, size = settings.context_length, settings.patch_length
    scaling = InstanceScaling(settings.scaling, settings.season)
    scaled, center, scale = scaling(inputs["context"], inputs["observed"])
    seen = ops.cast(inputs["observed"], "float32")
    patches = Patching(size)(ops.expand_dims(scaled, -1))[..., 0]  # (B, T, p)
    observed = Patching(size)(ops.expand_dims(seen, -1))[..., 0]
    told = [patches, observed]
    if "components" in inputs:
        parts = ComponentScaling(name="encoder_component_scaling")
        scaled_parts = parts(inputs["components"], inputs["observed"], center, scale)
        told.append(_flat(Patching(size)(scaled_parts)))
    if "holt" in inputs:
        lines = HoltScaling(settings.season, name="encoder_holt_scaling")
        told.append(Patching(size)(lines(inputs["holt"], center, scale))[:, :, -1])
    if "past" in inputs:
        past = _standardise(inputs["past"], settings.past_means, settings.past_scales, "past")
        told.append(ops.mean(Patching(size)(past), axis=2))
    ahead = ops.repeat(ops.ones_like(scaled[:, :1, None]), settings.horizon, axis=1)  # (B, H, 1)
    if "known" in inputs:
        known = _standardise(inputs["known"], settings.known_means, settings.known_scales, "known")
        told.append(_outline(Patching(size)(known[:, :length])))
        ahead = layers.Concatenate()([ahead, known[:, length:]])
    future = Patching(size, "first")(ahead)  # (B, J, p, 1 + K)
    usable = ops.max(observed, axis=-1) > 0
    tokens = _tokens(layers.Concatenate()(told), settings, seeds)
    states = walk(Past(tokens, usable), settings, seeds)
    return Encoded(
        inputs=inputs,
        patches=patches,
        observed=observed,
        usable=usable,
        keys=layers.Concatenate()([tokens, states]),
        states=states,
        queries=_queries(inputs, states, future, settings, seeds),
        future=future,
        center=center,
        scale=scale,
    )


def _flat(patches: Tensor) -> Tensor:
    """Every number of a patch `(B, T, p, F)`, one beside the other, shape `(B, T, p F)`."""
    return layers.Reshape((patches.shape[1], patches.shape[2] * patches.shape[3]))(patches)


def _standardise(
    covariates: Tensor, means: tuple[float, ...], scales: tuple[float, ...], role: str
) -> Tensor:
    return CovariateScaling(means, scales, name=f"encoder_{role}_scaling")(covariates)


def _outline(patches: Tensor) -> Tensor:
    """Each patch by its first step, which tells the phase, and its mean, shape `(B, T, 2 F)`."""
    first = patches[:, :, 0]
    if patches.shape[2] == 1:
        return first
    return ops.concatenate([first, ops.mean(patches, axis=2)], axis=-1)


def _tokens(told: Tensor, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    """What each patch holds; single steps stay narrow, a walk over hundreds of them is dear."""
    if settings.patch_length == 1:
        return told
    tokens = seeds.dense(settings.units, "encoder_tokens", "relu")(told)
    return seeds.dropout(settings)(tokens)


def _queries(
    inputs: dict[str, Tensor],
    states: Tensor,
    future: Tensor,
    settings: NetworkSettings,
    seeds: Seeds,
) -> Tensor:
    """Where the past ended and what is known ahead, per patch of the horizon, `(B, J, U)`."""
    num_future = settings.num_future_patches
    asked = [layers.RepeatVector(num_future)(states[:, -1]), _outline(future)]
    if "static" in inputs:
        embedding = StaticEmbedding(settings.static_sizes, seed=seeds.next(), name="encoder_static")
        asked.append(layers.RepeatVector(num_future)(embedding(inputs["static"])))
    return seeds.dense(settings.units, "encoder_queries", "relu")(layers.Concatenate()(asked))


def patches_per_question(settings: NetworkSettings) -> int:
    """Patches of the horizon that share a look at the states: a season of them.

    With patches of a season that is each of them; with single steps it spares most of the cost.
    """
    least = -(-settings.num_future_patches // MAX_QUESTIONS)
    return min(max(settings.patches_per_season, least), settings.num_future_patches)


def questions(encoded: Encoded, settings: NetworkSettings) -> Tensor:
    """The query of the first patch of every question, shape `(B, G, U)`."""
    return encoded.queries[:, :: patches_per_question(settings)]


def answer_all(answers: Tensor, settings: NetworkSettings) -> Tensor:
    """What was answered to questions `(B, G, U)`, for every patch of the horizon `(B, J, U)`."""
    repeated = ops.repeat(answers, patches_per_question(settings), axis=1)
    return repeated[:, : settings.num_future_patches]


def look_back(
    encoded: Encoded, settings: NetworkSettings, seeds: Seeds
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Multi-head attention over the raw past patches, and over the states.

    Returns:
        What `decode` takes: the mixtures of patches, and a summary of the states.
    """
    key_dim = max(1, settings.units // settings.num_heads)
    heads = HeadWeights(settings.num_heads, key_dim, settings.lags, seeds.next(), name="attention")
    weights = heads(encoded.queries, encoded.keys, encoded.usable)
    mixtures = PatchMixture()(weights, encoded.patches, encoded.observed)
    attention = MultiHeadAttention(
        settings.num_heads, key_dim, seeds.next(), name="attention_summary"
    )
    summary = attention(questions(encoded, settings), encoded.states, encoded.usable)
    return mixtures, answer_all(summary, settings)


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
    told = layers.Concatenate()([encoded.queries, summary])
    said = seeds.dense(size * STEP_WIDTH, "head_steps")(told)
    said = layers.Reshape((num_future, size, STEP_WIDTH))(said)
    features = layers.Concatenate()([means, spreads, encoded.future, said])
    hidden = seeds.dense(settings.units, "head_hidden", "relu")(features)
    hidden = seeds.dropout(settings)(hidden)
    hidden = hidden + seeds.dense(settings.units, "head_residual", "relu")(hidden)
    free = _free_numbers(len(settings.quantile_levels), "head_quantiles", seeds)(hidden)
    center = LevelAndShape(name="head_level_and_shape")(means, told)
    center = center + _linear_path(encoded.patches, told, settings, seeds)
    spread = 0.1 + ops.mean(spreads, axis=-1, keepdims=True)
    scaled = QuantileOutput(settings.quantile_levels)(free, center, spread)  # (B, J, p, Q)
    return InverseScaling(name="quantiles")(_steps(scaled, settings), encoded.center, encoded.scale)


def _linear_path(patches: Tensor, told: Tensor, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    """What is linear in the past, shape `(B, J, p, 1)`; a single path starts from nothing.

    Each step of a day follows from the same step of all days, in the same way for every step, and
    from all steps of the last day. So few weights are hard to fit to noise; linear models alone
    are hard to beat on many panels (Zeng et al., 2023). Several such paths are weighed by what is
    known about each patch, as experts are (Jacobs et al., 1991): exponential smoothing is linear
    too, and a series that is smooth wants another one than a series that is rough.
    """
    num_future, size, paths = (
        settings.num_future_patches,
        settings.patch_length,
        settings.linear_paths,
    )
    start = _start_of_paths(paths, seeds)
    days = layers.Permute((2, 1))(patches)  # (B, p, T)
    from_days = layers.Dense(num_future * paths, name="head_days", **start)(days)
    from_days = layers.Permute((2, 1, 3))(layers.Reshape((size, num_future, paths))(from_days))
    last = layers.Dense(num_future * size * paths, name="head_last_day", **start)(patches[:, -1])
    both = from_days + layers.Reshape((num_future, size, paths))(last)  # (B, J, p, E)
    if paths == 1:
        return both
    shares = ops.softmax(seeds.dense(paths, "head_paths")(told), axis=-1)  # (B, J, E)
    return ops.sum(both * ops.expand_dims(shares, axis=2), axis=-1, keepdims=True)


def _start_of_paths(paths: int, seeds: Seeds) -> dict[str, Any]:
    """Several paths that started alike would stay alike."""
    if paths == 1:
        return {"use_bias": False, "kernel_initializer": "zeros"}
    apart = keras.initializers.RandomNormal(stddev=0.02, seed=seeds.next())
    return {"use_bias": False, "kernel_initializer": apart}


def _free_numbers(units: int, name: str, seeds: Seeds) -> layers.Dense:
    """The last dense layer before `QuantileOutput`, near to what that starts from."""
    return layers.Dense(
        units,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seeds.next()),
        name=name,
    )


def _steps(patches: Tensor, settings: NetworkSettings) -> Tensor:
    """Patches of the horizon `(B, J, p, Q)` one after the other, cut to its length `(B, H, Q)`."""
    num_steps = settings.num_future_patches * settings.patch_length
    return layers.Reshape((num_steps, patches.shape[-1]))(patches)[:, : settings.horizon]


def auxiliary_quantiles(
    encoded: Encoded, summary: Tensor, settings: NetworkSettings, seeds: Seeds
) -> Tensor:
    """The future of past covariates, each by a head of its own on what all targets share.

    Returns:
        Quantiles in the unit of each covariate, ascending, shape `(B, H, A, Q)`.
    """
    told = layers.Concatenate()([encoded.queries, summary])
    forecasts = [
        _auxiliary_head(encoded.inputs["past"][..., position], told, settings, seeds, position)
        for position in settings.auxiliary
    ]
    return layers.Concatenate(axis=2, name="auxiliary")(forecasts)


def _auxiliary_head(
    covariate: Tensor, told: Tensor, settings: NetworkSettings, seeds: Seeds, position: int
) -> Tensor:
    """Quantiles of one covariate `(B, L)`, in units of its own context, shape `(B, H, 1, Q)`."""
    size, num_levels = settings.patch_length, len(settings.quantile_levels)
    mean, unit = settings.past_means[position], settings.past_scales[position]
    seen = ops.logical_not(ops.isnan(covariate))
    # A context that is constant, or empty, leaves the unit as it is: then it is the usual one.
    usual = (ops.where(seen, covariate, mean) - mean) / unit
    _, center, scale = InstanceScaling()(usual, seen)
    free = _free_numbers(size * num_levels, f"head_auxiliary_{position}", seeds)(told)
    free = layers.Reshape((settings.num_future_patches, size, num_levels))(free)
    start = ops.zeros_like(free[..., :1])
    scaled = QuantileOutput(settings.quantile_levels)(free, start, start + 1.0)
    quantiles = InverseScaling()(_steps(scaled, settings), center, scale) * unit + mean
    return ops.expand_dims(quantiles, axis=2)


def forecasting_model(
    encoded: Encoded,
    mixtures: tuple[Tensor, Tensor],
    summary: Tensor,
    settings: NetworkSettings,
    seeds: Seeds,
) -> keras.Model:
    """The whole network, from its inputs to its quantiles.

    Takes what `decode` takes. The output is the quantiles, or where `settings.auxiliary` names
    covariates a list of the quantiles and those of the covariates.
    """
    outputs = decode(encoded, mixtures, summary, settings, seeds)
    if settings.auxiliary:
        outputs = [outputs, auxiliary_quantiles(encoded, summary, settings, seeds)]
    return keras.Model(encoded.inputs, outputs)
