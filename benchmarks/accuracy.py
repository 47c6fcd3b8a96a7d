"""How accurate our forecasters are beside others over the same Parquet, and what training costs.

    python -m benchmarks.accuracy [--quick] [--json] [--only PANEL] [--ask PEER,PEER] [--fresh]

Two panels: the sample, and ETTh1, which is read from where it lies and never part of the project.
Nothing after the first origin is seen in training, by anyone; everyone is scored by the same code.
Peers run one after the other in the environment that `make peers` installs, on one thread, those
named by `--ask` or all. Their forecasts are kept under `.benchmarks/`, because fitting them takes
hours; the table says from when they are, and `--fresh` makes them again. Peers read the target
alone, as they do by default; ours read the covariates of the spec too.

`--quick` trains ours with one short member, and shows of the peers only what is kept.
"""

import argparse
import dataclasses
import logging
import os
import sys
import time
from dataclasses import dataclass

import numpy as np

from benchmarks import report
from benchmarks.command import tell
from benchmarks.peers import desk
from benchmarks.peers.job import DEFAULT, RECENT, TUNED, cpu_seconds
from benchmarks.protocols import Handed, Protocol, add_panels, asked_panels
from benchmarks.report import Figure, Listing
from models.forecasters.forecaster import Forecaster
from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.evaluation import Summary
from models.panel import Panel

FAMILIES = ("attention_lstm", "multihead_lstm")
FUSION = "+".join(FAMILIES)
FROM_SCRATCH = "from scratch"
FUSED = 8  # members of the fusion, as many as ten CPU minutes hold on ETTh1

LIMIT = 45 * 60.0  # CPU seconds of one peer
BUDGET = 10 * 60.0  # CPU seconds of ours, and of a peer that is tuned
SHORT = 10 * 60.0  # of one that would take half an hour (LSTM) or twenty hours (TFT)
NEURAL = {"NHITS": LIMIT, "LSTM": SHORT, "TFT": SHORT}
STATISTICAL = dict.fromkeys(("AutoETS", "MSTL", "AutoTheta", "AutoARIMA"), SHORT)
FITTED_TO_RECENT = ("AutoETS", "MSTL", "AutoTheta")  # ARIMA takes minutes a series even then
SUFFIXES = {DEFAULT: "", TUNED: ", tuned", RECENT: ", last weeks"}

# WQL and MASE as published by GIFT-Eval (Aksu et al., 2024) for ett1/H/short: other software, and
# hourly values that may not be those of our file, for a seasonal naive scores 2 % better there.
PUBLISHED = {
    "seasonal naive": (0.240, 0.977),
    "AutoARIMA": (0.223, 0.995),
    "DeepAR": (0.233, 1.06),
    "PatchTST": (0.190, 0.893),
    "Chronos-Bolt": (0.181, 0.828),
    "Chronos-2": (0.171, 0.787),
}
OURS, NAIVE, PEER, QUOTED = "ours", "naive", "peer", "published"
COLUMNS = ("who", "MASE", "WQL", "coverage of 80 %", "train CPU s", "forecast s", "note")


