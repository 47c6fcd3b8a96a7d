import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.panel import Panel


@pytest.fixture
def make_panel():
    """Build a panel without covariates from histories that all end at the same cutoff."""

    def build(histories, *, horizon, cutoff_slot=1000):
        tail = np.full(horizon, np.nan, np.float32)
        rows = [np.concatenate([np.asarray(y, np.float32), tail]) for y in histories]
        y = np.concatenate(rows)
        none = np.empty((len(y), 0), np.float32)
        return Panel(
            unique_ids=tuple(f"series-{k:04d}" for k in range(len(rows))),
            indptr=np.cumsum([0, *map(len, rows)]),
            y=y,
            observed=~np.isnan(y),
            past=none,
            known=none,
            static=np.empty((len(rows), 0), np.str_),
            past_names=(),
            known_names=(),
            static_names=(),
            grid=Grid("h"),
            cutoff_slot=cutoff_slot,
            horizon=horizon,
        )

    return build


@pytest.fixture
def elsewhere(tmp_path):
    """Run a script in a process of its own: it finds `job`, and what it calls `answer` comes back.

    Keyword arguments are added to its environment.
    """

    def run(script, job=None, **env):
        job_file, answer_file = tmp_path / "job.pickle", tmp_path / "answer.pickle"
        job_file.write_bytes(pickle.dumps(job))
        lines = [
            "import pathlib, pickle",
            f"job = pickle.loads(pathlib.Path({str(job_file)!r}).read_bytes())",
            script,
            f"pathlib.Path({str(answer_file)!r}).write_bytes(pickle.dumps(answer))",
        ]
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(lines)],
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return pickle.loads(answer_file.read_bytes())

    return run
