"""A transformer encoder over past days, at which the days of the horizon look."""

import keras
from keras import layers

from models.encoding import Past, Seeds, encode, forecasting_model, look_back
from models.layers import Tensor
from models.layers.position_embedding import PositionEmbedding
from models.learning.settings import NetworkSettings
from models.self_attention import self_attention

NUM_BLOCKS = 2


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Patches as tokens (Nie et al., 2023); heads pick the days that the horizon resembles."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)
    mixtures, summary = look_back(window, settings, seeds)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    states = seeds.dense(settings.units, "encoder_enter")(past.tokens)
    states = PositionEmbedding(seeds.next(), name="encoder_positions")(states)
    for number in range(NUM_BLOCKS):
        name = f"encoder_block_{number}"
        states = self_attention(states, past, settings, seeds, name)
        normal = layers.LayerNormalization(name=f"{name}_hidden_norm")(states)
        hidden = seeds.dense(settings.units, f"{name}_hidden", "relu")(normal)
        states = states + seeds.dense(settings.units, f"{name}_widen")(hidden)
    return layers.LayerNormalization(name="encoder_norm")(states)
