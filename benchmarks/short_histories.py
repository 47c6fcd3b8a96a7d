"""What a training is worth where there is little to learn from.

    python -m benchmarks.short_histories [--quick] [--json] [--only PANEL]

Panels of one series and of four, of 60 to 240 days, are cut out of ETTh1 and the sample by chance,
by the hour and by the day. One network of two members forecasts the eighteen days behind those of
hours, and fourteen days from ten origins behind those of days: trained from scratch, as its
pretrained weights are (`weights`), and trained from these as a night does it (`pretrained`).
Of one source alone other cuts are drawn than of both.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.command import tell
from benchmarks.protocols import (
    Protocol,
    add_panels,
    asked_panels,
    by_day,
    cut_out,
    cut_out_days,
    rows_of,
)
from benchmarks.report import Figure, Listing
from data_contracts.vocabulary import DS, UNIQUE_ID
from models.gate.evaluation import Summary
from models.learning.settings import TrainingSettings

NETWORK = "attention_lstm"
SERIES = (1, 4)
SCRATCH, AS_THEY_ARE, PRETRAINED = "scratch", "weights", "pretrained"
WAYS = (SCRATCH, AS_THEY_ARE, PRETRAINED)
NO_WORSE = 1.01  # what may be lost by learning from very little
COLUMNS = ("panel", *(f"{score} {way}" for way in WAYS for score in ("MASE", "WQL")), "note")


@dataclass(frozen=True)
class Scale:
    """Panels of steps of one length.

    Attributes:
        steps: What their steps are.
        lengths: Days of history before the first origin.
        origins, every: How many, and days from one to the next.
        horizon: Days that are forecast; None takes that of what they are cut out of.
    """

    steps: str
    lengths: tuple[int, ...]
    origins: int
    every: int
    horizon: int | None = None


HOURS = Scale("hours", (60, 120, 240), origins=18, every=1)
DAYS = Scale("days", (90, 180), origins=10, every=2, horizon=14)


@dataclass(frozen=True)
class Cut:
    """One short panel.

    Attributes:
        source: Name of the panel that it is cut out of.
        steps: What its steps are.
        series: How many.
        days: Of history before the first origin.
    """

    source: str
    steps: str
    series: int
    days: int

    @property
    def name(self) -> str:
        """In the table."""
        return f"{self.source} by {self.steps[:-1]}, {self.series} × {self.days} d"


def main() -> int:
    """Measure, print, and say by the exit status whether a start from the weights pays."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.short_histories",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the shortest panels alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_panels(parser)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    whole = asked_panels(options)
    scores: dict[Cut, dict[str, Summary]] = {}
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for scale in (HOURS, DAYS):
            used = replace(scale, lengths=scale.lengths[:1]) if options.quick else scale
            found = {}
            for cut, protocol in panels(whole, used, Path(folder)):
                tell(cut.name)
                found[cut] = {way: _score(protocol, way) for way in WAYS}
            figures += _figures(scale.steps, found)
            scores |= found
    return report.publish(
        "short histories", figures, as_json=options.json, listings=[_listing(scores)]
    )


def panels(whole: list[Protocol], scale: Scale, folder: Path) -> Iterator[tuple[Cut, Protocol]]:
    """Cut series and days by chance out of what lies before the first origin of whole panels."""
    rng = np.random.default_rng(5)
    for protocol in whole:
        rows = rows_of(protocol.panel)
        behind = protocol.panel.grid.timestamp(int(protocol.origins[0])).tz_localize(None)
        rows, ahead = rows[rows[DS] <= behind], pd.Timedelta(hours=protocol.horizon)
        if scale.horizon is not None:
            rows, ahead = by_day(rows), pd.Timedelta(days=scale.horizon)
        names = rows[UNIQUE_ID].unique()
        tail = pd.Timedelta(days=scale.every * (scale.origins - 1)) + ahead
        for length in scale.lengths:
            for count in SERIES:
                chosen = rng.choice(names, count, replace=False)
                ours = rows[rows[UNIQUE_ID].isin(chosen)]
                first = ours[DS].max() - tail - pd.Timedelta(days=length)
                cut = Cut(protocol.name, scale.steps, count, length)
                yield cut, _cut_out(protocol, ours[ours[DS] > first], scale, folder)


def _cut_out(whole: Protocol, rows: pd.DataFrame, scale: Scale, folder: Path) -> Protocol:
    if scale.horizon is None:
        return cut_out(whole, rows, folder, origins=scale.origins, every=24 * scale.every)
    return cut_out_days(
        whole,
        rows,
        folder,
        horizon=scale.horizon,
        origins=scale.origins,
        every=scale.every,
    )


def _score(protocol: Protocol, way: str) -> Summary:
    from models.learning.pretrained import pretrained_settings
    from models.learning.training import train
    from tasks.train import training_settings

    panel, until = protocol.panel, int(protocol.origins[0])
    longest = int(panel.lengths_until(until).max())
    settings: TrainingSettings = replace(
        training_settings(protocol.tonight, NETWORK, longest=longest), members=2, minutes=60
    )
    if way != SCRATCH:
        settings = pretrained_settings(settings, panel, train_until=until)
    if way == AS_THEY_ARE:
        settings = replace(settings, learning_rate=0.0, max_epochs=1, windows_per_epoch=1)
    return protocol.score(train(panel, settings, train_until=until))


def _figures(steps: str, scores: dict[Cut, dict[str, Summary]]) -> list[Figure]:
    """Geometric means over the panels of the scores of one way per those of another."""
    figures = []
    targets = {(PRETRAINED, SCRATCH): 1.0, (PRETRAINED, AS_THEY_ARE): NO_WORSE}
    for way, other in ((AS_THEY_ARE, SCRATCH), (PRETRAINED, SCRATCH), (PRETRAINED, AS_THEY_ARE)):
        for score in ("mase", "wql"):
            ratios = [getattr(of[way], score) / getattr(of[other], score) for of in scores.values()]
            figures.append(
                Figure(
                    f"{score.upper()} of {way} per {other}, {len(ratios)} panels of {steps}",
                    float(np.exp(np.mean(np.log(ratios)))),
                    target=targets.get((way, other)),
                )
            )
    figures += [
        Figure(
            f"coverage of 80 %, {way}, {steps}",
            float(np.mean([of[way].coverage for of in scores.values()])),
        )
        for way in WAYS
    ]
    return figures


def _listing(scores: dict[Cut, dict[str, Summary]]) -> Listing:
    rows = [
        (cut.name, *(getattr(of[way], score) for way in WAYS for score in ("mase", "wql")), "")
        for cut, of in scores.items()
    ]
    return Listing(f"{NETWORK}, two members, target alone", COLUMNS, rows)


if __name__ == "__main__":
    sys.exit(main())
