"""Training of a forecaster: windows drawn from a panel, members one after the other."""

import dataclasses
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_contracts.errors import NightcastError, RefusedError
from models.networks import build_network, check_network
from models.neural import NeuralForecaster
from models.panel import Floats, Ints, Panel
from models.settings import NetworkSettings, TrainingSettings
from models.support import Support
from models.window_inputs import Arrays, Features, WindowReader, moments

Batch = tuple[Arrays, Floats, Floats, Ints]  # inputs, target, weights and series

MAX_HELD_OUT_ORIGINS = 14
MAX_HELD_OUT_WINDOWS = 1024
WARM_UP = 0.05  # share of the steps in which the learning rate rises
PATIENCE = 0.4  # share of the epochs without improvement after which training stops
FREE_TIME = 0.3  # share of the budget that may pass before the clock hurries the schedule


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        done, total: Epochs, all members together.
        loss: On the held-out windows, in units of each series' seasonal change.
        seconds_left: At the pace so far.
    """

    done: int
    total: int
    loss: float
    seconds_left: float


@dataclass(frozen=True, eq=False)
class Origins:
    """From where windows may be drawn: a range of origins per series.

    Attributes:
        first: Slot of the first origin of each series, shape `(S,)`.
        counts: Number of origins of each series, 0 or more, shape `(S,)`.
    """

    first: Ints
    counts: Ints

    @property
    def total(self) -> int:
        """Number of windows that can be drawn."""
        return int(self.counts.sum())

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Series and origins of so many windows, every window as likely as any other."""
        ends = np.cumsum(self.counts)
        drawn = rng.integers(ends[-1], size=size)
        series = np.searchsorted(ends, drawn, side="right")
        return series, self.first[series] + drawn - (ends[series] - self.counts[series])

    def align(self, series: Ints, origins: Ints, *, anchor: int, every: int) -> Ints:
        """Move origins back to the last slot that lies a multiple of `every` before `anchor`.

        An origin that has no such slot in its range stays where it is.
        """
        moved = origins - (origins - anchor) % every
        return np.where(moved >= self.first[series], moved, origins)


def train(
    panel: Panel,
    settings: TrainingSettings,
    *,
    train_until: int,
    progress: Callable[[Progress], None] | None = None,
) -> NeuralForecaster:
    """Train all members of one forecaster.

    Args:
        panel: Where windows are drawn from; may be memory-mapped.
        settings: What to train.
        train_until: Slot of the last step that may be seen, as target or otherwise.
        progress: Called after every epoch.

    Raises:
        SpecError: If there is no network of that name.
        RefusedError: If no series has a window that ends by `train_until`.
        NightcastError: If the loss is not finite; names the series.
    """
    check_network(settings.network)
    features = Features.of(panel)
    network_settings = _network_settings(panel, settings, features, train_until)
    run = _Run(panel, settings, features, network_settings, train_until)
    members = [run.train_member(number, progress) for number in range(settings.members)]
    return NeuralForecaster(
        settings=settings,
        features=features,
        networks=tuple(members),
        support=Support.of(panel, until=train_until),
        trained_until=train_until,
    )


