"""Three processes that publish one cutoff at the same time, and what is left of that.

    python -m benchmarks.table.contention [--quick] [--json]

Each attempt takes its token, the time of its start, and publishes. An attempt that a later one has
overtaken is refused, as it should be; all others must succeed, however often they have to try.
"""

import sys
from itertools import pairwise

from deltalake import DeltaTable

from benchmarks.command import alone
from benchmarks.report import Figure
from benchmarks.table.batches import START, batch
from benchmarks.table.places import everywhere
from benchmarks.table.processes import HORIZON, NUM_SERIES, publish, publishers, reader, token_of
from data_contracts.vocabulary import CUTOFF, DS, UNIQUE_ID
from tasks.stores.forecasts import read_batch
from tasks.stores.warehouse import Warehouse

WRITERS = 3


def measure(*, quick: bool) -> list[Figure]:
    """The figures of both places."""
    batches = 5 if quick else 50
    return everywhere(lambda warehouse, place: _contend(warehouse, place, batches))


def _contend(warehouse: Warehouse, place: str, batches: int) -> list[Figure]:
    publish(warehouse, batch(START, NUM_SERIES, HORIZON), token=1)
    told: list[tuple[str, int, int]] = []
    with reader(warehouse) as seen, publishers(warehouse) as them:
        for _ in range(WRITERS):
            them.start(batches)
        while sum(word != "begun" for word, _, _ in told) < WRITERS * batches:
            told.append(them.told())
    tokens = {word: [number for each, _, number in told if each == word] for word, _, _ in told}
    done = tokens.get("done", [])
    rows = read_batch(warehouse)
    keys = rows.group_by([UNIQUE_ID, CUTOFF, DS]).aggregate([]).num_rows
    opened = DeltaTable(str(warehouse.forecasts))
    history = [int(each["run_id"]) for each in opened.history() if "run_id" in each][::-1]
    stale = sum(later < earlier for earlier, later in pairwise(history))
    everything = opened.to_pyarrow_table(columns=[UNIQUE_ID]).num_rows
    (sight,) = seen
    return [
        Figure(f"published by {WRITERS} × {batches} attempts, {place}", len(done)),
        Figure(f"refused because a later one was there, {place}", len(tokens.get("refused", []))),
        Figure(f"given up, {place}", len(tokens.get("tired", [])), "", 0),
        Figure(f"duplicates, {place}", everything - keys, "", 0),
        Figure(f"acknowledged and not in the history, {place}", len({*done} - {*history}), "", 0),
        Figure(f"later attempts overwritten by older ones, {place}", stale, "", 0),
        Figure(
            f"newest attempt is not the batch, {place}", int(token_of(rows) != max(done)), "", 0
        ),
        Figure(f"bad reads of {sight.reads} beside them, {place}", sight.bad, "", 0),
    ]


if __name__ == "__main__":
    sys.exit(alone("several writers of one cutoff", measure))
