"""A bidirectional LSTM over past days, whose states look at each other."""

import keras
from keras import layers

from models.encoding import Past, Seeds, encode, forecasting_model, look_back
from models.layers import Tensor
from models.learning.settings import NetworkSettings
from models.self_attention import self_attention


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Self-attention over an LSTM in both directions; heads pick the days to resemble."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)
    mixtures, summary = look_back(window, settings, seeds)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    half = -(-settings.units // 2)
    forward = seeds.lstm(half, "encoder_forward")(past.tokens)
    backward = seeds.lstm(half, "encoder_backward", backwards=True)(past.tokens)
    states = layers.Concatenate()([forward, backward[:, ::-1]])
    return self_attention(states, past, settings, seeds, "encoder_self")
