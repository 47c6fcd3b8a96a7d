"""The leak audit: does anything after the cutoff reach a forecast?

    python -m benchmarks.leaks [--quick] [--json]

For every network × decomposition × feature × scaling a forecaster is trained up to a cutoff and
forecasts from there, twice: on a panel, and on one in which everything after the cutoff is another,
target and gaps and every covariate that is not known ahead. What was learned and what is forecast
must be the same bytes. Each forecaster has a member per scaling, so that all are in every training.

A decomposition of the whole series, which is what most published code does, must be caught; and an
evaluation of a forecaster on steps that it was trained on must be refused. `--quick` audits each
network and each feature, and not every pair of them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import product

import numpy as np

from benchmarks.command import alone, tell
from benchmarks.decomposition.whole_series import decomposed_whole
from benchmarks.report import Figure
from data_contracts.errors import RefusedError
from data_contracts.frequency import Grid
from models.decomposition.settings import METHODS, Decomposition
from models.forecasters.neural import NeuralForecaster
from models.gate.evaluation import forecast_origins
from models.learning.settings import ENTRIES, Entry, TrainingSettings
from models.networks import network_names
from models.panel import Ints, Panel

CUTOFF, LAST = 960, 1000  # slots; the panel goes on after the cutoff
LENGTHS = (200, 150, 120, 60)
HORIZON, SEASON, MODES = 6, 6, 3
SCALINGS = ("last_season", "mean_std", "mean_abs")
SETTINGS = TrainingSettings(
    network="",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(SEASON,),
    members=len(SCALINGS),
    minutes=1000,  # the clock must not decide what is learned
    max_epochs=1,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=16,
    scalings=SCALINGS,
    contexts=(1.0,),
    device="cpu",
)


@dataclass(frozen=True)
class Case:
    """One combination.

    Attributes:
        network: By name; its members have all scalings.
        method: Of the decomposition, or empty.
        components: How these enter.
        holt: Whether level and trend do.
    """

    network: str
    method: str = ""
    components: Entry = "channels"
    holt: bool = False

    def __str__(self) -> str:
        apart = f" + {self.method} as {self.components}" if self.method else ""
        return self.network + apart + (" + holt" if self.holt else "")

    @property
    def settings(self) -> TrainingSettings:
        """What is trained."""
        apart = Decomposition(self.method, MODES, trials=4) if self.method else None
        return replace(
            SETTINGS,
            network=self.network,
            decomposition=apart,
            components=self.components,
            holt=self.holt,
        )


def measure(*, quick: bool) -> list[Figure]:
    """Audit all cases; what leaks is named on stderr."""
    with uncompiled():
        return _audit(quick=quick)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Compiling a network takes many times as long as the few steps of such a training."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def _audit(*, quick: bool) -> list[Figure]:
    cases = list(some_cases() if quick else all_cases())
    panel = a_panel()
    leaking = 0
    for number, case in enumerate(cases, 1):
        found = leaks(case, panel)
        leaking += bool(found)
        tell(f"{number} of {len(cases)}: {case}: {', '.join(found) or 'nothing leaks'}")
    with decomposed_whole():
        caught = [case for case in deliberate() if leaks(case, panel)]
    judged = judges_what_it_learned(panel)
    return [
        Figure("combinations audited, each with all scalings", len(cases)),
        Figure("… that let something through", leaking, "", 0),
        Figure("deliberate leaks", len(deliberate())),
        Figure("… that were caught", len(caught), "", len(deliberate()), higher_is_better=True),
        Figure("evaluations on training steps that were not refused", judged, "", 0),
    ]


def all_cases() -> Iterator[Case]:
    """Every network × decomposition and how it enters × Holt."""
    for network, holt in product(network_names(), (False, True)):
        yield Case(network, holt=holt)
        for method, components in product(METHODS, ENTRIES):
            yield Case(network, method, components, holt)


def some_cases() -> Iterator[Case]:
    """Every network, every decomposition either way, and Holt, each at least once."""
    ways = list(product(METHODS, ENTRIES))
    networks = network_names()
    for number, (method, components) in enumerate(ways):
        yield Case(networks[number % len(networks)], method, components, holt=number % 2 == 0)


def deliberate() -> list[Case]:
    """What must be caught while whole series are decomposed."""
    return [Case("multihead_lstm", method) for method in METHODS]


def leaks(case: Case, panel: Panel) -> list[str]:
    """What of a training and its forecast changes when the future does; empty if nothing leaks."""
    first, second = (_trained(case, each) for each in (panel, with_another_future(panel)))
    found = []
    if asdict(first[0].features) != asdict(second[0].features) or (
        first[0].sizes != second[0].sizes or first[0].support != second[0].support
    ):
        found.append("constants")
    weights = [_bytes_of(forecaster) for forecaster, _ in (first, second)]
    if weights[0] != weights[1]:
        found.append("weights")
    if first[1] != second[1]:
        found.append("forecast")
    return found


def _trained(case: Case, panel: Panel) -> tuple[NeuralForecaster, bytes]:
    """A forecaster that has learned up to the cutoff, and what it forecasts from there."""
    from models.learning.training import train

    forecaster = train(panel, case.settings, train_until=CUTOFF)
    series = np.arange(panel.num_series)
    return forecaster, forecaster.predict(panel, series, _cutoffs(panel)).tobytes()


def _bytes_of(forecaster: NeuralForecaster) -> list[bytes]:
    return [weight.tobytes() for network in forecaster.networks for weight in network.get_weights()]


def _cutoffs(panel: Panel) -> Ints:
    return np.full(panel.num_series, CUTOFF)


def judges_what_it_learned(panel: Panel) -> int:
    """Evaluations from origins before the end of training that were not refused."""
    forecaster, _ = _trained(Case("tcn"), panel)
    accepted = 0
    for origin in (CUTOFF - 1, CUTOFF - HORIZON):
        try:
            series, origins = np.arange(panel.num_series), np.array([origin])
            forecast_origins(forecaster, panel, series, origins, season_length=SEASON)
            accepted += 1
        except RefusedError:
            continue
    return accepted


def a_panel() -> Panel:
    """Waves of different length with gaps, a covariate of every role, and a future."""
    rng = np.random.default_rng(0)
    sizes = [length + HORIZON for length in LENGTHS]
    slots = np.concatenate([np.arange(LAST + 1 - n, LAST + HORIZON + 1) for n in LENGTHS])
    y = 10 + 3 * np.sin(2 * np.pi * slots / SEASON) + rng.normal(size=len(slots))
    observed = (rng.random(len(slots)) < 0.95) & (slots <= LAST)
    known = rng.normal(size=(len(slots), 1))
    past = np.where(slots[:, None] <= LAST, rng.normal(size=(len(slots), 1)), np.nan)
    return Panel(
        unique_ids=tuple(f"series-{number}" for number in range(len(LENGTHS))),
        indptr=np.cumsum([0, *sizes]).astype(np.int64),
        y=np.where(observed, y, np.nan).astype(np.float32),
        observed=observed,
        past=past.astype(np.float32),
        known=known.astype(np.float32),
        static=np.array([["a"], ["b"], ["a"], ["b"]]),
        past_names=("wind",),
        known_names=("price",),
        static_names=("kind",),
        grid=Grid("h"),
        cutoff_slot=LAST,
        horizon=HORIZON,
    )


def with_another_future(panel: Panel) -> Panel:
    """The panel with all of it changed that nobody could know at the cutoff."""
    rng = np.random.default_rng(1)
    ends = np.repeat(panel.indptr[1:], np.diff(panel.indptr))
    slots = LAST + HORIZON - (ends - 1 - np.arange(len(ends)))
    later = slots > CUTOFF
    observed = np.where(later & (slots <= LAST), rng.random(len(slots)) < 0.5, panel.observed)
    other = 1000 * rng.normal(size=len(slots))
    y = np.where(later, other, panel.y)
    past = np.where(later[:, None], other[:, None], panel.past)
    beyond = slots > CUTOFF + HORIZON  # until then prices are known ahead
    known = np.where(beyond[:, None], other[:, None], panel.known)
    return replace(
        panel,
        y=np.where(observed, y, np.nan).astype(np.float32),
        observed=observed,
        past=past.astype(np.float32),
        known=known.astype(np.float32),
    )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(alone("leaks", measure))
