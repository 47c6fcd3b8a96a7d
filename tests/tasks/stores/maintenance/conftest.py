import json
import os
import time

import pyarrow as pa
import pytest

from tasks.stores.delta import Commit, replace_rows
from tasks.stores.log import LOG
from tasks.stores.table import Table

SCHEMA = pa.schema(
    [
        pa.field("night", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("loss", pa.int64()),
    ]
)
DAY = 86_400


@pytest.fixture
def table(tmp_path):
    """A table with a folder per night."""
    return Table(tmp_path / "losses.delta", SCHEMA, ("night", "name"), ("night",))


@pytest.fixture
def flat(tmp_path):
    """A table without folders."""
    return Table(tmp_path / "moves.delta", SCHEMA, ("night", "name"))


@pytest.fixture
def put():
    """Writes one row, in the place of what was written for its night and name before."""

    def write(table, night, name, loss=1):
        rows = pa.table({"night": [night], "name": [name], "loss": [loss]})
        where = {"night": night, "name": name}
        return replace_rows(table, rows, where=where, commit=Commit("run"))

    return write


@pytest.fixture
def aged():
    """Lets days pass over a table without a checkpoint: over its files, and in what its log says.

    Of `only` some versions the entries get older, and the files that are there by then.
    """

    def pass_over(table, days, only=None):
        for entry in (table.path / LOG).glob("*.json"):
            if only is None or int(entry.stem) in only:
                actions = [json.loads(line) for line in entry.read_text().splitlines()]
                for action in actions:
                    if "remove" in action:
                        action["remove"]["deletionTimestamp"] -= days * DAY * 1000
                    if "commitInfo" in action:
                        action["commitInfo"]["timestamp"] -= days * DAY * 1000
                entry.write_text("".join(json.dumps(action) + "\n" for action in actions))
                _older(entry, days)
        for path in table.path.rglob("*.parquet*"):
            _older(path, days)

    return pass_over


def _older(path, days):
    os.utime(path, (time.time() - days * DAY,) * 2)
