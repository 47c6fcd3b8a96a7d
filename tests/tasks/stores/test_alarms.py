from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

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


def test_of_a_row_of_bad_nights_each_is_told_of_as_it_comes(warehouse):
    told = [claim(warehouse, [before, night], "ops") for before, night in pairwise(NIGHTS)]

    assert told == [[NIGHTS[1], NIGHTS[0]], [NIGHTS[2]], [NIGHTS[3]]]


def test_who_could_not_be_told_is_told_the_next_time(anywhere):
    assert claim(anywhere, NIGHTS[:2], "ops")
    assert not claim(anywhere, NIGHTS[:2], "ops")

    release(anywhere, NIGHTS[:2])
    release(anywhere, NIGHTS[:2])

    assert claim(anywhere, NIGHTS[:2], "ops")


def test_of_many_at_once_one_tells(warehouse):
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: claim(warehouse, NIGHTS[:2], "ops"), range(40)))

    assert len([each for each in claims if each]) == 1
