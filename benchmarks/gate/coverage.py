"""Coverage: whether intervals hold what they promise, lead by lead, before and after calibration.

    python -m benchmarks.gate.coverage [--quick] [--json] [--picture FILE]

Every night of the last two months is lived through as it would have been: networks trained in July
forecast it, and are calibrated by the errors that were known by then. Beside that stand the
forecasts as they come out of the network and plain split conformal prediction (Vovk et al., 2005)
over the same nights: the quantiles of all errors of a lead, in the same widths, and on counts that
are spread over the same intervals.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.command import tell
from benchmarks.gate.pool import MEMBERS, Pool, forecast_pool
from benchmarks.report import Figure, Listing, publish
from data_contracts.spec import Calibration
from models import scores
from models.forecasters.calibration import fit, rolling
from models.forecasters.counts import spread_ties
from models.forecasters.support import Support
from models.panel import Floats
from models.scores import Doubles

NIGHTS = 60  # that are judged
LEAST, MOST = 78.0, 82.0  # percent that an interval of 80 % may hold
QUICK_MEMBERS = 2
COUNTS = Support(non_negative=True, integral=True)
BASELINE = "seasonal naive"
AS_FORECAST, CALIBRATED, SPLIT = "as forecast", "calibrated", "split conformal"
COLUMNS = ("forecaster", "lowest lead, %", "highest lead, %", "all leads, %", "WQL", "how")
JITTER = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])  # places in the interval of a count
LARGE = (10_000, 14, 24)  # series, origins and leads of the figure on speed


@dataclass(frozen=True, eq=False)
class Nights:
    """The judged forecasts of one forecaster, treated in one way.

    Attributes:
        who: Whose forecasts they are.
        how: What was done to them.
        target: What came, shape `(S, O, H)`.
        quantiles: Shape `(S, O, H, Q)`.
        levels: Of the last axis.
    """

    who: str
    how: str
    target: Floats
    quantiles: Floats
    levels: tuple[float, ...]

    @cached_property
    def of_leads(self) -> Doubles:
        """Coverage of each lead in percent, shape `(H,)`."""
        inside = scores.covered(self.target, self.quantiles, levels=self.levels)
        means: Doubles = 100 * inside.mean(axis=(0, 1))
        return means

    @property
    def leads_outside(self) -> int:
        """Leads whose interval holds less or more than it may."""
        return int(((self.of_leads < LEAST) | (self.of_leads > MOST)).sum())

    @cached_property
    def wql(self) -> float:
        """Weighted quantile loss."""
        return scores.wql(self.target, self.quantiles, levels=self.levels)


def rows(quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Figures on coverage by lead, on what calibration costs in WQL, and on its speed.

    Args:
        quick: With two forecasters instead of all.
        progress: Told what takes long.
    """
    return figures(judged(quick, progress))


def judged(quick: bool, progress: Callable[[str], None]) -> list[Nights]:
    """Everyone's last nights in all ways, forecaster by forecaster."""
    pool = forecast_pool(progress, members=QUICK_MEMBERS if quick else MEMBERS)
    return [
        nights for who, made in forecasters(pool).items() for nights in treated(pool, who, made)
    ]


def forecasters(pool: Pool) -> dict[str, Floats]:
    """Quantiles by name, the baseline last."""
    members = {f"network of seed {seed}": made for seed, made in pool.members.items()}
    return {**members, BASELINE: pool.baseline}


def treated(pool: Pool, who: str, quantiles: Floats) -> list[Nights]:
    """The last nights of one forecaster in all ways."""
    ways = {
        AS_FORECAST: quantiles[:, -NIGHTS:],
        CALIBRATED: _night_by_night(pool, quantiles, _calibrated),
        SPLIT: _night_by_night(pool, quantiles, _split_conformal),
    }
    target = pool.target[:, -NIGHTS:]
    return [Nights(who, how, target, made, pool.levels) for how, made in ways.items()]


def figures(found: list[Nights]) -> list[Figure]:
    """What has to hold: coverage by lead of every network, and a loss that does not grow."""
    before, after = (
        [nights for nights in found if nights.how == how and nights.who != BASELINE]
        for how in (AS_FORECAST, CALIBRATED)
    )
    low, high = ([extreme(nights.of_leads.tolist()) for nights in after] for extreme in (min, max))
    outside = [sum(nights.leads_outside for nights in some) for some in (after, before)]
    loss = [float(np.mean([nights.wql for nights in some])) for some in (after, before)]
    about = f"of {len(after)} networks over {NIGHTS} nights"
    return [
        Figure(
            f"lowest coverage of a lead, {about}",
            min(low),
            "%",
            LEAST,
            min(nights.of_leads.min() for nights in before),
            AS_FORECAST,
            higher_is_better=True,
        ),
        Figure(
            f"highest coverage of a lead, {about}",
            max(high),
            "%",
            MOST,
            max(nights.of_leads.max() for nights in before),
            AS_FORECAST,
        ),
        Figure(
            f"leads beyond {LEAST:g}-{MOST:g} %, {about}, of {24 * len(after)}",
            outside[0],
            "",
            0,
            outside[1],
            AS_FORECAST,
        ),
        Figure(f"WQL {about}", loss[0], "", loss[1], loss[1], AS_FORECAST),
        Figure("calibrating 10,000 series over 14 origins", seconds(), "CPU-s", 20),
    ]