@dataclass(frozen=True)
class Row:
    """One line of a panel's table.

    Attributes:
        who: Name of the forecaster.
        kind: `ours`, `naive`, `peer` or `published`.
        mase, wql, coverage: None where they are not known.
        train_cpu: Processor seconds of training, all threads.
        forecast: Seconds until the forecasts from all origins were there.
        note: What else a reader has to know.
    """

    who: str
    kind: str
    mase: float | None = None
    wql: float | None = None
    coverage: float | None = None
    train_cpu: float | None = None
    forecast: float | None = None
    note: str = ""

    def scored(self, scores: Summary) -> "Row":
        """The same with scores."""
        return dataclasses.replace(self, mase=scores.mase, wql=scores.wql, coverage=scores.coverage)


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are reached."""
    options = _options()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it minds many short trainings
    if not desk.is_installed():
        tell("There are no peers to compare with; `make peers` installs them into .venv-peers.")
    asked = [] if options.quick or not desk.is_installed() else options.ask
    figures, listings = [], []
    for protocol in asked_panels(options):
        rows = [*_naive(protocol), *_ours(protocol, quick=options.quick)]
        rows += _peers(protocol, asked, fresh=options.fresh)
        rows += published(protocol)
        figures += judge(protocol.name, rows)
        listings.append(_listing(protocol, rows))
    return report.publish("accuracy", figures, as_json=options.json, listings=listings)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short member, kept peers only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    everyone = ",".join([*NEURAL, *STATISTICAL])
    parser.add_argument(
        "--ask",
        type=peer_names,
        default=everyone,
        metavar="PEER,PEER",
        help=f"who is asked where no answer is kept, '' for nobody: {everyone}",
    )
    parser.add_argument("--fresh", action="store_true", help="make kept forecasts again")
    add_panels(parser)
    return parser.parse_args()


def peer_names(text: str) -> list[str]:
    """Names of peers, separated by commas.

    Raises:
        ArgumentTypeError: If there is no peer of a name.

    >>> peer_names("NHITS,MSTL")
    ['NHITS', 'MSTL']
    """
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in {**NEURAL, **STATISTICAL}:
            raise argparse.ArgumentTypeError(
                f"expected peers among {', '.join([*NEURAL, *STATISTICAL])}, got {name!r}."
            )
    return names


def _naive(protocol: Protocol) -> list[Row]:
    """Repeat the last season: the baseline of the spec, and the one whose scores are published."""
    rows = []
    for seasons in ((24,), protocol.tonight.spec.seasons):
        naive = SeasonalNaive(seasons, horizon=protocol.horizon, quantile_levels=protocol.levels)
        row = Row(f"seasonal naive {seasons[-1]}", NAIVE)
        rows.append(row.scored(protocol.score(naive)))
    return rows


def _ours(protocol: Protocol, *, quick: bool) -> list[Row]:
    """What the default settings of the spec train: each family, and all together.

    All of it from scratch too, and where there are covariates, all together once more without them,
    as peers have to do.
    """
    networks = (*FAMILIES, FUSION)
    rows = [_measure(protocol, network, quick=quick) for network in networks]
    for network in networks:
        row = _measure(protocol, network, quick=quick, scratch=True)
        rows.append(dataclasses.replace(row, who=f"{network}, {FROM_SCRATCH}"))
    if any(protocol.tonight.spec.covariates.model_dump().values()):
        plain = dataclasses.replace(protocol, panel=target_alone(protocol.panel))
        row = _measure(plain, FUSION, quick=quick)
        rows.append(dataclasses.replace(row, who=f"{FUSION}, target alone"))
    return rows


def target_alone(panel: Panel) -> Panel:
    """The panel without covariates."""
    return dataclasses.replace(
        panel,
        past=panel.past[:, :0],
        known=panel.known[:, :0],
        static=panel.static[:, :0],
        past_names=(),
        known_names=(),
        static_names=(),
    )


def _measure(protocol: Protocol, network: str, *, quick: bool, scratch: bool = False) -> Row:
    """Train, forecast, and score one of ours."""
    tell(f"{protocol.name}: training {network}")
    row, forecaster = _train(protocol, network, quick=quick, scratch=scratch)
    begun = time.perf_counter()
    handed = _forecast(protocol, forecaster)
    row = dataclasses.replace(row, forecast=time.perf_counter() - begun)
    return row.scored(protocol.score(handed))


def _train(
    protocol: Protocol, network: str, *, quick: bool, scratch: bool
) -> tuple[Row, Forecaster]:
    """Train as a night would, on what lies before the first origin."""
    from models.learning.training import train
    from tasks.starts import as_it_starts
    from tasks.train import training_settings

    longest = int(protocol.panel.lengths.max())
    settings = training_settings(protocol.tonight, network, longest=longest)
    families = len(settings.networks)
    if quick:
        settings = dataclasses.replace(settings, members=families, max_epochs=2)
    elif families > 1:
        settings = dataclasses.replace(settings, members=FUSED, minutes=60)
    train_until = int(protocol.origins[0])
    if not scratch:
        settings = as_it_starts(
            protocol.tonight.spec, settings, protocol.panel, train_until=train_until
        )
    begun = cpu_seconds()
    forecaster = train(protocol.panel, settings, train_until=train_until)
    note = f"{settings.members} members" + (", quick" if quick else "")
    return Row(network, OURS, train_cpu=cpu_seconds() - begun, note=note), forecaster


def _forecast(protocol: Protocol, forecaster: Forecaster) -> Handed:
    """Forecast every series from every origin."""
    num_series, num_origins = protocol.panel.num_series, len(protocol.origins)
    series = np.repeat(np.arange(num_series), num_origins)
    quantiles = forecaster.predict(protocol.panel, series, np.tile(protocol.origins, num_series))
    shape = (num_series, num_origins, *quantiles.shape[1:])
    return Handed(
        forecaster.name,
        protocol.origins,
        protocol.levels,
        quantiles.reshape(shape),
        forecaster.trained_until,
    )


def _peers(protocol: Protocol, asked: list[str], *, fresh: bool) -> list[Row]:
    """Everyone else; statistical models over the sample alone.

    Args:
        protocol: What they forecast.
        asked: Who is asked where no answer is kept.
        fresh: Whether they are asked even if one is.
    """
    entries = [(model, DEFAULT, limit, desk.NEURAL) for model, limit in NEURAL.items()]
    entries += [(model, TUNED, BUDGET, desk.NEURAL) for model in NEURAL]
    if protocol.name == "departures":
        entries += [(name, DEFAULT, limit, desk.STATISTICAL) for name, limit in STATISTICAL.items()]
        entries += [(name, RECENT, LIMIT, desk.STATISTICAL) for name in FITTED_TO_RECENT]
    rows = []
    for model, variant, seconds, program in entries:
        job = protocol.job(model, variant=variant, cpu_seconds=seconds)
        answer = desk.kept_answer(job)
        if (answer is None or fresh) and model in asked:
            tell(f"{protocol.name}: asking {model} ({variant}), up to {seconds / 60:g} CPU-min")
            answer = desk.ask(job, program, fresh=fresh)
        rows.append(_row(protocol, model, variant, answer))
    return rows


def _row(protocol: Protocol, model: str, variant: str, answer: desk.Answer | None) -> Row:
    who = model + SUFFIXES[variant]
    if answer is None:
        return Row(who, PEER, note="not asked")
    outcome = answer.outcome
    notes = [outcome.note, f"kept from {outcome.finished}" if answer.cached else ""]
    row = Row(who, PEER, train_cpu=outcome.train_cpu, note="; ".join(filter(None, notes)))
    if answer.forecasts is None:
        return row
    scores = protocol.score(Handed.of(model, answer.forecasts, protocol))
    return dataclasses.replace(row, forecast=outcome.inference).scored(scores)


def published(protocol: Protocol) -> list[Row]:
    """What others report, quoted and not measured here."""
    if protocol.name != "ETTh1":
        return []
    return [
        Row(f"{who}, published", QUOTED, mase=mase, wql=wql, note="not run here")
        for who, (wql, mase) in PUBLISHED.items()
    ]


def judge(name: str, rows: list[Row]) -> list[Figure]:
    """Hold the fusion of our families against the targets of a panel.

    On ETTh1 they are fixed; on the sample it has to be better than every peer that was measured.
    """
    ours = {row.who: row for row in rows if row.kind == OURS}
    fusion = ours[FUSION]
    targets = {"MASE": 0.82, "WQL": 0.18} if name == "ETTh1" else {}
    figures = []
    for score in ("MASE", "WQL"):
        ours, best = getattr(fusion, score.lower()), best_peer(rows, score.lower())
        peer = None if best is None else getattr(best, score.lower())
        figures.append(
            Figure(
                f"{name}: {score}",
                ours,
                target=targets.get(score, peer),
                peer=peer,
                peer_name="" if best is None else best.who,
            )
        )
    minutes = (fusion.train_cpu or 0.0) / 60
    target = BUDGET / 60 if name == "ETTh1" else None
    return [*figures, Figure(f"{name}: training", minutes, "CPU-min", target=target)]


def best_peer(rows: list[Row], score: str) -> Row | None:
    """The measured peer with the lowest score, None where there is none.

    >>> rows = [Row("a", PEER, mase=0.9), Row("b", PEER), Row("c", QUOTED, mase=0.1)]
    >>> best_peer(rows, "mase").who
    'a'
    """
    measured = [row for row in rows if row.kind == PEER and getattr(row, score) is not None]
    return min(measured, key=lambda row: getattr(row, score), default=None)


def _listing(protocol: Protocol, rows: list[Row]) -> Listing:
    panel = protocol.panel
    title = (
        f"{protocol.name}: {panel.num_series} series, {len(protocol.origins)} origins, "
        f"horizon {protocol.horizon}, season of MASE {protocol.season_length}"
    )
    cells = [
        (row.who, row.mase, row.wql, row.coverage, row.train_cpu, row.forecast, row.note)
        for row in rows
    ]
    return Listing(title, COLUMNS, cells)


if __name__ == "__main__":
    sys.exit(main())
