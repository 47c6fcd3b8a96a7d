"""Whether forecasts depend on what they looked at, and what it costs to keep where they looked.

A default `attention_lstm` learns from the sample, for eight epochs, which takes about two minutes
of a processor. The peer of the patch that a forecast looked at most is one drawn at random. The
series of the sample, each many times with noise, make up the larger night; its cost is held
against that of the forecasts of the same series.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocols import sample
from benchmarks.report import Figure
from data_contracts.night import Faithfulness
from data_contracts.vocabulary import MODEL_VERSION
from models.attention import Attention
from models.faithfulness import faithfulness
from models.forecasters.forecaster import Forecaster
from models.forecasters.looking import attention
from models.panel import Panel
from tasks.stores.attention import attention_rows, attention_table, record_attention
from tasks.stores.delta import open_table
from tasks.stores.table import stamped
from tasks.stores.warehouse import Warehouse
from tasks.train import training_settings

NETWORK = "attention_lstm"
EPOCHS, QUICK_EPOCHS = 8, 4
MINUTES = 30.0  # a safety stop, for a machine that has other things to do
SERIES, QUICK_SERIES = 1_000, 100
SEED = 7
TARGET = 0.5  # share of the series: what weights that mean nothing would reach


def measure(*, quick: bool) -> list[Figure]:
    """The test of attention on the sample, and the cost of its rows.

    Args:
        quick: Whether one member and a tenth of the series do.
    """
    with tempfile.TemporaryDirectory(prefix="nightcast-attention-") as name:
        folder = Path(name)
        panel, forecaster = _trained(folder, quick=quick)
        found = _asked(panel, forecaster)
        return [*_tested(found), *_cost(folder, panel, forecaster, quick=quick)]


def _trained(folder: Path, *, quick: bool) -> tuple[Panel, Forecaster]:
    from models.learning.training import train

    protocol = sample(folder, origins=14)
    panel = protocol.panel
    longest = int(panel.lengths.max())
    settings = training_settings(protocol.tonight, NETWORK, longest=longest)
    settings = replace(
        settings,
        minutes=MINUTES,
        max_epochs=QUICK_EPOCHS if quick else EPOCHS,
        members=1 if quick else settings.members,
    )
    return panel, train(panel, settings, train_until=panel.cutoff_slot)


def _asked(panel: Panel, forecaster: Forecaster) -> Faithfulness:
    looked = _looked(panel, forecaster)
    compared = looked.read_by_all
    weights, steps = looked.of_horizon[:, compared], looked.together.steps[compared]
    found = faithfulness(forecaster, panel, weights, steps, seed=SEED)
    if found is None:
        raise ValueError("Expected a network that looks at some past days more than at others.")
    return found


def _tested(found: Faithfulness) -> list[Figure]:
    name = f"{found.series} forecasts without the day looked at most"
    peer = "a random day"
    return [
        Figure(
            f"{name}: share changed more than without the least",
            found.held,
            "",
            TARGET,
            higher_is_better=True,
        ),
        Figure(
            f"{name}: than without {peer}", found.held_random, "", TARGET, higher_is_better=True
        ),
        Figure(f"{name}: change", found.most, "widths", None, found.random, peer),
        Figure(
            "the same without the day looked at least",
            found.least,
            "widths",
            None,
            found.random,
            peer,
        ),
    ]


def _cost(folder: Path, panel: Panel, forecaster: Forecaster, *, quick: bool) -> list[Figure]:
    """Seconds and megabytes of a night of many series, of all heads and of their mean alone."""
    many = _many(panel, QUICK_SERIES if quick else SERIES)
    windows = many, np.arange(many.num_series), np.full(many.num_series, many.cutoff_slot)
    forecast, _ = _timed(lambda: forecaster.predict(*windows))
    looking, looked = _timed(lambda: _looked(many, forecaster))
    figures = [
        Figure(
            f"{many.num_series:,} series: looking", looking, "CPU s", None, forecast, "forecasting"
        )
    ]
    for name, looks in {"all heads": looked.looks, "the mean": (looked.together,)}.items():
        warehouse = Warehouse(folder / name)
        writing, rows = _timed(partial(_kept, warehouse, many, looked, looks))
        size = f"{many.num_series:,} series, {name}"
        figures += [
            Figure(f"{size}: {rows:,} rows written", writing, "CPU s"),
            Figure(f"{size}: on disk", _megabytes(warehouse), "MB"),
        ]
    return figures


def _looked(panel: Panel, forecaster: Forecaster) -> Attention:
    series = np.arange(panel.num_series)
    looked = attention(forecaster, panel, series, np.full(len(series), panel.cutoff_slot))
    if looked is None:
        raise ValueError(f"Expected {NETWORK} to have an attention.")
    return looked


def _many(panel: Panel, number: int) -> Panel:
    """So many series: those that there are with noise, for equal weights would take no room."""
    copies = panel.select(np.arange(number) % panel.num_series)
    noise = np.random.default_rng(SEED).gamma(20, 0.05, len(copies.y)).astype(np.float32)
    names = tuple(f"series-{k:05d}" for k in range(number))
    return replace(copies, unique_ids=names, y=copies.y * noise)


def _kept(warehouse: Warehouse, panel: Panel, looked: Attention, looks: tuple[Any, ...]) -> int:
    """Write rows as a night does, and tell how many."""
    rows = attention_rows(looks, looked, panel, np.arange(panel.num_series))
    cutoff = panel.grid.timestamp(panel.cutoff_slot)
    rows = stamped(rows, {MODEL_VERSION: "20131016T0300-attention_lstm-000000"})
    record_attention(warehouse, rows, cutoff=cutoff, run_id="benchmark", token=1)
    return rows.num_rows


def _megabytes(warehouse: Warehouse) -> float:
    opened = open_table(attention_table(warehouse))
    if opened is None:
        return 0.0
    return sum(opened.get_add_actions(flatten=True)["size_bytes"].to_pylist()) / 1e6


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of some work, and what came of it."""
    begun = time.process_time()
    answer = work()
    return time.process_time() - begun, answer
