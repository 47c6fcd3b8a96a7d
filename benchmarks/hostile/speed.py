"""What the contract costs beyond the read: profile, rows aside, and judging.

Everything runs in a process of its own over Parquet as `benchmarks.extract` writes it. Time counts
no imports. What the contract takes inside of reading is measured around the functions that are
there for its sake alone; what is left is the read. Beside it stands bare Great Expectations with
four rules on the rows themselves, which it gets as a frame in memory.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.extract import START, Size, write_rows
from benchmarks.report import Figure

MANY_ROWS = Size(series=2_000, steps=10_000, seconds=5.0, gigabytes=0)
MANY_SERIES = Size(series=10_000, steps=8_760, seconds=20.0, gigabytes=4.0)

OURS = """
import json, resource, sys, time
import pandas as pd
from data_contracts.spec import parse_spec
import data_contracts.expectations
from tasks.stores import observations, scatter

spent = dict.fromkeys(("finish", "panel", "conflicts"), 0.0)

def timed(owner, name, key):
    plain = getattr(owner, name)
    def around(*arguments, **more):
        begun = time.perf_counter()
        try:
            return plain(*arguments, **more)
        finally:
            spent[key] += time.perf_counter() - begun
    setattr(owner, name, around)

timed(observations, "_finish", "finish")
timed(scatter.Draft, "panel", "panel")
timed(scatter.Draft, "_count_conflicts", "conflicts")
spec = parse_spec(dict(
    source=dict(uri=sys.argv[1], available_at="available_at"),
    calendar=dict(frequency="h"), horizon=24))
begun = time.perf_counter()
known = observations.read_observations(spec, pd.Timestamp(sys.argv[2]))
read = time.perf_counter()
verdict = known.judged(spec)
ended = time.perf_counter()
inside = spent["finish"] - spent["panel"] + spent["conflicts"]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps(dict(contract=inside + ended - read, read=read - begun - inside, peak=peak,
                      judge=ended - read, status=verdict.status)))
"""
BARE = """
import json, sys, time
import great_expectations as gx, great_expectations.expectations as gxe
import pandas as pd
frame = pd.read_parquet(sys.argv[1], columns=["unique_id", "ds", "y", "available_at"])
begun = time.perf_counter()
batch = gx.get_context(mode="ephemeral").data_sources.pandas_default.read_dataframe(frame)
suite = gx.ExpectationSuite("rows", expectations=[
    gxe.ExpectColumnValuesToNotBeNull(column="y"),
    gxe.ExpectColumnValuesToBeBetween(column="y", min_value=0),
    gxe.ExpectColumnValuesToNotBeNull(column="unique_id"),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["unique_id", "ds", "available_at"]),
])
batch.validate(suite, result_format="BOOLEAN_ONLY")
print(json.dumps(dict(contract=time.perf_counter() - begun)))
"""


@dataclass(frozen=True)
class Cost:
    """Seconds and gigabytes of one size."""

    rows: int
    ours: dict[str, float]
    bare: dict[str, float]


def figures() -> list[Figure]:
    """Both sizes, one after the other."""
    rows, series = cost(MANY_ROWS, bare=True), cost(MANY_SERIES, bare=False)
    return [
        *_figures(MANY_ROWS, rows),
        *_figures(MANY_SERIES, series),
        Figure("peak memory of it", series.ours["peak"], "GB", MANY_SERIES.gigabytes),
    ]


def cost(size: Size, *, bare: bool) -> Cost:
    """Write rows, and measure on them."""
    as_of = START + pd.Timedelta(hours=size.steps)
    with tempfile.TemporaryDirectory(prefix="nightcast-contract-") as name:
        rows = write_rows(Path(name), size)
        ours = _answer(OURS, name, as_of)
        peer = _answer(BARE, name, as_of) if bare else {}
    return Cost(rows, ours, peer)


def _figures(size: Size, found: Cost) -> list[Figure]:
    name = f"contract on {found.rows:,} rows of {size.series:,} series"
    return [
        Figure(
            name,
            found.ours["contract"],
            "s",
            size.seconds,
            found.bare.get("contract"),
            "bare Great Expectations" if found.bare else "",
        ),
        Figure("reading them", found.ours["read"], "s"),
    ]


def _answer(program: str, folder: str, as_of: pd.Timestamp) -> dict[str, float]:
    command = [sys.executable, "-c", program, folder, as_of.isoformat()]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found
