"""An LSTM over past days whose heads pick the days that the horizon resembles."""

import keras

from models.encoding import Past, Seeds, encode, forecasting_model, look_back
from models.layers import Tensor
from models.learning.settings import NetworkSettings


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Multi-head attention over the LSTM's states, and over the raw patches themselves."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)
    mixtures, summary = look_back(window, settings, seeds)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    return seeds.lstm(settings.units, "encoder_lstm")(past.tokens)
