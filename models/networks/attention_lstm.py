"""An LSTM over past days, then a softmax over time for each step of the day."""

import keras
from keras import layers, ops

from models.encoding import (
    Past,
    Seeds,
    answer_all,
    encode,
    forecasting_model,
    patches_per_question,
    questions,
)
from models.layers import Tensor
from models.layers.patch_mixture import PatchMixture
from models.layers.temporal_attention import TemporalAttention
from models.learning.settings import NetworkSettings

MIXTURES = 2  # temporal softmaxes per step


def build(settings: NetworkSettings, seed: int) -> keras.Model:
    """Temporal attention in both variants: weights per step mix patches, shared ones mix states."""
    seeds = Seeds(seed)
    window = encode(settings, seeds, _walk)

    num_steps = patches_per_question(settings) * settings.patch_length
    # Hundreds of single steps are compared in a narrower space than a few patches.
    width = settings.units if settings.patch_length > 1 else -(-settings.units // 2)
    attention = TemporalAttention(
        width, MIXTURES * num_steps + 1, seeds.next(), name="attention_per_question"
    )
    weights = attention(questions(window, settings), window.keys, window.usable)  # (B, ., G, T)
    per_patch = layers.Identity(name="attention")(_per_patch(weights[:, :-1], settings))
    mixtures = PatchMixture(per_step=True)(per_patch, window.patches, window.observed)
    summary = answer_all(ops.matmul(weights[:, -1], window.states), settings)  # (B, J, U)
    return forecasting_model(window, mixtures, summary, settings, seeds)


def _walk(past: Past, settings: NetworkSettings, seeds: Seeds) -> Tensor:
    return seeds.lstm(settings.units, "encoder_lstm")(past.tokens)


def _per_patch(weights: Tensor, settings: NetworkSettings) -> Tensor:
    """Weights per step of a question and question, by patch: `(B, MIXTURES * p, J, T)`."""
    shared, size = patches_per_question(settings), MIXTURES * settings.patch_length
    num_questions, num_tokens = weights.shape[2:]
    split = layers.Reshape((shared, size, num_questions, num_tokens))(weights)
    ordered = layers.Permute((2, 3, 1, 4))(split)  # (B, size, G, patches of a question, T)
    joined = layers.Reshape((size, num_questions * shared, num_tokens))(ordered)
    return joined[:, :, : settings.num_future_patches]
