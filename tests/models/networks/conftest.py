import numpy as np
import pytest

from models.learning.settings import NetworkSettings


@pytest.fixture
def make_inputs():
    """Random windows for some settings: gaps in the target, NaN in the covariates."""

    def make(settings: NetworkSettings, *, batch: int = 3, seed: int = 0):
        rng = np.random.default_rng(seed)
        length = settings.context_length
        steps = length + settings.horizon
        observed = rng.random((batch, length)) < 0.8
        context = rng.normal(20, 5, size=(batch, length)).astype(np.float32)
        past = rng.normal(size=(batch, length, len(settings.past_means))).astype(np.float32)
        known = rng.normal(size=(batch, steps, len(settings.known_means))).astype(np.float32)
        past[rng.random(past.shape) < 0.1] = np.nan
        known[rng.random(known.shape) < 0.1] = np.nan
        codes = [rng.integers(0, size, size=batch) for size in settings.static_sizes]
        arrays = {
            "context": np.where(observed, context, 0),
            "observed": observed,
            "past": past,
            "known": known,
            "static": np.array(codes, np.int32).T.reshape(batch, len(codes)),
        }
        return {name: array for name, array in arrays.items() if array.shape[-1] > 0}

    return make
