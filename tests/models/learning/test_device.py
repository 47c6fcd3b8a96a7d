import dataclasses

import numpy as np
import pytest

from data_contracts.errors import SpecError
from models.forecasters.persistence import load_forecaster
from models.learning.device import Device, check_device, forecasting_device, training_device
from models.learning.settings import NetworkSettings, TrainingSettings
from models.learning.training import train
from models.learning.workbench import Batch, workbench
from models.networks import build_network, network_names

SIZES = NetworkSettings(
    context_length=12,
    horizon=6,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    past_means=(0.0,),
    past_scales=(1.0,),
    units=8,
    num_heads=2,
    dropout=0.0,
    auxiliary=(0,),
)

QUICK = TrainingSettings(
    network="attention_lstm+tcn",
    context_length=12,
    horizon=6,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    members=2,
    max_epochs=1,
    minutes=1000,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
    scalings=("mean_std",),
)
UNDER_JAX = """
import keras
import numpy as np

from models.forecasters.persistence import load_forecaster
from models.learning.training import train

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

TWO_CPUS = """
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

from models.learning.device import Device
from models.networks import build_network
from models.learning.workbench import workbench

sizes, batches = job
answer = []
for device in (Device(), Device(count=2)):
    with workbench("tcn", sizes, device) as bench:
        bench.start(build_network("tcn", sizes, seed=3))
        losses = [bench.step(batch, learning_rate=0.01) for batch in batches]
        answer.append((losses, bench.loss(batches[0]), bench.predict(batches[0].arrays)))
"""


def _batch(rows, seed):
    rng = np.random.default_rng(seed)
    return Batch(
        arrays={
            "context": rng.normal(size=(rows, 12)).astype(np.float32),
            "observed": rng.random((rows, 12)) < 0.9,
            "past": rng.normal(size=(rows, 12, 1)).astype(np.float32),
        },
        target=30 * rng.normal(size=(rows, 6)).astype(np.float32),
        weights=rng.uniform(0.5, 2, size=rows).astype(np.float32),
        auxiliary=rng.normal(size=(rows, 6, 1)).astype(np.float32),
        auxiliary_weight=0.5,
    )


@pytest.mark.train
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_that_share_each_batch_learn_what_one_learns(elsewhere, backend):
    batches = [_batch(rows, seed) for seed, rows in enumerate([7, 7, 7])]  # 7 is no multiple of 2

    one, two = elsewhere(
        TWO_CPUS,
        (SIZES, batches),
        KERAS_BACKEND=backend,
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",
    )

    assert two[2].shape == (7, 6, 3)
    for left, right in zip(one, two, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [4, 5])
def test_a_batch_is_filled_up_without_a_change_of_its_mean(rows):
    losses, weights = np.arange(rows, dtype=np.float32), np.linspace(1, 2, rows, dtype=np.float32)

    _, filled, shares = Device(count=4).fill({}, losses, weights)

    assert len(filled) % 4 == 0
    assert np.mean(filled * shares) == pytest.approx(np.mean(losses * weights))


def test_mixed_precision_learns_the_same_but_for_rounding():
    batches, losses = [_batch(16, seed) for seed in range(3)], []
    for device in (Device(), Device(mixed=True)):
        with workbench("transformer", SIZES, device) as bench:
            bench.start(build_network("transformer", SIZES, seed=0))
            losses.append([bench.step(batch, learning_rate=0.01) for batch in batches])
            assert {str(variable.dtype) for variable in bench.model.weights} == {"float32"}

    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    assert losses[0] != losses[1]


def test_precision_is_back_to_normal_after_a_device():
    import keras

    with Device(mixed=True).scope():
        assert keras.config.dtype_policy().compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().compute_dtype == "float32"


@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_trains_and_forecasts(wanted):
    assert training_device(wanted) == forecasting_device(wanted) == Device("cpu")


def test_what_a_gpu_has_trained_forecasts_on_a_cpu():
    assert forecasting_device("gpu") == Device("cpu")


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(SpecError, match="auto or cpu where tensorflow sees no GPU, got 'gpu'"):
        check_device("gpu")
    with pytest.raises(SpecError, match="training.device"):
        training_device("gpu")


@pytest.mark.train
@pytest.mark.timeout(600)  # a busy machine takes minutes to compile all networks by XLA
def test_jax_trains_every_network_and_each_backend_reads_what_the_other_stored(
    make_panel, elsewhere, tmp_path
):
    names, rng = network_names(), np.random.default_rng(0)
    panel = make_panel([rng.normal(size=100), 50 + rng.normal(size=60)], horizon=6)
    past = rng.normal(size=(len(panel.y), 1)).astype(np.float32)
    past[5] = np.nan
    panel = dataclasses.replace(panel, past=past, past_names=("heat",))
    stored = train(panel, QUICK, train_until=980)
    stored.save(tmp_path / "by-tensorflow")
    windows = panel, np.arange(2), np.full(2, panel.cutoff_slot)
    forecast = stored.predict(*windows)

    backend, (made, loaded, by_tensorflow) = elsewhere(
        UNDER_JAX,
        (panel, dataclasses.replace(QUICK, network="+".join(names), members=len(names)), tmp_path),
        KERAS_BACKEND="jax",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",
    )

    assert backend == "jax"
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made, loaded)
    np.testing.assert_allclose(by_tensorflow, forecast, rtol=0, atol=1e-4)
    read_back = load_forecaster(tmp_path / "by-jax").predict(*windows)
    np.testing.assert_allclose(read_back, made, rtol=0, atol=1e-4)
