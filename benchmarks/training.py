"""Speed and memory of training, beside neuralforecast's LSTM in the same run, and of inference.

    python -m benchmarks.training [--quick] [--json]

Hidden states of 128, a context of 336 hours, a horizon of 48, nine quantiles, 128 windows a batch.
Both train over the same Parquet on all cores, one after the other, and the whole loop counts, with
gathering of windows and looks at held-out ones; what is done once (compiling) does not. Each figure
comes from a process of its own. The peer needs `make peers`.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.peers import desk
from benchmarks.peers.job import Job, Outcome, cpu_seconds
from benchmarks.protocols import sample
from benchmarks.report import Figure
from data_contracts.spec import DECILES, parse_spec
from models.learning.device import num_gpus
from models.learning.pretrained import HOURS, pretrained_settings
from models.learning.settings import TrainingSettings
from models.panel import Panel

START = pd.Timestamp("2024-01-01T00:00Z")
HOUR = pd.Timedelta(hours=1)
HORIZON, CONTEXT, SEASONS = 48, 336, (24, 168)
SPEED_UPS = {1: 8.0, 24: 60.0}  # by patch length: times the windows per second of the peer
INFERENCE_SECONDS = 10.0
GROWTH = 1.0  # MB per training
WARM_SHARE = 0.1  # of the processor time of a training anew
WARM_WQL = 1.01  # per WQL of a training anew
WEEK = 168
HIDE_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        epochs: Of ours by patch length, the first of which is not timed.
        windows: Per epoch.
        peer_steps: Of the peer.
        served: Series of the inference.
        trainings: After how many memory is read.
    """

    epochs: dict[int, int]
    windows: int
    peer_steps: int
    served: int
    trainings: tuple[int, ...]


FULL = Size({1: 3, 24: 9}, 4096, 40, 10_000, (2, 4, 8))
QUICK = Size({1: 2, 24: 3}, 1024, 6, 2_000, (1, 2))


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are reached."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    size = QUICK if options.quick else FULL
    gpus = _apart(num_gpus, {})
    with tempfile.TemporaryDirectory(prefix="nightcast-training-") as name:
        folder = Path(name)
        figures = [*_speed(folder, size), *_inference(folder, size), *_memory(folder, size)]
        figures += _warm_start(size)
        if gpus:
            figures += _speed_on_gpu(folder, size)
    title = "training" if gpus else "training, no GPU could be had"
    return report.publish(title, figures, as_json=options.json)


def _speed(folder: Path, size: Size) -> list[Figure]:
    """Windows per second by patch length, beside the peer's LSTM."""
    rows = write_rows(folder / "small.parquet", num_series=20, steps=8_000)
    peer = _peer_rate(rows, folder, size.peer_steps)
    figures = []
    for patch, target in SPEED_UPS.items():
        ours = _apart(partial(training_rate, rows, patch, size), HIDE_GPU)
        name = f"training, patch {patch}"
        figures.append(Figure(name, ours, "windows/s", None, peer, "neuralforecast LSTM"))
        if peer is not None:
            ratio = ours / peer
            figures.append(Figure(f"{name}, times the peer", ratio, "", target, None, "", True))
    return figures


def _speed_on_gpu(folder: Path, size: Size) -> list[Figure]:
    rows = folder / "small.parquet"
    return [
        Figure(
            f"training on a GPU, patch {patch}",
            _apart(partial(training_rate, rows, patch, size), {}),
            "windows/s",
        )
        for patch in SPEED_UPS
    ]


def _peer_rate(rows: Path, folder: Path, steps: int) -> float | None:
    """Windows per second of the peer, None where it is not installed."""
    if not desk.is_installed():
        print(
            "There is no peer to compare with; `make peers` installs it into .venv-peers.",
            file=sys.stderr,
        )
        return None
    place = folder / "peer"
    place.mkdir()
    job = Job(
        data=str(rows),
        data_digest="",
        model="LSTM",
        horizon=HORIZON,
        cutoffs=(),
        levels=DECILES,
        season_lengths=SEASONS,
        context_length=CONTEXT,
        variant=str(steps),
        cpu_seconds=0,
    )
    job.save(place)
    status = desk.run("throughput", place, threads=os.cpu_count() or 1)
    if status:
        sys.exit(f"neuralforecast ended with {status}: {(place / 'log').read_text()[-2000:]}")
    return float(str(Outcome.load(place).details["windows_per_second"]))


