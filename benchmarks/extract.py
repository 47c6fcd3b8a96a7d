"""Speed of extract: Parquet rows into a panel, beside pandas and a bare scan.

    python -m benchmarks.extract [--quick] [--json]

Writes some months of hourly rows of many series, shuffled within each month, 3 % of them missing,
2 % corrected later. Every contender runs in a process of its own. Time does not count its imports,
and of three runs the least disturbed is taken (of pandas, which is slow, there is one); memory is
the peak of the whole process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.report import Figure, publish

START = pd.Timestamp("2024-01-01T00:00Z")
MISSING, CORRECTED = 0.03, 0.02


@dataclass(frozen=True)
class Size:
    """How much is read, and what reading it may cost."""

    series: int
    steps: int
    seconds: float
    gigabytes: float


FULL = Size(series=2_000, steps=10_000, seconds=6.0, gigabytes=1.2)
QUICK = Size(series=200, steps=5_000, seconds=1.5, gigabytes=0.5)

# Each program reads the folder argv[1], whose last step is argv[2], and reports on itself.
MEASURED = """
import json, resource, sys, time
import numpy as np, pandas as pd
{imports}
def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6
folder, as_of = sys.argv[1], pd.Timestamp(sys.argv[2])
begin = usage()
{body}
end = usage()
print(json.dumps(dict(wall=end[0] - begin[0], cpu=end[1] - begin[1], peak=end[2], check=check)))
"""
SPEC = """
spec = parse_spec(dict(
    source=dict(uri=folder{availability}), calendar=dict(frequency="h"), horizon=24))
panel = read_observations(spec, as_of).panel
check = float(np.sum(panel.y, where=panel.observed, dtype=np.float64))
"""
OURS_IMPORTS = """
from data_contracts.spec import parse_spec
from tasks.stores.observations import read_observations
"""
PANDAS = """
frame = pd.read_parquet(folder, columns=["unique_id", "ds", "y", "available_at"])
frame = frame[frame["available_at"] <= as_of].sort_values(["unique_id", "ds", "available_at"])
frame = frame.drop_duplicates(["unique_id", "ds"], keep="last")
frame = frame[frame["ds"] < as_of]
check = float(frame["y"].astype("float32").astype("float64").sum())
"""
SCAN = """
columns = ["unique_id", "ds", "y", "available_at"]
check = sum(batch.num_rows for batch in pads.dataset(folder, partitioning="hive").to_batches(
    columns=columns, batch_readahead=4, fragment_readahead=1))
"""
PROGRAMS = {
    "ours": MEASURED.format(
        imports=OURS_IMPORTS, body=SPEC.format(availability=', available_at="available_at"')
    ),
    "pandas": MEASURED.format(imports="", body=PANDAS),
    "scan": MEASURED.format(imports="import pyarrow.dataset as pads", body=SCAN),
}


def write_rows(folder: Path, size: Size) -> int:
    """Write the observations, a file per month, and return how many rows there are."""
    rng = np.random.default_rng(7)
    stamps = pd.date_range(START, periods=size.steps, freq="h", unit="us")
    months = 12 * (stamps.year - START.year) + stamps.month
    names = pa.array([f"series-{number:06d}" for number in range(size.series)])
    num_rows = 0
    for month in np.unique(months):
        times = stamps[months == month].asi8
        rows = rng.permutation(size.series * len(times))
        rows = rows[: int(len(rows) * (1 - MISSING))]
        corrected = rng.choice(rows, int(len(rows) * CORRECTED), replace=False)
        rows = rng.permutation(np.concatenate([rows, corrected]))
        codes, ds = (rows // len(times)).astype(np.int32), times[rows % len(times)]
        delay = rng.integers(0, 7_200, len(rows)) * 1_000_000
        columns = {
            "unique_id": pa.DictionaryArray.from_arrays(codes, names).cast(pa.string()),
            "ds": pa.array(ds, pa.timestamp("us", "UTC")),
            "y": rng.gamma(2, 10, len(rows)),
            "available_at": pa.array(ds + delay, pa.timestamp("us", "UTC")),
        }
        part = folder / f"month={month:02d}"
        part.mkdir()
        pq.write_table(pa.table(columns), part / "part-0.parquet", compression="zstd")
        num_rows += len(rows)
    return num_rows


def measure(program: str, folder: Path, as_of: pd.Timestamp) -> dict[str, float]:
    """Run one program in processes of its own, and take the quickest run."""
    command = [sys.executable, "-c", PROGRAMS[program], str(folder), as_of.isoformat()]
    answers: list[dict[str, float]] = []
    for _ in range(1 if program == "pandas" else 3):
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        answers.append(json.loads(answer.stdout))
    return min(answers, key=lambda answer: answer["wall"])


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    as_of = START + pd.Timedelta(hours=size.steps)
    with tempfile.TemporaryDirectory(prefix="nightcast-extract-") as name:
        num_rows = write_rows(Path(name), size)
        ours, peer, scan = (measure(program, Path(name), as_of) for program in PROGRAMS)
    agreement = abs(ours["check"] / peer["check"] - 1)
    figures = [
        Figure("time", ours["wall"], "s", size.seconds, peer["wall"], "pandas"),
        Figure("time beside a bare scan", ours["wall"], "s", None, scan["wall"], "pyarrow"),
        Figure("processor time", ours["cpu"], "s", None, peer["cpu"], "pandas"),
        Figure("peak memory", ours["peak"], "GB", size.gigabytes, peer["peak"], "pandas"),
        Figure("difference of sums", agreement, "", 1e-6),
    ]
    return publish(f"extract: {num_rows:,} rows into a panel", figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
