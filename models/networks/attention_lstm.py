"""An LSTM over past days, then a softmax over time for each step of the day."""

import keras
from keras import layers, ops

from models.encoding import Seeds, decode, encode
from models.layers.patch_mixture import PatchMixture
from models.layers.temporal_attention import TemporalAttention
from models.settings import NetworkSettings

MIXTURES = 2  # temporal softmaxes per step


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Temporal attention in both variants: weights per step mix patches, shared ones mix states."""
    seeds = Seeds(seed)
    window = encode(settings, seeds)

    keys = layers.Concatenate()([window.tokens, window.states])  # (B, T, 2U)
    weights = TemporalAttention(
        settings.units, MIXTURES * settings.patch_length, seeds.next(), name="attention"
    )(window.queries, keys, window.usable)
    mixtures = PatchMixture(per_step=True)(weights, window.patches, window.observed)
    shared = TemporalAttention(settings.units, 1, seeds.next())(window.queries, keys, window.usable)
    summary = ops.matmul(shared[:, 0], window.states)  # (B, J, U)
    quantiles = decode(window, mixtures, summary, settings, seeds)
    return keras.Model(window.inputs, quantiles, name="attention_lstm")
