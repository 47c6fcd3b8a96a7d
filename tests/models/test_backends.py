"""The same files under JAX, which has to be chosen before Keras is imported: in another process."""

import dataclasses

import numpy as np
import pytest

from models.networks import network_names
from models.settings import TrainingSettings
from models.training import train

CUTOFF, HORIZON = 1000, 6
SETTINGS = TrainingSettings(
    network="+".join(network_names()),
    context_length=12,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    members=len(network_names()),
    max_epochs=1,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
    scalings=("mean_std",),
)
UNDER_JAX = """
import keras
import numpy as np

from models.persistence import load_forecaster
from models.training import train

panel, settings, folder = job
windows = panel, np.arange(panel.num_series), np.full(panel.num_series, panel.cutoff_slot)
made = train(panel, settings, train_until=980)
made.save(folder / "by-jax")
forecasts = [
    forecaster.predict(*windows)
    for forecaster in (
        made, load_forecaster(folder / "by-jax"), load_forecaster(folder / "by-tensorflow")
    )
]
answer = keras.backend.backend(), forecasts
"""


@pytest.mark.train
def test_jax_trains_every_network_and_reads_what_tensorflow_stored(make_panel, elsewhere, tmp_path):
    rng = np.random.default_rng(0)
    panel = make_panel([rng.normal(size=100), 50 + rng.normal(size=60)], horizon=HORIZON)
    past = rng.normal(size=(len(panel.y), 1)).astype(np.float32)
    past[5] = np.nan
    panel = dataclasses.replace(panel, past=past, past_names=("heat",))
    stored = train(panel, SETTINGS, train_until=980)
    stored.save(tmp_path / "by-tensorflow")
    forecast = stored.predict(panel, np.arange(2), np.full(2, CUTOFF))

    backend, (made, loaded, by_tensorflow) = elsewhere(
        UNDER_JAX,
        (panel, SETTINGS, tmp_path),
        KERAS_BACKEND="jax",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",
    )

    assert backend == "jax"
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made, loaded)
    np.testing.assert_allclose(by_tensorflow, forecast, rtol=0, atol=1e-4)
