"""Totals of the sample: do they agree, do their intervals hold, and what do they cost?

Every origin is judged by what was known at it: how series missed together, whom mint trusts, and
the residuals of the peer all come from the origins before. The peer is the bare package
hierarchicalforecast over the same forecasts of the same series.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.protocols import Protocol, sample
from benchmarks.report import Figure
from data_contracts.spec import ALL_SERIES, DECILES
from models import scores
from models.forecasters.forecaster import Forecaster
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts, forecast_origins, losses_of, summary
from models.hierarchy.grouping import Grouping
from models.hierarchy.histories import panel_of_totals
from models.hierarchy.past import Past
from models.hierarchy.reconciled import moved, projection
from models.hierarchy.templates import Templates
from models.hierarchy.totals import total_means, total_quantiles
from models.panel import Floats, Panel
from models.quantiles import mean_of_quantiles
from tasks.calibrate import adjust
from tasks.contenders import baseline_of

LEARNED_FROM = 28  # origins before the one that is judged, as in a night
SCENARIOS = 1000
SEED = 7
TOGETHER, APART, SUMMED = "as they missed before", "as if apart", "as if together"
LARGE = {"series": 10_000, "steps": 48, "totals": 100}
Method = Callable[[int], Floats]  # quantiles of all totals at one origin, `(N, H, Q)`


@dataclass(frozen=True, eq=False)
class Material:
    """Forecasts of series and of their totals from the same origins.

    Attributes:
        series: Of the series, as they would have been published.
        totals: Of the totals, forecast like series.
        grouping: Which series each total holds.
        support: Which values the target can take.
        judged: Positions of the origins that are judged.
    """

    series: Forecasts
    totals: Forecasts
    grouping: Grouping
    support: Support
    judged: range

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantile levels."""
        return self.series.quantile_levels

    def past(self, forecasts: Forecasts, origin: int) -> Past:
        """What was missed at the origins before one."""
        known = slice(max(0, origin - LEARNED_FROM), origin)
        before = replace(
            forecasts,
            origins=forecasts.origins[known],
            quantiles=forecasts.quantiles[:, known],
            target=forecasts.target[:, known],
            scale=forecasts.scale[:, known],
        )
        return Past.of(before, self.support)

    def added_up(self, origin: int, templates: Templates) -> Floats:
        """Quantiles of totals at one origin, under one way of missing together."""
        return total_quantiles(
            self.series.quantiles[:, origin],
            self.grouping,
            templates,
            levels=self.levels,
            support=self.support,
        )


