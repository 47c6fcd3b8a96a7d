"""The networks of neuralforecast, trained once on what lies before the first cutoff.

    python -m benchmarks.peers.neural FOLDER

At default settings, all but horizon, context, loss and seed is theirs. Tuned, half of the processor
time chooses learning rate, context and number of steps by forecasts of the last windows before the
first cutoff, and the other half trains what was chosen on everything before it.
"""

import itertools
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.job import (
    PROGRESS,
    TUNED,
    Job,
    Outcome,
    cpu_seconds,
    finish,
    interval_columns,
    quantile_names,
    renamed,
)

LEARNING_RATES = (1e-3, 3e-3)
CONTEXT_SHARES = (0.5, 1.0)  # of our own context
STEP_SHARES = (0.5, 1.0)  # of the steps that the time holds
SEARCH_SHARE = 0.5  # of the time
HELD_OUT = 10  # horizons before the first cutoff
PROBE_STEPS = 4
WINDOWS = 128  # a step, tuned: ours too; with the default of 1024 few steps fit into the time


class Training:
    """One network in training, and the processor time that it takes.

    Args:
        job: Names the model.
        settings: In the place of defaults.
        limit: Processor seconds after which it stops, done or not.
    """

    def __init__(self, job: Job, settings: dict[str, Any], limit: float) -> None:
        from neuralforecast import NeuralForecast, models
        from neuralforecast.losses.pytorch import MQLoss

        self.job = job
        self.clock = _clock(limit)
        network = getattr(models, job.model)(
            h=job.horizon,
            loss=MQLoss(quantiles=list(job.levels)),
            callbacks=[self.clock],
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            **{"input_size": job.context_length, "random_seed": job.seed, **settings},
        )
        self.forecaster = NeuralForecast(models=[network], freq="h")
        self.max_steps = int(network.max_steps)

    def fit(self, rows: pd.DataFrame) -> "Training":
        """Train on all rows."""
        self.forecaster.fit(rows)
        return self

    def predict(self, rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
        """The forecast from one cutoff in our words."""
        name = self.job.model
        columns = interval_columns(name, self.job.levels, median=f"{name}-median")
        forecast = self.forecaster.predict(df=rows[rows["ds"] <= cutoff])
        widths = {column: column.removesuffix(".0") for column in forecast.columns}
        return renamed(forecast.rename(columns=widths), columns, cutoff)

    @property
    def pace(self) -> float:
        """Processor seconds per step, the first left out."""
        marks = self.clock.marks
        return (marks[-1] - marks[0]) / max(1, len(marks) - 1)


def _clock(limit: float) -> Any:
    """A callback that stops a training in time, and keeps when each step ended, by both clocks."""
    from pytorch_lightning import Callback

    class Clock(Callback):
        def __init__(self) -> None:
            self.end = cpu_seconds() + limit
            self.marks: list[float] = []
            self.times: list[float] = []

        def __deepcopy__(self, memo: Any) -> "Clock":
            return self  # networks are copied before they are trained

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            self.marks.append(cpu_seconds())
            self.times.append(time.perf_counter())
            trainer.should_stop = trainer.should_stop or self.marks[-1] > self.end

    return Clock()


def train_default(job: Job, rows: pd.DataFrame, outcome: Outcome) -> Training:
    """Train at default settings, within the limit."""
    training = Training(job, {}, job.cpu_seconds).fit(rows)
    steps = len(training.clock.marks)
    outcome.details |= {"steps": steps, "max_steps": training.max_steps}
    if steps < training.max_steps:
        minutes = job.cpu_seconds / 60
        outcome.note = f"stopped after {steps} of {training.max_steps} steps, {minutes:g} CPU-min"
    return training


def train_tuned(job: Job, rows: pd.DataFrame, outcome: Outcome) -> Training:
    """Choose settings, and train them, all within the processor time of the job."""
    begun = cpu_seconds()
    contexts = [int(share * job.context_length) for share in CONTEXT_SHARES]
    probes = {context: _settings(context, 1e-3, PROBE_STEPS) for context in contexts}
    paces = {
        context: Training(job, settings, job.cpu_seconds).fit(rows).pace
        for context, settings in probes.items()
    }
    units = len(LEARNING_RATES) * len(contexts) * sum(STEP_SHARES)
    unit = max(0.0, SEARCH_SHARE * job.cpu_seconds - (cpu_seconds() - begun)) / units
    tried = []
    for rate, context, share in itertools.product(LEARNING_RATES, contexts, STEP_SHARES):
        settings = _settings(context, rate, int(share * unit / paces[context]))
        tried.append((_held_out_loss(job, rows, settings), share, settings))
    loss, share, settings = min(tried, key=lambda entry: entry[0])
    left = job.cpu_seconds - (cpu_seconds() - begun)
    steps = int(share * left / paces[settings["input_size"]])
    chosen = settings | {"max_steps": max(PROBE_STEPS, steps)}
    training = Training(job, chosen, left).fit(rows)
    outcome.details |= {"chosen": chosen, "held_out_loss": loss, "tried": len(tried)}
    outcome.note = (
        f"lr {chosen['learning_rate']:g}, input {chosen['input_size']}, "
        f"{len(training.clock.marks)} steps"
    )
    return training


def _settings(context: int, rate: float, steps: int) -> dict[str, Any]:
    return {
        "input_size": context,
        "learning_rate": rate,
        "max_steps": max(PROBE_STEPS, steps),
        "windows_batch_size": WINDOWS,
    }


def _held_out_loss(job: Job, rows: pd.DataFrame, settings: dict[str, Any]) -> float:
    """Mean pinball loss of the last horizons of the rows, after training on what precedes them."""
    hours = pd.Timedelta(hours=job.horizon)
    cutoffs = [rows["ds"].max() - number * hours for number in range(HELD_OUT, 0, -1)]
    training = Training(job, settings, job.cpu_seconds).fit(rows[rows["ds"] <= cutoffs[0]])
    forecasts = pd.concat([training.predict(rows, cutoff) for cutoff in cutoffs])
    joined = forecasts.merge(rows, on=["unique_id", "ds"])
    losses = []
    for level, name in zip(job.levels, quantile_names(job.levels), strict=True):
        above = joined["y"] - joined[name]
        losses.append((above * (level - (above < 0))).mean())
    return float(sum(losses) / len(losses))


def prepare() -> None:
    """Take the threads that were given, and say nothing on the way."""
    import torch

    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def main() -> None:
    """Train, and forecast from every cutoff."""
    prepare()
    folder = Path(sys.argv[1])
    job = Job.load(folder)
    rows = job.read()
    (folder / PROGRESS).write_text("training", encoding="utf-8")
    outcome, begun = Outcome(), cpu_seconds()
    train = train_tuned if job.variant == TUNED else train_default
    training = train(job, rows[rows["ds"] <= job.instants[0]], outcome)
    outcome.train_cpu = cpu_seconds() - begun
    clock = time.perf_counter()
    forecasts = [training.predict(rows, cutoff) for cutoff in job.instants]
    outcome.inference = time.perf_counter() - clock
    finish(folder, forecasts, outcome, ["neuralforecast", "torch"])


if __name__ == "__main__":
    main()
