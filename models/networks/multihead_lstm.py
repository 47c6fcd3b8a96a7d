"""An LSTM over past days whose heads pick the days that the horizon resembles."""

import keras
from keras import layers

from models.encoding import Seeds, decode, encode
from models.layers.head_weights import HeadWeights
from models.layers.multi_head_attention import MultiHeadAttention
from models.layers.patch_mixture import PatchMixture
from models.settings import NetworkSettings


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Multi-head attention over the LSTM's states, and over the raw patches themselves."""
    seeds = Seeds(seed)
    window = encode(settings, seeds)
    key_dim = max(1, settings.units // settings.num_heads)

    keys = layers.Concatenate()([window.tokens, window.states])  # (B, T, 2U)
    weights = HeadWeights(
        settings.num_heads, key_dim, settings.lags, seeds.next(), name="attention"
    )(window.queries, keys, window.usable)
    mixtures = PatchMixture()(weights, window.patches, window.observed)
    summary = MultiHeadAttention(settings.num_heads, key_dim, seeds.next())(
        window.queries, window.states, window.usable
    )
    quantiles = decode(window, mixtures, summary, settings, seeds)
    return keras.Model(window.inputs, quantiles, name="multihead_lstm")