def measure(*, quick: bool) -> list[Figure]:
    """The figures of the hierarchy; quick ones stand on the baseline alone."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        origins = 24 if quick else 108
        protocol = sample(Path(folder), origins=origins)
        naive = baseline_of(protocol.tonight.spec).forecaster
        figures += figures_of(_material(protocol, naive), "seasonal naive")
        if not quick:
            protocol = sample(Path(folder), origins=42)
            figures += figures_of(_material(protocol, _network(protocol)), "multihead_lstm")
    return [*figures, *_speed(quick=quick)]


def _network(protocol: Protocol) -> Forecaster:
    """Trained from scratch on what lies before the first origin."""
    from models.learning.training import train
    from tasks.train import training_settings

    longest = int(protocol.panel.lengths.max())
    settings = training_settings(protocol.tonight, "multihead_lstm", longest=longest)
    settings = replace(settings, members=2)
    return train(protocol.panel, settings, train_until=int(protocol.origins[0]))


def _material(protocol: Protocol, forecaster: Forecaster) -> Material:
    panel = protocol.panel
    grouping = Grouping.of(panel.labels, num_series=panel.num_series, total=True)
    num_origins = len(protocol.origins)
    return Material(
        series=_adjusted(protocol, forecaster, panel),
        totals=_adjusted(protocol, forecaster, panel_of_totals(panel, grouping)),
        grouping=grouping,
        support=Support.of(panel, until=panel.cutoff_slot),
        judged=range(min(LEARNED_FROM, num_origins // 3), num_origins),
    )


def _adjusted(protocol: Protocol, forecaster: Forecaster, panel: Panel) -> Forecasts:
    raw = forecast_origins(
        forecaster,
        panel,
        np.arange(panel.num_series),
        protocol.origins,
        season_length=protocol.season_length,
    )
    return adjust(protocol.tonight.spec, panel, raw)[0]


def figures_of(material: Material, who: str) -> list[Figure]:
    """Coverage and loss of the totals of one forecaster, by every method, and what mint changes."""
    target = material.grouping.sums(material.series.target)[:, material.judged].astype(np.float32)
    said = {
        name: np.stack([method(origin) for origin in material.judged], axis=1)
        for name, method in _methods(material).items()
    }
    bootstrap = said["hierarchicalforecast, bootstrap"]
    figures = [_coherence(material, who)]
    for level in dict.fromkeys(material.grouping.levels):
        rows = np.array([each == level for each in material.grouping.levels])
        place = f"{who}, {'all series' if level == ALL_SERIES else 'by ' + level}"
        peer = scores.wql(target[rows], bootstrap[rows], levels=material.levels)
        for name, quantiles in said.items():
            wql = scores.wql(target[rows], quantiles[rows], levels=material.levels)
            covered = scores.coverage(target[rows], quantiles[rows], levels=material.levels)
            is_ours = name == TOGETHER
            figures += [
                Figure(f"{place}: coverage of 80 %, {name}", 100 * covered, "%"),
                Figure(
                    f"{place}: WQL, {name}",
                    wql,
                    target=peer if is_ours else None,
                    peer=peer,
                    peer_name="bootstrap",
                ),
            ]
    return [*figures, *_reconciliation(material, said[TOGETHER], target, who)]


def _methods(material: Material) -> dict[str, Method]:
    num_series = len(material.series.unique_ids)
    apart, together = Templates.apart(num_series, seed=SEED), Templates.together(num_series)
    return {
        TOGETHER: lambda origin: material.added_up(
            origin, Templates.learn(material.past(material.series, origin).scores, seed=SEED)
        ),
        APART: lambda origin: material.added_up(origin, apart),
        SUMMED: lambda origin: material.added_up(origin, together),
        "hierarchicalforecast, bootstrap": lambda origin: _peer(material, origin, "bootstrap"),
        "hierarchicalforecast, normality": lambda origin: _peer(material, origin, "normality"),
    }


def _peer(material: Material, origin: int, intervals: str) -> Floats:
    """BottomUp of the bare package, with residuals of the origins before."""
    from hierarchicalforecast.methods import BottomUp  # type: ignore[import-untyped]  # it has none

    past, grouping = material.past(material.series, origin), material.grouping
    num_series = len(past.unique_ids)
    summing = np.concatenate([grouping.matrix(), np.eye(num_series)])
    said = mean_of_quantiles(material.series.quantiles[:, origin], material.levels)
    actual, fitted = (
        summing @ each.reshape(num_series, -1).astype(np.float64)
        for each in (past.target, past.means)
    )
    deviation = np.std(actual - fitted, axis=1, keepdims=True)
    reconciler = BottomUp().fit(
        S=summing,
        y_hat=summing @ said,
        y_insample=actual,
        y_hat_insample=fitted,
        sigmah=np.repeat(deviation, said.shape[1], axis=1),
        intervals_method=intervals,
        num_samples=SCENARIOS,
        seed=SEED,
    )
    drawn = reconciler.sampler.get_samples(SCENARIOS)[: grouping.num_totals]  # (N, H, T)
    return np.moveaxis(np.quantile(drawn, material.levels, axis=2), 0, -1).astype(np.float32)


def _coherence(material: Material, who: str) -> Figure:
    """The largest distance of a mean from the sum of its series, as it is stored."""
    means = mean_of_quantiles(material.series.quantiles, material.levels)  # (S, O, H)
    distances = [
        np.abs(
            total_means(means[:, origin], material.grouping)
            - (material.grouping.matrix() @ means[:, origin].astype(np.float64)).astype(np.float32)
        ).max()
        for origin in material.judged
    ]
    return Figure(f"{who}: largest distance of a total from the sum", max(distances), target=0)


def _reconciliation(material: Material, summed: Floats, target: Floats, who: str) -> list[Figure]:
    """What mint makes of the forecasts of series and totals."""
    quantiles = material.series.quantiles.copy()
    totals = np.empty_like(summed)
    for at, origin in enumerate(material.judged):
        series = material.past(material.series, origin)
        weights = projection(series, material.past(material.totals, origin), material.grouping)
        sums = mean_of_quantiles(material.totals.quantiles[:, origin], material.levels)
        quantiles[:, origin] = moved(
            quantiles[:, origin], sums, weights, levels=material.levels, support=material.support
        )
        whole = replace(material, series=replace(material.series, quantiles=quantiles))
        totals[:, at] = whole.added_up(origin, Templates.learn(series.scores, seed=SEED))
    first = int(material.series.origins[material.judged.start])
    before = summary(losses_of(material.series.since(first)))
    after = summary(losses_of(replace(material.series, quantiles=quantiles).since(first)))
    several = material.grouping.sizes > 1
    wqls = [scores.wql(target[several], q[several], levels=DECILES) for q in (totals, summed)]
    return [
        Figure(f"{who}: MASE of the series, mint", after.mase, peer=before.mase, peer_name="as is"),
        Figure(f"{who}: WQL of the series, mint", after.wql, peer=before.wql, peer_name="as is"),
        Figure(f"{who}: WQL of the totals, mint", wqls[0], peer=wqls[1], peer_name="bottom_up"),
    ]


def _speed(*, quick: bool) -> list[Figure]:
    """Totals of many series, in processor time: other programs run beside a benchmark."""
    size = {name: value // (10 if quick else 1) for name, value in LARGE.items()}
    num_series, horizon = size["series"], LARGE["steps"]
    rng = np.random.default_rng(SEED)
    labels = {"shop": [f"{k % (LARGE['totals'] - 1)}" for k in range(num_series)]}
    grouping = Grouping.of(labels, num_series=num_series, total=True)
    past = rng.standard_normal((num_series, LEARNED_FROM, horizon), np.float32)
    quantiles = np.sort(rng.gamma(3, 5, (num_series, horizon, 9)).astype(np.float32), axis=2)
    begun, held = time.process_time(), _memory()
    templates = Templates.learn(past, seed=SEED)
    total_quantiles(quantiles, grouping, templates, levels=DECILES, support=Support())
    seconds = time.process_time() - begun
    name = f"{num_series:,} series × {horizon} steps, {grouping.num_totals} totals"
    return [
        Figure(f"{name}: to add up", seconds, "CPU-s", target=30),
        Figure(f"{name}: memory beyond the forecasts", _memory() - held, "MB", target=500),
    ]


def _memory() -> float:
    """The most that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
