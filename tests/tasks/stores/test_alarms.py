from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from tasks.stores.alarms import claim, release
from tasks.stores.warehouse import Warehouse

NIGHTS = [pd.Timestamp("2024-03-01T00:00Z") + pd.Timedelta(days=day) for day in range(4)]


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def test_nobody_is_told_twice_of_the_same_night(warehouse):
    assert claim(warehouse, NIGHTS[:2], "ops")

    assert not claim(warehouse, NIGHTS[:2], "ops")
    assert not claim(warehouse, NIGHTS[1:3], "ops"), "one of them is known"
    assert claim(warehouse, NIGHTS[2:], "ops"), "a refused claim marks nothing"


def test_who_could_not_be_told_is_told_the_next_time(anywhere):
    assert claim(anywhere, NIGHTS[:2], "ops")
    assert not claim(anywhere, NIGHTS[:2], "ops")

    release(anywhere, NIGHTS[:2])
    release(anywhere, NIGHTS[:2])

    assert claim(anywhere, NIGHTS[:2], "ops")


def test_of_many_at_once_one_tells(warehouse):
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: claim(warehouse, NIGHTS[:2], "ops"), range(40)))

    assert claims.count(True) == 1
