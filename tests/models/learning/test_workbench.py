import dataclasses
import signal
import threading

import keras
import numpy as np
import pytest

from models.learning.device import Device
from models.learning.settings import NetworkSettings, TrainingSettings
from models.learning.training import train
from models.learning.workbench import MOST_UNROLLED, Batch, workbench
from models.networks import build_network

SIZES = NetworkSettings(
    12, 6, (0.5,), (6,), known_means=(1.0,), known_scales=(2.0,), units=8, num_heads=2
)
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=12,
    horizon=6,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6,),
    members=1,
    max_epochs=1,
    minutes=1000,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=32,
)
NIGHTS = """
import os
import shutil

import numpy as np

from models.forecasters.persistence import load_forecaster
from models.learning.training import train

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

panels, settings, folder = job
answer = []
for panel in panels:
    windows = panel, np.arange(panel.num_series), np.full(panel.num_series, panel.cutoff_slot)
    train(panel, settings, train_until=980).save(folder)
    forecaster = load_forecaster(folder)
    forecaster.predict(*windows)
    forecaster.attention(*windows)
    shutil.rmtree(folder)
    answer.append(megabytes())
"""


def _panel(make_panel, seed):
    rng = np.random.default_rng(seed)
    panel = make_panel([rng.normal(size=100), 50 + rng.normal(size=60)], horizon=6)
    known = rng.normal(loc=seed, size=(len(panel.y), 1)).astype(np.float32)
    return dataclasses.replace(panel, known=known, known_names=("heat",))


def test_networks_of_one_shape_share_a_compiled_model_whatever_their_constants():
    warmer = dataclasses.replace(SIZES, known_means=(5.0,))
    wider = dataclasses.replace(SIZES, units=16)

    bench = workbench("multihead_lstm", SIZES, Device())

    assert workbench("multihead_lstm", warmer, Device()) is bench
    assert workbench("multihead_lstm", wider, Device()) is not bench
    assert workbench("multihead_lstm", SIZES, Device(mixed=True)) is not bench


def test_the_loss_of_a_step_is_that_of_its_own_batch():
    bench = workbench("multihead_lstm", dataclasses.replace(SIZES, dropout=0.0), Device())
    rng, batches = np.random.default_rng(0), []
    for size in (1, 10, 100):
        arrays = {
            "context": rng.normal(size=(8, 12)).astype(np.float32),
            "observed": np.ones((8, 12), bool),
            "known": np.zeros((8, 18, 1), np.float32),
        }
        target = size * rng.normal(size=(8, 6)).astype(np.float32)
        none = np.zeros((8, 6, 0), np.float32)
        batches.append(Batch(arrays, target, np.ones(8, np.float32), none, 0.0))

    with bench:
        steps = [bench.step(batch, learning_rate=0.0) for batch in batches]
        assert steps == pytest.approx([bench.loss(batch) for batch in batches])


@pytest.mark.train
def test_memory_does_not_grow_with_the_number_of_trainings(make_panel, elsewhere, tmp_path):
    panels = [_panel(make_panel, seed) for seed in range(8)]

    used = elsewhere(NIGHTS, (panels, SETTINGS, tmp_path / "model"))

    assert used[-1] - used[1] < 40  # a compiled model more per training would be 300


def test_a_model_that_was_left_by_an_interrupt_is_not_used_again():
    bench = workbench("multihead_lstm", SIZES, Device())
    with pytest.raises(KeyboardInterrupt), bench:
        raise KeyboardInterrupt

    assert workbench("multihead_lstm", SIZES, Device()) is not bench


@pytest.mark.train
def test_an_interrupted_training_leaves_nothing_running_or_locked(make_panel):
    panel, threads = _panel(make_panel, 0), threading.active_count()
    endless = dataclasses.replace(SETTINGS, max_epochs=1000, windows_per_epoch=1 << 20)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    train(panel, SETTINGS, train_until=980)  # so that the model is compiled
    # Once more, should the first fall into a finalizer, where Python prints it and goes on.
    signal.setitimer(signal.ITIMER_REAL, 1.0, 10.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(panel, endless, train_until=980)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert threading.active_count() <= threads
    again = {"target": train, "args": (panel, SETTINGS), "kwargs": {"train_until": 980}}
    other = threading.Thread(**again, daemon=True)
    other.start()
    other.join(timeout=60)
    assert not other.is_alive()


@pytest.mark.parametrize("num_steps", [MOST_UNROLLED, MOST_UNROLLED + 1])
def test_an_lstm_that_is_written_out_says_what_one_in_a_loop_says(num_steps):
    sizes = dataclasses.replace(SIZES, context_length=6 * num_steps)
    network = build_network("attention_lstm", sizes, seed=1)
    rng = np.random.default_rng(0)
    arrays = {
        "context": rng.normal(size=(2, 6 * num_steps)).astype(np.float32),
        "observed": np.ones((2, 6 * num_steps), bool),
        "known": rng.normal(size=(2, 6 * num_steps + 6, 1)).astype(np.float32),
    }

    with workbench("attention_lstm", sizes, Device()) as bench:
        bench.put(network)
        forecast = bench.predict(arrays)

    walks = [layer for layer in bench.model.layers if isinstance(layer, keras.layers.LSTM)]
    assert [layer.unroll for layer in walks] == [Device().unrolls and num_steps <= MOST_UNROLLED]
    np.testing.assert_allclose(forecast, network.predict_on_batch(arrays), rtol=1e-5, atol=1e-5)
