"""Hands jobs to peers, and keeps what they answer under `.benchmarks/peers/`.

A result is kept under a digest of the data, the job and the pinned versions, so that a table can be
printed again without hours of fitting.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from benchmarks.peers.job import FORECASTS, OUTCOME, PROGRESS, Job, Outcome, today

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".benchmarks"
PYTHON = ROOT / ".venv-peers/bin/python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
STATISTICAL, NEURAL = "statistical", "neural"


@dataclass(frozen=True, eq=False)
class Answer:
    """What a peer made of a job.

    Attributes:
        outcome: What it took.
        forecasts: `unique_id`, `cutoff`, `ds` and the quantiles; None if it gave up or failed.
        cached: Whether it was made by an earlier run.
    """

    outcome: Outcome
    forecasts: pd.DataFrame | None
    cached: bool


def digest_of(frame: pd.DataFrame) -> str:
    """Twelve hex digits of the content of a panel in long format."""
    content = hashlib.sha256("\n".join(frame["unique_id"]).encode())
    content.update(frame["ds"].to_numpy("M8[us]").tobytes())
    content.update(frame["y"].to_numpy("f8").tobytes())
    return content.hexdigest()[:12]


def key_of(job: Job, requirements: str) -> str:
    """Twelve hex digits of everything that a peer's forecasts depend on.

    Where the Parquet lies does not count, what it holds does.
    """
    fields = asdict(dataclasses.replace(job, data=""))
    content = json.dumps([fields, requirements.split()], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def is_installed() -> bool:
    """Whether `make peers` was run."""
    return PYTHON.exists()


def folder_of(job: Job) -> Path:
    """Where the answer to a job is kept."""
    name = f"{job.model}-{job.variant}-{key_of(job, REQUIREMENTS.read_text(encoding='utf-8'))}"
    return KEPT / "peers" / name


def ask(job: Job, program: str, *, fresh: bool) -> Answer:
    """The answer that is kept, or else a new one.

    Args:
        job: What is asked.
        program: Module of this package that answers.
        fresh: Whether to ask again even if an answer is kept.
    """
    kept = kept_answer(job)
    if kept is not None and not fresh:
        return kept
    folder = folder_of(job)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job.save(folder)
    status = run(program, folder)
    if status == -signal.SIGXCPU:
        _gave_up(job, folder).save(folder)
    if not (folder / OUTCOME).exists():
        return Answer(Outcome(note=_last_words(folder, status)), None, cached=False)
    return _read(folder, cached=False)


def kept_answer(job: Job) -> Answer | None:
    """The answer of an earlier run, if it came to an end."""
    folder = folder_of(job)
    return _read(folder, cached=True) if (folder / OUTCOME).exists() else None


def run(program: str, folder: Path, *, threads: int = 1) -> int:
    """Run a peer in its own environment, its output kept in `log`; returns the exit status."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "NIXTLA_ID_AS_COL": "1",
    }
    with (folder / "log").open("w", encoding="utf-8") as log:
        return subprocess.run(
            [str(PYTHON), "-m", f"benchmarks.peers.{program}", str(folder.resolve())],
            cwd=folder,  # where a library leaves files of its own
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def _read(folder: Path, *, cached: bool) -> Answer:
    forecasts = folder / FORECASTS
    frame = pd.read_parquet(forecasts) if forecasts.exists() else None
    return Answer(Outcome.load(folder), frame, cached)


def _gave_up(job: Job, folder: Path) -> Outcome:
    progress = (folder / PROGRESS).read_text(encoding="utf-8")
    note = f"gave up after {job.cpu_seconds / 60:g} CPU-min with {progress} done"
    return Outcome(train_cpu=job.cpu_seconds, note=note, finished=today())


def _last_words(folder: Path, status: int) -> str:
    """What there is to say of a peer that failed; it is asked again next time."""
    lines = (folder / "log").read_text(encoding="utf-8").strip().splitlines()
    return f"failed with status {status}: {lines[-1] if lines else 'no output'}"
