"""The models of statsforecast, fitted anew at every cutoff, to the whole history or its last weeks.

python -m benchmarks.peers.statistical FOLDER
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.job import (
    PROGRESS,
    RECENT,
    Job,
    Outcome,
    cpu_seconds,
    finish,
    interval_columns,
    renamed,
)

RECENT_WEEKS = 8
MAX_SEASON = 24  # of exponential smoothing and ARIMA; a longer one is beyond both


def build(job: Job) -> Any:
    """The model with its season, all else at its default."""
    from statsforecast import models

    kind = getattr(models, job.model)
    if job.model == "MSTL":
        return kind(season_length=list(job.season_lengths))
    return kind(season_length=max(s for s in job.season_lengths if s <= MAX_SEASON))


def main() -> None:
    """Forecast from every cutoff."""
    from statsforecast import StatsForecast

    folder = Path(sys.argv[1])
    job = Job.load(folder)
    limit = int(job.cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))  # one fit may take an hour
    rows = job.read()
    names = interval_columns(job.model, job.levels, median=job.model)
    widths = sorted({round(abs(2 * level - 1) * 100) for level in job.levels} - {0})
    weeks = RECENT_WEEKS if job.variant == RECENT else 52 * 100
    length = pd.Timedelta(weeks=weeks)
    outcome, forecasts = Outcome(), []
    if job.variant == RECENT:
        outcome.note = f"fitted to the last {weeks} weeks"
    for number, cutoff in enumerate(job.instants):
        (folder / PROGRESS).write_text(f"{number} of {len(job.cutoffs)} origins", encoding="utf-8")
        begun = cpu_seconds()
        fitted = StatsForecast(models=[build(job)], freq="h", n_jobs=1)
        fitted.fit(rows[(rows["ds"] <= cutoff) & (rows["ds"] > cutoff - length)])
        outcome.train_cpu += cpu_seconds() - begun
        clock = time.perf_counter()
        forecast = fitted.predict(h=job.horizon, level=widths)
        outcome.inference += time.perf_counter() - clock
        forecasts.append(renamed(forecast, names, cutoff))
    finish(folder, forecasts, outcome, ["statsforecast"])


if __name__ == "__main__":
    main()
