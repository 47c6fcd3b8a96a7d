import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest


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


@pytest.fixture
def mixed_precision():
    """Layers that are built meanwhile compute in bfloat16."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)
