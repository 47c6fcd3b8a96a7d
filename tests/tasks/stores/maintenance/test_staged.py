import os
import time
from dataclasses import replace

import pandas as pd

from tasks.stores.delta import read_table
from tasks.stores.maintenance.staged import remove_staged, staged_files

NOW = pd.Timestamp.now("UTC")


def begun(path, days):
    path.write_bytes(b"half")
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def test_what_was_begun_and_never_finished_goes_after_a_day(table, put):
    put(table, "mon", "a")
    half = begun(table.path / "night=mon" / "part-0.parquet#1", 2)
    entry = begun(table.path / "_delta_log" / "00000000000000000002.json#3", 2)
    young = begun(table.path / "night=mon" / "part-1.parquet#1", 0.5)
    assert staged_files(table, NOW) == {half: 4, entry: 4}

    assert remove_staged(table, NOW) == {half: 4, entry: 4}

    assert (half.exists(), entry.exists(), young.exists()) == (False, False, True)
    assert staged_files(table, NOW) == {}
    assert read_table(table).num_rows == 1


def test_a_table_that_is_not_there_has_none(table):
    assert staged_files(replace(table, path=table.path / "none"), NOW) == {}
