"""Publishers that are killed at random moments, and what readers see meanwhile and afterwards.

    python -m benchmarks.table.kills [--quick] [--json]

A publisher writes one batch after the other until it gets a kill -9; then the next one begins. A
process beside it reads all the time. After each kill the batch must be whole, and not older than
the last one that a publisher had been told is published.
"""

import os
import random
import signal
import sys
import time
from dataclasses import dataclass

from benchmarks.command import alone, tell
from benchmarks.report import Figure
from benchmarks.table.batches import START, batch
from benchmarks.table.places import everywhere
from benchmarks.table.processes import (
    HORIZON,
    NUM_SERIES,
    Publishers,
    is_whole,
    publish,
    publishers,
    reader,
    token_of,
)
from tasks.stores.forecasts import read_batch
from tasks.stores.warehouse import Warehouse

LONGEST = 6  # batches that a publisher could publish alone before it is killed


@dataclass
class Count:
    """What was counted over all kills."""

    acknowledged: int = 0
    bad: int = 0
    lost: int = 0
    unkilled: int = 0


def measure(*, quick: bool) -> list[Figure]:
    """The figures of both places."""
    kills = 20 if quick else 200
    return everywhere(lambda warehouse, place: _kill(warehouse, place, kills))


def _kill(warehouse: Warehouse, place: str, kills: int) -> list[Figure]:
    rows = batch(START, NUM_SERIES, HORIZON)
    publish(warehouse, rows, token=1)
    begun = time.monotonic()
    publish(warehouse, rows, token=2)
    longest = LONGEST * (time.monotonic() - begun)
    moments, count, newest = random.Random(7), Count(), 2
    with reader(warehouse) as seen, publishers(warehouse) as them:
        for number in range(kills):
            newest = max(newest, _one(them, moments.uniform(0, longest), count))
            rows = read_batch(warehouse)
            count.bad += not is_whole(rows)
            count.lost += token_of(rows) < newest
            if number % 20 == 19:
                tell(f"{number + 1} kills {place}: {count}")
    (told,) = seen
    return [
        Figure(f"kill -9, {place}", kills - count.unkilled),
        Figure(f"batches acknowledged between them, {place}", count.acknowledged),
        Figure(f"reads beside them, {place}", told.reads),
        Figure(f"bad reads, {place}", told.bad + told.backwards + count.bad, "", 0),
        Figure(f"acknowledged batches lost, {place}", count.lost, "", 0),
    ]


def _one(them: Publishers, seconds: float, count: Count) -> int:
    """Start a publisher and kill it; the last token that it was told is published."""
    them.start(0)
    newest = 0
    _, pid, _ = them.told()
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    while (line := them.told())[0] != "ended":
        if line[0] == "done":
            count.acknowledged += 1
            newest = line[2]
    count.unkilled += line[2] != signal.SIGKILL
    return newest


if __name__ == "__main__":
    sys.exit(alone("kill -9 while publishing", measure))
