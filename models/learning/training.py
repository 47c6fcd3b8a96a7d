"""Training of a forecaster: windows drawn from a panel, members one after the other."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from data_contracts.errors import NightcastError, RefusedError, SpecError
from models.decomposition.settings import Decomposition, check_decomposition
from models.forecasters.fusion import WEIGHTS, HeldOut, equal_weights, learn_weights
from models.forecasters.neural import NeuralForecaster
from models.forecasters.support import Support
from models.holt import fit_holt
from models.learning.curves import Curve
from models.learning.device import training_device
from models.learning.kept_weights import take_over
from models.learning.learning_rate import WARM_UP, learning_rate_share
from models.learning.pretrained import as_gentle_as_its_size
from models.learning.sampling import Origins, split_origins
from models.learning.series_scales import series_scales
from models.learning.settings import Member, NetworkSettings, TrainingSettings
from models.learning.transfer import in_its_sizes, warm_settings
from models.learning.window_inputs import Features, WindowReader, moments
from models.learning.workbench import Batch, Workbench, workbench
from models.networks import build_network, check_network
from models.panel import Bools, Floats, Ints, Panel

CATCH_UP_RATE = 0.3  # learning rate of the last phase, relative to the highest
PATIENCE = 0.4  # share of the epochs without improvement after which training stops
FREE_TIME = 0.3  # share of the budget that may pass before the clock hurries the schedule

Batches = Generator[tuple[Batch, Ints], None, None]


@dataclass(frozen=True)
class Progress:
    """How far a training is; losses are in units of each series' seasonal change.

    Attributes:
        done, total: Epochs, all members together.
        seconds_left: At the pace so far.
        member, epoch: Which of them is over, from 0.
        training_loss: Mean over the windows of this epoch.
        held_out_loss: On the held-out windows; None of a member that learns from these too.
        learning_rate: At its end.
    """

    done: int
    total: int
    seconds_left: float
    member: int
    epoch: int
    training_loss: float
    held_out_loss: float | None
    learning_rate: float

    @property
    def loss(self) -> float:
        """On the held-out windows, or where these are learned from, of the training."""
        return self.training_loss if self.held_out_loss is None else self.held_out_loss


Listener = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class _Trained:
    """One member after its training.

    Attributes:
        forecasts: Of the held-out windows, before it learned from them, shape `(B, H, Q)`; None
            where no weights are learned on them.
    """

    member: Member
    network: Any
    curve: Curve
    forecasts: Floats | None


@dataclass(frozen=True, eq=False)
class _Course:
    """One member under way.

    Attributes:
        number: Of the member, from 0.
        bench: Where its network is trained.
        rng: What its batches are drawn with.
        listener: Told after every epoch.
        training, held_out: Losses of the epochs so far.
    """

    number: int
    member: Member
    bench: Workbench
    rng: np.random.Generator
    listener: Listener | None
    training: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)


def train(
    panel: Panel,
    settings: TrainingSettings,
    *,
    train_until: int,
    progress: Listener | None = None,
    start: NeuralForecaster | None = None,
) -> NeuralForecaster:
    """Train all members of one forecaster.

    The first member of each network is held to the windows of the last origins: it stops when they
    get no better, then learns from them too in a last short phase. The members after it learn from
    everything from the start, for as many epochs as were best for the first, because the newest
    windows say most about tomorrow. Where members are combined by learned weights, all of them are
    held to the last origins.

    Where the budget ends before every member has had its turn, the forecaster has fewer of them.

    Args:
        panel: Where windows are drawn from; may be memory-mapped.
        settings: What to train.
        train_until: Slot of the last step that may be seen, as target or otherwise.
        progress: Called after every epoch.
        start: What each member goes on from, as `transfer.warm_settings` says; one that
            `transfer.why_not` has nothing against. None trains from scratch, or from the pretrained
            weights that the settings name.

    Raises:
        SpecError: If there is no GPU but one is wanted, no network of that name, an auxiliary
            target is no past covariate, or a context cannot carry its decomposition.
        RefusedError: If no series has a window that ends by `train_until`, the context is longer
            than every history, or the budget ends within the first pass over the windows.
        NightcastError: If the loss is not finite; names the series.
    """
    for name in settings.networks:
        check_network(name)
    if start:
        if start.settings.pretrained:
            settings = as_gentle_as_its_size(settings, panel, train_until=train_until)
        settings = warm_settings(in_its_sizes(start, settings))
    elif not settings.pretrained:
        settings = replace(settings, freeze=())
    run = _Run(panel, settings, train_until, start)
    trained = run.train_members(progress)
    weights = run.learn_weights(trained) if settings.combine == WEIGHTS else ()
    return NeuralForecaster(
        settings=settings,
        features=run.features,
        sizes=run.sizes,
        members=tuple(each.member for each in trained),
        networks=tuple(each.network for each in trained),
        weights=weights,
        support=Support.of(panel, until=train_until),
        trained_until=train_until,
        curves=tuple(each.curve for each in trained),
    )


class _Run:
    """State that the members of one training share: data, held-out windows and the clock."""

    def __init__(
        self,
        panel: Panel,
        settings: TrainingSettings,
        train_until: int,
        start: NeuralForecaster | None,
    ) -> None:
        self._begin = time.monotonic()
        self._device = training_device(settings.device)
        self._panel = panel
        self._settings = settings
        self._anchor = train_until
        self._split = split_origins(panel, settings, train_until)
        self._longest = int(panel.lengths_until(train_until).max())
        if settings.context_length > self._longest:
            raise RefusedError(
                f"training.context_length: expected at most the longest history, {self._longest} "
                f"steps, got {settings.context_length}; shorten it or wait for more history."
            )
        self._start = start
        # Codes and units of a start stay, because its weights have learned to read them.
        learned = self._split.everything.counts > 0
        self.features = (
            start.features if start else _features(panel, settings, learned, train_until)
        )
        self.sizes = (
            replace(start.sizes, dropout=settings.dropout)
            if start
            else _network_settings(panel, settings, self.features, train_until)
        )
        self._weights = np.reciprocal(
            series_scales(panel, settings.season_lengths[-1], train_until)
        )
        windows = min(self._split.training.total, settings.windows_per_epoch)
        self._steps_per_epoch = max(1, round(windows / settings.batch_size))
        self._readers: dict[int, WindowReader] = {}
        self._best_epochs: dict[str, int] = {}  # as the first member of each network found them

    def train_members(self, progress: Listener | None) -> list[_Trained]:
        """Train one member after the other, as far as the budget goes."""
        trained = []
        for number in range(self._settings.members):
            member = self._train_member(number, progress)
            if member is None:
                break
            trained.append(member)
        if not trained:
            windows = self._steps_per_epoch * self._settings.batch_size
            raise RefusedError(
                f"training.minutes: expected time for one pass over {windows:,} windows, got "
                f"{self._settings.minutes:g} minutes for {self._settings.network}, which ended "
                "before that; allow more."
            )
        return trained

    def held_out(self, member: Member) -> Batch:
        """The windows that training does not see, as one member reads them."""
        return self._batch(member, *self._split.held_out)

    def learn_weights(self, trained: list[_Trained]) -> tuple[float, ...]:
        """Weights of the members, learned on the held-out windows where none had learned from them.

        Else, because the history is too short or the start knows them, they stay those of the
        start, or equal.
        """
        learned, origins = self._learned_until(), self._split.held_out[1]
        if origins.min() < learned:
            kept = self._start.weights if self._start else ()
            return kept if len(kept) == len(trained) else equal_weights(len(trained))
        batch = self.held_out(trained[0].member)
        held_out = HeldOut(
            np.stack([each.forecasts for each in trained if each.forecasts is not None]),
            batch.target,
            batch.weights,
            origins,
            learned_until=np.full_like(origins, learned),
        )
        return learn_weights(held_out, self._settings.quantile_levels)

    def _learned_until(self) -> int:
        """Slot of the last step that members learned from before they forecast held-out windows."""
        learned = self._split.learned_until(self._settings.horizon)
        if self._start is None:
            return learned
        started = self._start.trained_until
        return max(learned, self._anchor if started is None else started)

    def _train_member(self, number: int, listener: Listener | None) -> _Trained | None:
        """Train one member.

        Returns:
            None where the budget ended before the first pass was over.
        """
        settings, begun = self._settings, time.monotonic()
        member = settings.member(number, longest=self._longest)
        sizes = self.sizes.of(member)
        network = build_network(member.network, sizes, member.seed)
        if self._start is not None:
            network.set_weights(self._start.networks[number].get_weights())
        elif settings.pretrained:
            take_over(network, member.network, sizes, settings.pretrained)
        bench = workbench(member.network, sizes, self._device, frozen=settings.freeze)
        # Else one warm start after the other would learn from the same draw, moved by a night.
        night = [self._anchor % 2**32] if self._start else []
        rng = np.random.default_rng([settings.seed, number, *night])
        course = _Course(number, member, bench, rng, listener)
        forecasts = None
        with bench:
            bench.start(network)
            if settings.combine == WEIGHTS or member.network not in self._best_epochs:
                best = self._until_stale(course)
                if settings.combine == WEIGHTS:
                    forecasts = self._forecast_held_out(bench, member)
                self._catch_up(course)
            else:
                best = self._on_everything(course, self._best_epochs[member.network])
            network.set_weights(bench.model.get_weights())
        if not course.training:
            return None
        self._best_epochs.setdefault(member.network, best + 1)
        seconds = time.monotonic() - begun
        curve = Curve(tuple(course.training), tuple(course.held_out), best, seconds)
        return _Trained(member, network, curve, forecasts)

    def _until_stale(self, course: _Course) -> int:
        """Learn from what lies before the held-out windows, until they get no better.

        Returns:
            The last epoch that was about as good on them as any, whose weights are kept.
        """
        bench, epochs = course.bench, self._settings.max_epochs
        tolerated = 1 + self._settings.tolerance
        held_out = self.held_out(course.member)
        best, best_weights = 0, bench.model.get_weights()
        with closing(self._batches(course, self._split.training)) as batches:
            for epoch in range(epochs):
                if not self._epoch(course, batches, epochs=epochs):
                    break
                loss = bench.loss(held_out)
                self._check(loss, held_out, self._split.held_out[0])
                course.held_out.append(loss)
                if course.held_out[-1] <= tolerated * min(course.held_out):
                    best, best_weights = epoch, bench.model.get_weights()
                self._tell(course)
                stale = epoch - best >= PATIENCE * epochs
                if stale or self._spent(course):
                    break
        bench.model.set_weights(best_weights)
        return best

    def _on_everything(self, course: _Course, epochs: int) -> int:
        """Learn from all windows for a known number of epochs.

        Returns:
            The last epoch, whose weights are kept.
        """
        with closing(self._batches(course, self._split.everything)) as batches:
            for _ in range(epochs):
                if not self._epoch(course, batches, epochs=epochs):
                    break
                self._tell(course)
                if self._spent(course):
                    break
        return len(course.training) - 1

    def _epoch(self, course: _Course, batches: Batches, *, epochs: int) -> bool:
        """One pass over the windows; False where the budget ends within the first one.

        A later one is cut short where the member's time is over.
        """
        losses: list[float] = []
        epoch, per_epoch = len(course.training), self._steps_per_epoch
        for step in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            if epoch == 0 and self._elapsed > 60 * self._settings.minutes:
                return False
            if losses and epoch > 0 and self._spent(course):
                break
            share = max(step / (epochs * per_epoch), self._hurry(course.number))
            losses.append(self._step(course, batches, learning_rate_share(share)))
        course.training.append(float(np.mean(losses)))
        return True

    def _catch_up(self, course: _Course) -> None:
        """Learn from all windows, the held-out ones too, at a rate that fades out."""
        steps = round(self._settings.catch_up * len(course.held_out) * self._steps_per_epoch)
        with closing(self._batches(course, self._split.everything)) as batches:
            for step in range(steps):
                if self._spent(course):
                    break
                share = max(step / steps, self._hurry(course.number))
                faded = learning_rate_share(WARM_UP + (1 - WARM_UP) * share)
                self._step(course, batches, CATCH_UP_RATE * faded)

    def _step(self, course: _Course, batches: Batches, rate: float) -> float:
        """Learn from one batch at a share of the highest learning rate; its loss."""
        batch, series = next(batches)
        loss = course.bench.step(batch, self._settings.learning_rate * rate)
        self._check(loss, batch, series)
        return loss

    @property
    def _elapsed(self) -> float:
        """Seconds since the training began."""
        return time.monotonic() - self._begin

    def _hurry(self, number: int) -> float:
        """Share of the schedule that the clock asks for; 0 or less where there is time enough."""
        share = self._settings.minutes * 60 / self._settings.members
        return ((self._elapsed - number * share) / share - FREE_TIME) / (1 - FREE_TIME)

    def _spent(self, course: _Course) -> bool:
        """Whether the time of a member is over, after which it would learn at a rate of zero."""
        return self._hurry(course.number) >= 1

    def _tell(self, course: _Course) -> None:
        """Say what there is to say after an epoch."""
        if course.listener is None:
            return
        members, epochs = self._settings.members, self._settings.max_epochs
        expected = epochs
        if not course.held_out:
            expected = self._best_epochs[course.member.network]
        of_member = round(epochs * len(course.training) / expected)
        done, total = course.number * epochs + of_member, members * epochs
        course.listener(
            Progress(
                done=done,
                total=total,
                seconds_left=(total - done) * self._elapsed / done,
                member=course.number,
                epoch=len(course.training) - 1,
                training_loss=course.training[-1],
                held_out_loss=course.held_out[-1] if course.held_out else None,
                learning_rate=course.bench.learning_rate,
            )
        )

    def _forecast_held_out(self, bench: Workbench, member: Member) -> Floats:
        """Quantiles of the held-out windows, shape `(B, H, Q)`, made as every forecast is."""
        batches = self._reader(member.context_length).batches(*self._split.held_out)
        made = [bench.predict(arrays)[: rows.stop - rows.start] for rows, arrays in batches]
        return np.concatenate(made)

    def _reader(self, length: int) -> WindowReader:
        if length not in self._readers:
            self._readers[length] = WindowReader(
                self._panel,
                self.features,
                context_length=length,
                horizon=self._settings.horizon,
                auxiliary=self._settings.auxiliary,
            )
        return self._readers[length]

    def _batch(self, member: Member, series: Ints, origins: Ints) -> Batch:
        arrays, windows = self._reader(member.context_length).read(series, origins)
        return Batch(
            arrays,
            windows.target,
            self._weights[series],
            windows.auxiliary,
            self._settings.auxiliary_weight,
        )

    def _batches(self, course: _Course, origins_of: Origins) -> Batches:
        """Batches in the order of the draw; the next one is gathered while one is trained on."""
        member, rng = course.member, course.rng
        with ThreadPoolExecutor(1) as pool:
            series, origins = self._draw(origins_of, rng)
            ahead = pool.submit(self._batch, member, series, origins)
            while True:
                batch, drawn = ahead.result(), series
                series, origins = self._draw(origins_of, rng)
                ahead = pool.submit(self._batch, member, series, origins)
                yield batch, drawn

    def _draw(self, origins_of: Origins, rng: np.random.Generator) -> tuple[Ints, Ints]:
        settings, size = self._settings, self._settings.batch_size
        series, origins = origins_of.draw(size, rng)
        aligned = origins_of.align(series, origins, anchor=self._anchor, every=settings.season)
        return series, np.where(rng.random(size) < settings.aligned_share, aligned, origins)

    def _check(self, loss: float, batch: Batch, series: Ints) -> None:
        """Stop at a loss that is not finite, and name the series that is the likeliest cause."""
        if np.isfinite(loss):
            return
        values = np.abs(np.concatenate([batch.arrays["context"], batch.target], axis=1))
        worst = int(series[np.argmax(np.fmax.reduce(values, axis=1))])
        raise NightcastError(
            f"Training of {self._settings.network} stopped: the loss became {loss}, "
            f"most likely by series {self._panel.unique_ids[worst]!r}; check its values."
        )


def _features(
    panel: Panel, settings: TrainingSettings, learned: Bools, train_until: int
) -> Features:
    """What the networks read beside the target."""
    covariates = Features.of(panel, learned, until=train_until)
    apart = settings.decomposition
    if apart:
        _check_history(panel, settings, apart, train_until)
    return replace(
        covariates,
        decomposition=apart,
        season_length=settings.season,
        holt=fit_holt(panel, until=train_until, season_lengths=settings.season_lengths)
        if settings.holt
        else None,
    )


def _check_history(
    panel: Panel, settings: TrainingSettings, apart: Decomposition, train_until: int
) -> None:
    """Refuse a decomposition that the context cannot carry; say where the history is to blame."""
    try:
        check_decomposition(apart, settings.context_length, settings.season)
    except SpecError as error:
        longest = int(panel.lengths_until(train_until).max(initial=0))
        if settings.context_length < longest:
            raise
        raise RefusedError(
            f"training.decomposition: the longest history has {longest} steps, too few for "
            f"{apart}; wait for more history."
        ) from error


def _network_settings(
    panel: Panel, settings: TrainingSettings, features: Features, train_until: int
) -> NetworkSettings:
    """The sizes that all members share."""
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
        auxiliary=features.past_positions(settings.auxiliary),
        modes=settings.decomposition.modes if settings.decomposition else 0,
        components=settings.components,
        holt=settings.holt,
        linear_paths=settings.linear_paths,
    )
