"""Convolutions that read the shape of a few days, then an LSTM over all of them."""

import keras
from keras import layers

from models.encoding import Past, Seeds, encode, forecasting_model, look_back
from models.layers import Tensor
from models.learning.settings import NetworkSettings

NUM_CONVOLUTIONS = 2
KERNEL_SIZE = 3


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Local shapes beside the tokens are what the LSTM walks over; heads pick the days."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)
    mixtures, summary = look_back(window, settings, seeds)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    shapes = past.tokens
    for number in range(NUM_CONVOLUTIONS):
        name = f"encoder_convolution_{number}"
        shapes = seeds.convolution(-(-settings.units // 4), KERNEL_SIZE, name)(shapes)
    tokens = layers.Concatenate()([past.tokens, shapes])
    return seeds.lstm(settings.units, "encoder_lstm")(tokens)