def _inference(folder: Path, size: Size) -> list[Figure]:
    """Forecasts of many series by four members, the first call, which compiles, and the next."""
    figures = []
    for pretrained, steps in ((False, CONTEXT), (True, HOURS.context_length)):
        rows = write_rows(folder / "many.parquet", num_series=size.served, steps=steps + 72)
        measure = partial(inference_seconds, rows, pretrained=pretrained)
        first, again = _apart(measure, HIDE_GPU)
        name = f"forecast of {size.served:,} series × {HORIZON} × {len(DECILES)}, 4 members"
        if pretrained:
            name += " that read 56 and 28 days"
        figures += [
            Figure(name, first, "s", INFERENCE_SECONDS),
            Figure("the same once more", again, "s"),
        ]
    return figures


def _memory(folder: Path, size: Size) -> list[Figure]:
    """Resident memory after some trainings in one process, and its growth per training."""
    rows = folder / "small.parquet"
    megabytes = _apart(partial(resident_megabytes, rows, size.trainings), HIDE_GPU)
    figures = [
        Figure(f"memory after {number} trainings", value, "MB")
        for number, value in zip(size.trainings, megabytes, strict=True)
    ]
    growth = (megabytes[-1] - megabytes[0]) / (size.trainings[-1] - size.trainings[0])
    target = GROWTH if size is FULL else None  # the first trainings fill caches
    return [*figures, Figure("growth per training", growth, "MB", target)]


def _warm_start(size: Size) -> list[Figure]:
    """A training that goes on from a model one week older, beside one anew.

    Both are held against the target, also where a training anew starts from pretrained weights.
    """
    members = 3 if size is FULL else 1
    figures = []
    for pretrained, name in ((False, "from scratch"), (True, "from pretrained weights")):
        measure = partial(warm_start, members, pretrained=pretrained)
        warm, anew, warm_wql, anew_wql = _apart(measure, HIDE_GPU)
        figures += [
            Figure(f"warm start on the sample, of a model {name}", warm, "CPU s", None, anew, name),
            Figure(f"its share of a training {name}", warm / anew, "", WARM_SHARE),
            Figure("its WQL, 28 unseen origins", warm_wql, "", None, anew_wql, name),
            Figure(f"WQL per WQL {name}", warm_wql / anew_wql, "", WARM_WQL),
        ]
    return figures


def write_rows(path: Path, *, num_series: int, steps: int) -> Path:
    """Write hourly series with a day and a week in them, times without a zone as peers read them.

    Args:
        path: A Parquet file.
        num_series: How many.
        steps: Hours of each.
    """
    rng = np.random.default_rng(7)
    hours = np.arange(steps)
    level = rng.gamma(2, 10, (num_series, 1))
    phase = rng.uniform(0, 2 * np.pi, (num_series, 1))
    season = 2 + np.sin(2 * np.pi * hours / 24 + phase) + 0.5 * np.sin(2 * np.pi * hours / 168)
    y = level * season * rng.gamma(20, 0.05, (num_series, steps))
    ds = pd.date_range(START.tz_localize(None), periods=steps, freq="h", unit="us")
    columns = {
        "unique_id": np.repeat([f"series-{number:05d}" for number in range(num_series)], steps),
        "ds": np.tile(ds.to_numpy(), num_series),
        "y": y.ravel().astype(np.float32),
    }
    pq.write_table(pa.table(columns), path)
    return path


def read_panel(rows: Path) -> Panel:
    """Everything in the file, and the horizon after it."""
    from tasks.stores.observations import read_observations

    spec = parse_spec(
        {
            "source": {"uri": str(rows)},
            "calendar": {"frequency": "h", "timezone": "UTC"},
            "horizon": HORIZON,
        }
    )
    last = pq.read_table(rows, columns=["ds"])["ds"].to_pandas().max()
    return read_observations(spec, last.tz_localize("UTC") + HOUR).panel


