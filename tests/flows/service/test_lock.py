import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.errors import SpecError
from flows.service.lock import only_one

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from flows.service.lock import only_one
with only_one(Path(sys.argv[1]), "http://127.0.0.1:4200") as (own, _):
    print(own.token, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that serves from a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    process.token = process.stdout.readline().strip()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_is_served_once_and_the_second_hears_where(holder, tmp_path):
    sentence = rf"is already served at http://127\.0\.0\.1:4200 \(process {holder.pid}\)"

    with pytest.raises(SpecError, match=sentence), only_one(tmp_path, "http://127.0.0.1:4300"):
        pass

    assert holder.poll() is None


def test_the_folder_of_a_service_that_was_killed_is_taken_over(holder, tmp_path):
    holder.kill()
    holder.wait()

    with only_one(tmp_path, "http://127.0.0.1:4300") as (own, killed):
        assert own.pid == os.getpid()
        assert killed.token == holder.token


def test_after_a_clean_end_there_is_nothing_to_take_over(tmp_path):
    with only_one(tmp_path, "http://127.0.0.1:4300"):
        pass

    with only_one(tmp_path, "http://127.0.0.1:4300") as (_, killed):
        assert killed is None
