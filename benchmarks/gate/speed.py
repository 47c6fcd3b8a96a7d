"""What one gate costs over many series: the losses of three contenders, and the decision.

The forecasts are made up beforehand and are not counted; everything runs in a process of its own,
so that the peak of its memory is known. It takes one thread.
"""

import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.report import Figure

SERIES = 10_000
PROGRAM = """
import json, resource, sys, time
import numpy as np
from benchmarks.protocols import Handed
from data_contracts.frequency import Grid
from models.gate.evaluation import evaluate
from models.panel import Panel
from models.gate.promotion import Rules, decide

series, origins, horizon, steps = int(sys.argv[1]), 14, 24, 1344
levels = tuple(round(0.1 * k, 1) for k in range(1, 10))
rng = np.random.default_rng(7)
y = rng.normal(10, 2, (series, steps + horizon)).astype(np.float32)
y[:, steps:] = np.nan
empty = np.empty((y.size, 0), np.float32)
panel = Panel(
    tuple(f"s{k:05}" for k in range(series)), np.arange(series + 1) * (steps + horizon), y.ravel(),
    ~np.isnan(y.ravel()), empty, empty, np.array([[f"g{k % 50}"] for k in range(series)]),
    (), (), ("group",), Grid("h", "UTC"), 10_000, horizon)
slots = 10_000 - horizon * np.arange(origins, 0, -1)
spread = np.sort(rng.normal(size=9)).astype(np.float32)
made = [
    Handed(name, slots, levels, width * spread + 10
           + rng.normal(0, 0.1, (series, origins, horizon, 1)).astype(np.float32))
    for name, width in (("baseline", 4), ("champion", 2.2), ("new", 2))
]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
before, begun = peak(), time.process_time()
baseline, champion, new = (
    evaluate(each, panel, np.arange(series), slots, season_length=168) for each in made)
scored = time.process_time()
verdict = decide({"new": new}, champion, baseline, Rules(levels), panel.labels)
ended = time.process_time()
print(json.dumps(dict(losses=scored - begun, decision=ended - scored, peak=peak() - before,
                      outcome=verdict.outcome)))
"""


def rows(quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Seconds and memory of one gate over 14 origins.

    Args:
        quick: Whether a tenth of the series does.
        progress: Told what takes long.
    """
    series = SERIES // 10 if quick else SERIES
    progress(f"judging {series:,} series")
    command = [sys.executable, "-c", PROGRAM, str(series)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    name = f"gate over {series:,} series × 14 origins"
    return [
        Figure(name, found["losses"] + found["decision"], "CPU-s", 20),
        Figure("the decision of it", found["decision"], "CPU-s"),
        Figure("memory of it besides the forecasts", found["peak"], "GB", 2),
    ]
