"""What decomposing is worth: each strategy with and without, honest and with the usual leak.

    python -m benchmarks.decomposition.accuracy [--quick] [--json]

All strategies train the same network on the same windows of ETTh1 and of the sample, up to the
first of the origins that they are scored from. Where the honest way decomposes each context alone,
the leaking one decomposes the whole series first, days to forecast included, and cuts windows out
of its components afterwards. What that seems to gain is no gain: no night could have it.

Two members of `multihead_lstm` read the context of the spec; their windows end at the hour of the
forecasts alone, so that an ensemble of decompositions is affordable. Hours on two cores.
"""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.command import alone, tell
from benchmarks.decomposition.whole_series import decomposed_whole
from benchmarks.report import Figure
from models.decomposition.settings import STL_COMPONENTS, Decomposition
from models.gate.evaluation import Summary, evaluate, summary
from models.learning.settings import ENTRIES, Entry, TrainingSettings
from models.panel import Ints, Panel

NETWORK = "multihead_lstm"
MODES = 5
TRIALS = 10  # noisy copies of a window; twice as many cost twice as much
METHODS = ("vmd", "eemd", "stl")  # CEEMDAN costs as much as EEMD, and is left out for that


class Task(NamedTuple):
    """What is forecast.

    Attributes:
        name: In the table.
        settings: The usual training.
        origins: Slots of the last step that each forecast may see, shape `(O,)`.
        season_length: Steps in the season that MASE is scaled by.
    """

    name: str
    panel: Panel
    settings: TrainingSettings
    origins: Ints
    season_length: int


@dataclass(frozen=True)
class Strategy:
    """One way to use a decomposition, or none.

    Attributes:
        method: Empty for none.
        components: How these enter.
        holt: Whether level and trend are read.
        leaks: Whether whole series are decomposed.
    """

    method: str = ""
    components: Entry = "channels"
    holt: bool = False
    leaks: bool = False

    def __str__(self) -> str:
        if not self.method:
            return "holt" if self.holt else "none"
        return f"{self.method} as {self.components}" + (", leaking" if self.leaks else "")


def strategies() -> Iterator[Strategy]:
    """All of them, the cheap ones first."""
    yield Strategy()
    yield Strategy(holt=True)
    for method, components, leaks in product(METHODS, ENTRIES, (False, True)):
        yield Strategy(method, components, leaks=leaks)


def measure(*, quick: bool) -> list[Figure]:
    """MASE and WQL of every strategy, each beside that of no decomposition."""
    figures = []
    for task in tasks(quick=quick):
        plain: Summary | None = None
        for strategy in strategies():
            if quick and strategy.method not in ("", "stl"):
                continue
            scores = score(task, strategy)
            plain = plain or scores
            tell(f"{task.name}, {strategy}: MASE {scores.mase:.3f}, WQL {scores.wql:.4f}")
            figures += [
                Figure(f"{task.name}, {strategy}: {name}", ours, peer=other, peer_name="none")
                for name, ours, other in (
                    ("MASE", scores.mase, plain.mase),
                    ("WQL", scores.wql, plain.wql),
                )
            ]
    return figures


def tasks(*, quick: bool) -> Iterator[Task]:
    """ETTh1, where it lies here, and the sample, on the origins of `benchmarks.accuracy`."""
    from benchmarks.peers.desk import KEPT
    from benchmarks.protocols import ETTH1, etth1, sample
    from tasks.train import training_settings

    KEPT.mkdir(exist_ok=True)
    protocols = [etth1(KEPT, ETTH1, origins=20)] if ETTH1.exists() else []
    for protocol in [*protocols, sample(KEPT, origins=28)]:
        longest = int(protocol.panel.lengths.max())
        settings = training_settings(protocol.tonight, NETWORK, longest=longest)
        settings = replace(settings, members=2, contexts=(1.0,), aligned_share=1.0, minutes=600)
        if quick:
            settings = replace(settings, max_epochs=2)
        origins, season_length = protocol.origins, protocol.season_length
        yield Task(protocol.name, protocol.panel, settings, origins, season_length)


def score(task: Task, strategy: Strategy) -> Summary:
    """Train by one strategy up to the first origin, and score what is forecast from all of them."""
    from models.learning.training import train

    settings = replace(
        task.settings,
        decomposition=decomposition_of(strategy.method),
        components=strategy.components,
        holt=strategy.holt,
    )
    with decomposed_whole() if strategy.leaks else nullcontext():
        forecaster = train(task.panel, settings, train_until=int(task.origins[0]))
        series = np.arange(task.panel.num_series)
        losses = evaluate(
            forecaster, task.panel, series, task.origins, season_length=task.season_length
        )
    return summary(losses)


def decomposition_of(method: str) -> Decomposition | None:
    """What a strategy decomposes by, None where it does not."""
    if not method:
        return None
    return Decomposition(method, STL_COMPONENTS if method == "stl" else MODES, trials=TRIALS)


if __name__ == "__main__":
    sys.exit(alone("what decomposing is worth", measure))