def seconds() -> float:
    """Processor seconds of `rolling` over many series of counts."""
    series, origins, horizon = LARGE
    generator = np.random.default_rng(1)
    mean = generator.gamma(1, 5, (series, 1, horizon)).astype(np.float32)
    target = generator.poisson(mean, LARGE).astype(np.float32)
    levels = tuple(tenth / 10 for tenth in range(1, 10))
    around = np.quantile(generator.normal(size=9999), levels).astype(np.float32)
    quantiles = COUNTS.fit((mean[..., None] + np.sqrt(mean)[..., None] * around).astype(np.float32))
    many = np.repeat(quantiles, origins, axis=1)
    begun = time.process_time()
    rolling(many, target, horizon * np.arange(origins), levels=levels, support=COUNTS)
    return time.process_time() - begun


def listing(found: list[Nights]) -> Listing:
    """A row per forecaster and way."""
    cells = [
        (
            nights.who,
            float(nights.of_leads.min()),
            float(nights.of_leads.max()),
            float(nights.of_leads.mean()),
            nights.wql,
            nights.how,
        )
        for nights in found
    ]
    return Listing(f"coverage of the 80 % interval by lead, last {NIGHTS} nights", COLUMNS, cells)


def draw(found: list[Nights], path: Path) -> None:
    """Coverage by lead of every network, before and after."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(7, 3.2), layout="constrained")
    axes = picture.subplots()
    axes.axhspan(LEAST, MOST, color="0.92")
    axes.axhline(80, color="0.6", linewidth=0.8)
    for how, color in ((AS_FORECAST, "tab:orange"), (CALIBRATED, "tab:blue")):
        chosen = [nights for nights in found if nights.how == how and nights.who != BASELINE]
        for place, nights in enumerate(chosen):
            label = how if place == 0 else None
            leads = np.arange(1, len(nights.of_leads) + 1)
            axes.plot(leads, nights.of_leads, color=color, linewidth=1, alpha=0.8, label=label)
    axes.set(xlabel="lead, hours", ylabel="covered, %", xlim=(1, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="lower right")
    picture.savefig(path, dpi=120)


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.coverage", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="with two networks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, help="where to draw coverage by lead")
    options = parser.parse_args()
    found = judged(options.quick, tell)
    if options.picture:
        draw(found, options.picture)
    listings = [listing(found)]
    return publish("coverage", figures(found), as_json=options.json, listings=listings)


_Way = Callable[[Pool, Floats, slice, int], Floats]  # forecasts, nights known, tonight


def _night_by_night(pool: Pool, quantiles: Floats, adjust: _Way) -> Floats:
    """The last nights, each adjusted by as many nights before it as a spec has by default."""
    count = Calibration().origins
    total = len(pool.origins)
    made = [
        adjust(pool, quantiles, slice(max(0, night - count), night), night)
        for night in range(total - NIGHTS, total)
    ]
    return np.stack(made, axis=1)


def _calibrated(pool: Pool, quantiles: Floats, known: slice, night: int) -> Floats:
    learned = fit(quantiles[:, known], pool.target[:, known], levels=pool.levels, support=COUNTS)
    return learned.apply(quantiles[:, night], np.arange(len(quantiles)))


def _split_conformal(pool: Pool, quantiles: Floats, known: slice, night: int) -> Floats:
    past, now = (spread_ties(quantiles[:, which], levels=pool.levels) for which in (known, night))
    even = (pool.target[:, known, :, None] + JITTER)[:, :, :, None]  # (S, N, H, 1, J)
    errors = (even - past[..., None]) / _width(past)[..., None]
    shift = np.stack(
        [
            np.nanquantile(errors[:, :, :, place], level, axis=(0, 1, 3))
            for place, level in enumerate(pool.levels)
        ],
        axis=-1,
    )
    moved = np.sort(now + _width(now) * shift, axis=-1)
    return COUNTS.fit(moved.astype(np.float32))


def _width(quantiles: Doubles) -> Doubles:
    return quantiles[..., -1:] - quantiles[..., :1]


if __name__ == "__main__":
    sys.exit(main())
