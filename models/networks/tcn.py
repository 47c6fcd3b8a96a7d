"""Dilated causal convolutions over past days, in residual blocks."""

import keras

from models.encoding import Past, Seeds, encode, forecasting_model, look_back
from models.layers import Tensor
from models.learning.settings import NetworkSettings

KERNEL_SIZE = 3


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """A temporal convolutional network (Bai et al., 2018); heads pick the days to resemble."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)
    mixtures, summary = look_back(window, settings, seeds)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    """Blocks that look back farther and farther, until the last state has seen every token."""
    states = seeds.dense(settings.units, "encoder_enter")(past.tokens)
    dilation = 1
    while dilation < settings.num_tokens:
        name = f"encoder_block_{dilation}"
        said = seeds.convolution(-(-settings.units // 4), KERNEL_SIZE, name, dilation)(states)
        said = seeds.dropout(settings)(said)
        states = states + seeds.dense(settings.units, f"{name}_widen")(said)
        dilation *= KERNEL_SIZE
    return states
