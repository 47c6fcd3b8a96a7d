import subprocess
import sys

import pytest

from data_contracts.errors import StorageError
from tasks.stores.locks import FileLock


def test_one_at_a_time_holds_a_lock(tmp_path):
    path = tmp_path / "folder" / "a.lock"

    with FileLock(path, seconds=0):
        assert not FileLock(path, seconds=0).take()
    assert FileLock(path, seconds=0).take()


def test_whoever_waits_in_vain_is_told_what_to_do(tmp_path):
    path = tmp_path / "a.lock"

    with (
        FileLock(path, seconds=0),
        pytest.raises(StorageError, match="is locked by another process.*end that process"),
    ):
        FileLock(path, seconds=0.1).acquire()


def test_a_process_that_is_killed_leaves_no_lock_behind(tmp_path):
    path = tmp_path / "a.lock"
    script = (
        "import pathlib, sys, time\n"
        "from tasks.stores.locks import FileLock\n"
        "FileLock(pathlib.Path(sys.argv[1]), seconds=0).acquire()\n"
        "print('held', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert not FileLock(path, seconds=0).take()
        process.kill()
        process.wait()
        assert FileLock(path, seconds=0).take()
