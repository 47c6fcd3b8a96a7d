import os
import signal

import pyarrow as pa
import pytest

from benchmarks.table.batches import START, batch
from benchmarks.table.processes import (
    HORIZON,
    NUM_SERIES,
    is_whole,
    publish,
    publishers,
    reader,
    token_of,
)
from data_contracts.vocabulary import RUN_ID
from tasks.stores.forecasts import read_batch
from tasks.stores.table import stamped
from tasks.stores.warehouse import Warehouse

ROWS = batch(START, NUM_SERIES, HORIZON)


@pytest.fixture
def warehouse(tmp_path):
    warehouse = Warehouse(tmp_path / "nyc")
    publish(warehouse, ROWS, token=7)
    return warehouse


def test_a_batch_that_was_published_is_whole_and_says_its_token(warehouse):
    rows = read_batch(warehouse)
    assert is_whole(rows)
    assert token_of(rows) == 7


@pytest.mark.parametrize(
    "harm",
    [
        lambda rows: rows.slice(1),
        lambda rows: pa.concat_tables([rows.slice(1), rows.slice(1, 1)]),
        lambda rows: pa.concat_tables(
            [stamped(half.drop_columns([RUN_ID]), {RUN_ID: run}) for run, half in halves(rows)]
        ),
    ],
    ids=["incomplete", "doubled", "of two runs"],
)
def test_a_bad_read_is_recognised(harm):
    assert not is_whole(harm(stamped(ROWS, {RUN_ID: "1"})))


def halves(rows):
    half = rows.num_rows // 2
    return ("1", rows.slice(0, half)), ("2", rows.slice(half))


def test_publishers_say_what_was_acknowledged_and_can_be_killed(warehouse):
    with reader(warehouse) as seen, publishers(warehouse) as them:
        them.start(0)
        word, pid, _ = them.told()
        assert word == "begun"
        told = them.told()
        assert told[:2] == ("done", pid)
        os.kill(pid, signal.SIGKILL)
        while (last := them.told())[0] != "ended":
            told = last
        assert last == ("ended", pid, signal.SIGKILL)
        assert token_of(read_batch(warehouse)) >= told[2]
    assert seen[0].reads > 0
    assert seen[0].bad == seen[0].backwards == 0