class _Run:
    """State that the members of one training share: data, the compiled step and the clock."""

    def __init__(
        self,
        panel: Panel,
        settings: TrainingSettings,
        features: Features,
        network_settings: NetworkSettings,
        train_until: int,
    ) -> None:
        self._panel = panel
        self._settings = settings
        self._network_settings = network_settings
        self._reader = WindowReader(
            panel, features, context_length=settings.context_length, horizon=settings.horizon
        )
        self._weights = np.reciprocal(
            series_scales(panel, settings.season_lengths[-1], train_until)
        )
        self._training, held_out = split_origins(panel, settings, train_until)
        windows = min(self._training.total, settings.windows_per_epoch)
        self._steps_per_epoch = max(1, round(windows / settings.batch_size))
        self._held_out = self._batch(*held_out)
        self._benches: dict[str, _Bench] = {}
        self._anchor = train_until
        self._begin = time.monotonic()

    def train_member(self, number: int, progress: Callable[[Progress], None] | None) -> Any:
        """Train one member and return its network with the weights that were best held out."""
        settings = self._settings
        scaling = settings.scalings[number % len(settings.scalings)]
        sizes = dataclasses.replace(self._network_settings, scaling=scaling)
        network = build_network(settings.network, sizes, settings.seed + 1000 * number)
        if scaling not in self._benches:
            self._benches[scaling] = _Bench(settings, sizes)
        bench = self._benches[scaling]
        bench.put(network)

        rng = np.random.default_rng([settings.seed, number])
        total = settings.max_epochs * self._steps_per_epoch
        best, best_epoch, best_weights = np.inf, 0, network.get_weights()
        batches = self._batches(total, rng)
        for epoch in range(settings.max_epochs):
            for step in range(epoch * self._steps_per_epoch, (epoch + 1) * self._steps_per_epoch):
                share = max(step / total, self._hurry(number))
                self._step(bench, settings.learning_rate * learning_rate_share(share), batches)
            loss = bench.loss(self._held_out)
            if loss < best:
                best, best_epoch, best_weights = loss, epoch, bench.model.get_weights()
            done = number * settings.max_epochs + epoch + 1
            self._report(done, loss, progress)
            if epoch - best_epoch >= PATIENCE * settings.max_epochs or self._hurry(number) >= 1:
                break
        batches.close()
        network.set_weights(best_weights)
        return network

    def _hurry(self, number: int) -> float:
        """Share of the schedule that the clock asks for; 0 or less where there is time enough."""
        share = self._settings.minutes * 60 / self._settings.members
        elapsed = time.monotonic() - self._begin - number * share
        return (elapsed / share - FREE_TIME) / (1 - FREE_TIME)

    def _report(self, done: int, loss: float, progress: Callable[[Progress], None] | None) -> None:
        if progress is None:
            return
        total = self._settings.members * self._settings.max_epochs
        pace = (time.monotonic() - self._begin) / done
        progress(Progress(done, total, loss, (total - done) * pace))

    def _batch(self, series: Ints, origins: Ints) -> Batch:
        arrays, windows = self._reader.read(series, origins)
        return arrays, windows.target, self._weights[series], series

    def _batches(self, total: int, rng: np.random.Generator) -> Generator[Batch, None, None]:
        """Batches in the order of the draw; the next one is gathered while one is trained on."""
        size = self._settings.batch_size
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._batch, *self._draw(size, rng))
            for _ in range(total):
                batch = ahead.result()
                ahead = pool.submit(self._batch, *self._draw(size, rng))
                yield batch

    def _draw(self, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        series, origins = self._training.draw(size, rng)
        every = self._settings.season
        aligned = self._training.align(series, origins, anchor=self._anchor, every=every)
        return series, np.where(rng.random(size) < self._settings.aligned_share, aligned, origins)

    def _step(
        self, bench: "_Bench", learning_rate: float, batches: Generator[Batch, None, None]
    ) -> None:
        batch = next(batches)
        loss = bench.step(batch, learning_rate)
        if not np.isfinite(loss):
            arrays, target, _, series = batch
            values = np.abs(np.concatenate([arrays["context"], target], axis=1))
            worst = int(series[np.argmax(np.fmax.reduce(values, axis=1))])
            raise NightcastError(
                f"Training of {self._settings.network} stopped: the loss became {loss}, "
                f"most likely by series {self._panel.unique_ids[worst]!r}; check its values."
            )


class _Bench:
    """A compiled model in which members of the same sizes are trained, one after the other.

    Tracing a model costs seconds; putting new weights into it does not.
    """

    def __init__(self, settings: TrainingSettings, sizes: NetworkSettings) -> None:
        import keras

        from models.pinball import PinballLoss

        self.model = build_network(settings.network, sizes, settings.seed)
        self._optimizer = keras.optimizers.AdamW(weight_decay=1e-3, clipnorm=1.0)
        # XLA takes a CPU fifteen seconds to compile and then more than twice as long per step.
        loss = PinballLoss(settings.quantile_levels)
        self.model.compile(self._optimizer, loss, jit_compile=False)
        self._optimizer.build(self.model.trainable_variables)
        self._fresh = [np.array(value) for value in self._optimizer.variables]

    def put(self, network: Any) -> None:
        """Take over all variables of a network, dropout's too, and forget what was learned."""
        pairs = [
            *zip(self.model.variables, network.variables, strict=True),
            *zip(self._optimizer.variables, self._fresh, strict=True),
        ]
        for variable, value in pairs:
            variable.assign(value)

    def step(self, batch: Batch, learning_rate: float) -> float:
        """Learn from one batch; mean loss since `loss` was asked for."""
        arrays, target, weights, _ = batch
        self._optimizer.learning_rate = learning_rate
        return float(self.model.train_on_batch(arrays, target, weights))

    def loss(self, batch: Batch) -> float:
        """Mean loss of one batch, without learning."""
        arrays, target, weights, _ = batch
        self.model.reset_metrics()
        loss = float(self.model.test_on_batch(arrays, target, weights))
        self.model.reset_metrics()
        return loss


def learning_rate_share(share: float) -> float:
    """Learning rate relative to its highest: a linear rise, then half a cosine to zero.

    Args:
        share: Of the training that is over; beyond 1 counts as 1.

    >>> [round(learning_rate_share(share), 3) for share in (0.0, 0.05, 0.525, 1.0)]
    [0.05, 1.0, 0.5, 0.0]
    """
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    turned = min((share - WARM_UP) / (1 - WARM_UP), 1.0)
    return float(0.5 * (1 + np.cos(np.pi * turned)))


def split_origins(
    panel: Panel, settings: TrainingSettings, train_until: int
) -> tuple[Origins, tuple[Ints, Ints]]:
    """Origins to train on, and the windows after them that are held out for early stopping.

    No target of a held-out window is seen in training. Where the histories are too short for
    that, training keeps all windows and is held to the last ones of them.

    Returns:
        Training origins; series and origins of the held-out windows.

    Raises:
        RefusedError: If no series has a window that ends by `train_until`.
    """
    horizon = settings.horizon
    stride = settings.season
    lengths = np.maximum(panel.lengths - (panel.cutoff_slot - train_until), 0)
    least = np.minimum(settings.context_length, np.maximum(stride, lengths // 2))
    first = panel.first_slots + least - 1
    last = train_until - horizon
    counts = np.maximum(last - first + 1, 0)
    if not counts.any():
        raise RefusedError(
            f"training: expected a series of at least {stride + horizon} steps (one season and one "
            f"horizon), the longest has {int(lengths.max(initial=0))}; wait for more history."
        )
    num_origins = int(np.clip(counts.max() // (10 * stride), 1, MAX_HELD_OUT_ORIGINS))
    held_out = last - stride * np.arange(num_origins)
    before = held_out[-1] - horizon
    training = Origins(first, np.maximum(np.minimum(counts, before - first + 1), 0))
    if training.total == 0:
        training = Origins(first, counts)
    series, origins = (grid.ravel() for grid in np.meshgrid(range(panel.num_series), held_out))
    usable = np.flatnonzero(origins >= first[series])
    rng = np.random.default_rng(settings.seed)
    if len(usable) > MAX_HELD_OUT_WINDOWS:
        usable = np.sort(rng.choice(usable, MAX_HELD_OUT_WINDOWS, replace=False))
    return training, (series[usable], origins[usable])


def series_scales(panel: Panel, season_length: int, train_until: int) -> Floats:
    """How much each series usually changes from one season to the next, the unit of its loss.

    The mean absolute seasonal difference, as in MASE (Hyndman and Koehler, 2006); of a series
    without one its mean size, and 1 for a series of zeros. At least a hundredth of the mean size.

    Returns:
        Positive, shape `(S,)`.
    """
    scales = np.ones(panel.num_series, np.float32)
    for series in range(panel.num_series):
        y = panel.history(series)
        y = np.asarray(y[: len(y) - (panel.cutoff_slot - train_until)], np.float64)
        y = np.where(np.isfinite(y), y, np.nan)
        size = np.nanmean(np.abs(y)) if np.isfinite(y).any() else 0.0
        change = np.abs(y[season_length:] - y[:-season_length])
        typical = np.nanmean(change) if np.isfinite(change).any() else size
        scales[series] = max(typical, 0.01 * size) or 1.0
    return scales


def _network_settings(
    panel: Panel, settings: TrainingSettings, features: Features, train_until: int
) -> NetworkSettings:
    ends = panel.indptr[1:] - panel.horizon - (panel.cutoff_slot - train_until)
    rows = np.stack([panel.indptr[:-1], np.maximum(ends, panel.indptr[:-1])], axis=1)
    past_means, past_scales = moments(panel.past, rows)
    known_means, known_scales = moments(panel.known, rows)
    num_waves = features.num_waves
    return NetworkSettings(
        context_length=settings.context_length,
        horizon=settings.horizon,
        quantile_levels=settings.quantile_levels,
        season_lengths=settings.season_lengths,
        past_means=past_means,
        past_scales=past_scales,
        known_means=(0.0,) * num_waves + known_means,
        known_scales=(1.0,) * num_waves + known_scales,
        static_sizes=tuple(len(words) + 1 for words in features.vocabularies),
        units=settings.units,
        num_heads=settings.num_heads,
        dropout=settings.dropout,
        patch=settings.patch,
    )