def training_settings(**changes: Any) -> TrainingSettings:
    """One member of the size that all are measured with; the clock never hurries it."""
    sizes: dict[str, Any] = {"units": 128, "members": 1, "minutes": 600, "patch": 24}
    return TrainingSettings(
        "attention_lstm", CONTEXT, HORIZON, DECILES, SEASONS, **(sizes | changes)
    )


def training_rate(rows: Path, patch: int, size: Size) -> float:
    """Windows per second from the end of the first epoch to that of the last."""
    from models.learning.training import train

    panel = read_panel(rows)
    settings = training_settings(
        patch=patch, max_epochs=size.epochs[patch], windows_per_epoch=size.windows
    )
    ends: list[float] = []
    train(
        panel,
        settings,
        train_until=panel.cutoff_slot,
        progress=lambda _: ends.append(time.perf_counter()),
    )
    return size.windows * (len(ends) - 1) / (ends[-1] - ends[0])


def inference_seconds(rows: Path, *, pretrained: bool) -> tuple[float, float]:
    """Seconds of two forecasts of all series by a forecaster of four members.

    Args:
        rows: What is forecast.
        pretrained: Whether its networks are those of the weights of the package.
    """
    from models.learning.training import train

    panel = read_panel(rows)
    settings = training_settings(units=64, members=4)
    if pretrained:
        settings = pretrained_settings(settings, panel, train_until=panel.cutoff_slot)
    settings = replace(settings, max_epochs=1, windows_per_epoch=128)
    forecaster = train(panel, settings, train_until=panel.cutoff_slot)
    series = np.arange(panel.num_series)
    origins = np.full(panel.num_series, panel.cutoff_slot)
    times = [time.perf_counter()]
    for _ in range(2):
        forecaster.predict(panel, series, origins)
        times.append(time.perf_counter())
    return times[1] - times[0], times[2] - times[1]


def resident_megabytes(rows: Path, trainings: tuple[int, ...]) -> list[float]:
    """Resident memory of this process after so many trainings; Linux tells it.

    Args:
        rows: What is learned from.
        trainings: Numbers of trainings, ascending.
    """
    from models.learning.training import train

    panel = read_panel(rows)
    settings = training_settings(units=32, max_epochs=1, windows_per_epoch=512)
    megabytes = []
    for number in range(1, trainings[-1] + 1):
        train(panel, settings, train_until=panel.cutoff_slot)
        if number in trainings:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            megabytes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return megabytes


def warm_start(members: int, *, pretrained: bool) -> tuple[float, float, float, float]:
    """Processor seconds of a warm start and of a training anew, and the WQL of both.

    The model that is started from comes first, so that both find their shapes compiled.

    Args:
        members: Of the forecaster.
        pretrained: Whether the model and the training anew start from the weights of the package.
    """
    from models.learning.training import train
    from tasks.train import training_settings as of_the_spec

    desk.KEPT.mkdir(exist_ok=True)
    protocol = sample(desk.KEPT, origins=28)
    panel, until = protocol.panel, int(protocol.origins[0])
    settings = of_the_spec(protocol.tonight, "multihead_lstm", longest=int(panel.lengths.max()))
    settings = replace(settings, members=members, minutes=600)

    def anew(end: int) -> TrainingSettings:
        return pretrained_settings(settings, panel, train_until=end) if pretrained else settings

    start = train(panel, anew(until - WEEK), train_until=until - WEEK)
    seconds, scores = [], []
    for asked, origin in ((settings, start), (anew(until), None)):
        begun = cpu_seconds()
        forecaster = train(panel, asked, train_until=until, start=origin)
        seconds.append(cpu_seconds() - begun)
        scores.append(protocol.score(forecaster).wql)
    return seconds[0], seconds[1], scores[0], scores[1]


def _apart(work: Callable[[], Any], environment: dict[str, str]) -> Any:
    """Do something in a process of its own.

    Args:
        work: Something that can be pickled.
        environment: Set there before anything else is imported.
    """
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_set, initargs=(environment,)
    ) as pool:
        return pool.submit(work).result()


def _set(environment: dict[str, str]) -> None:
    os.environ.update(environment)


if __name__ == "__main__":
    sys.exit(main())
