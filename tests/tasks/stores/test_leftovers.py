import os

import pandas as pd
import pytest

from tasks.stores.files import whole
from tasks.stores.leftovers import age_of, delete, leftovers
from tasks.stores.warehouse import Warehouse

NOW = pd.Timestamp.now("UTC")
HEX = "0123456789abcdef" * 2


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "nyc")


def left(path, days=2, *, folder=False):
    if folder:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stamp = (NOW - pd.Timedelta(days=days)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def test_what_killed_runs_left_is_found_after_a_day(warehouse):
    night = warehouse.runs / "20240301T0000"
    old = {
        left(warehouse.models / ".tmp-0a", folder=True),
        left(warehouse.snapshots / ".damaged-0b", folder=True),
        left(night / f".report.html-{HEX}"),
        left(warehouse.exports / f".latest.parquet-{HEX}"),
        left(warehouse.root / f".probe-{HEX}"),
    }
    left(warehouse.models / ".tmp-1a", days=0.5, folder=True)

    assert set(leftovers(warehouse, NOW)) == old


def test_what_somebody_uses_or_put_there_is_no_leftover(warehouse):
    for path in (
        warehouse.exports / ".lock",
        warehouse.exports / "latest.parquet",
        warehouse.root / ".gitignore",
        warehouse.models / "20240301T0000-tcn-0123ab" / "config.json",
        warehouse.runs / "20240301T0000" / "night.json",
    ):
        left(path)

    assert leftovers(warehouse, NOW) == []


def test_drafts_of_files_have_the_name_that_is_looked_for(warehouse):
    warehouse.exports.mkdir(parents=True)
    with whole(warehouse.exports / "latest.parquet") as draft:
        left(draft)

        assert leftovers(warehouse, NOW) == [draft]


def test_files_and_folders_are_deleted_once(warehouse):
    inside = left(warehouse.models / ".tmp-0a" / "config.json")
    for path in (inside.parent, left(warehouse.root / f".probe-{HEX}")):
        for _ in range(2):
            delete(path)
        assert not path.exists()
        assert age_of(path, NOW) == pd.Timedelta(0)
