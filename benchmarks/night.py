"""How long a night takes on the sample, and how much better than weekly naive its forecaster is.

    python -m benchmarks.night [--quick] [--json]

Everything is the command as a user runs it, each in a process of its own, in an empty folder. The
first night trains; `--quick` leaves it with one short member. Beside the nights stands the bare
library whose start they cannot avoid.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from deltalake import DeltaTable

from benchmarks import report
from benchmarks.report import Figure
from data_contracts.spec import DECILES
from data_contracts.vocabulary import CUTOFF, DS, MEAN, UNIQUE_ID, quantile_columns

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data_contracts/samples/nyc_departures"
FIRST, NEXT = "2013-10-16", "2013-10-17"
GAIN = 0.15  # in MASE over weekly naive
QUICK = {"members": 1, "max_epochs": 2}
NIGHTCAST = ("-m", "flows.cli")
EMPTY_FLOW = """
from prefect import flow, task
step = task(lambda: None)
@flow
def nine_steps():
    for _ in range(9):
        step()
nine_steps()
"""


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="train one short member only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _write_spec(place, quick=arguments.quick)
        figures = [*_starts(place), *_nights(place)]
    return report.publish("A night on the sample", figures, as_json=arguments.json)


def _write_spec(place: Path, *, quick: bool) -> None:
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = str(SAMPLE / "observations")
    if quick:
        fields["training"] = QUICK
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))


def _starts(place: Path) -> list[Figure]:
    """Commands that do not run a night, the second time, when the disk is warm."""
    check = (*NIGHTCAST, "check", "spec.yaml", "--as-of", FIRST)
    gx = ("-c", "import great_expectations.expectations")
    _run(place, *NIGHTCAST, "--help")
    return [
        Figure(
            "nightcast --help",
            _run(place, *NIGHTCAST, "--help").seconds,
            "s",
            target=0.5,
            peer=_run(place, "-m", "prefect", "--help").seconds,
            peer_name="prefect --help",
        ),
        Figure(
            "nightcast check",
            _run(place, *check).seconds,
            "s",
            target=12,
            peer=_run(place, *gx).seconds,
            peer_name="import GX",
        ),
    ]


def _nights(place: Path) -> list[Figure]:
    night = (*NIGHTCAST, "run", "spec.yaml", "--json", "--as-of")
    first = _run(place, *night, FIRST)
    published = _forecasts(place)
    again = _run(place, *night, FIRST)
    repeated = _forecasts(place)
    after = _run(place, *night, NEXT)
    empty = _run(place, "-c", EMPTY_FLOW)
    return [
        Figure("night with training", first.seconds, "s", target=300),
        Figure("same night again", again.seconds, "s", target=45),
        Figure(
            "forecast columns that differ then",
            sum(repeated[name] != values for name, values in published.items()),
            target=0,
        ),
        Figure(
            "next night, champion reused",
            after.seconds,
            "s",
            target=45,
            peer=empty.seconds,
            peer_name="empty Prefect flow",
        ),
        *_accuracy(first.answer),
    ]


def _accuracy(night: dict[str, Any]) -> list[Figure]:
    """The published forecaster on the unseen origins of its night, beside weekly naive."""
    scores = {score["contender"]: score for score in night["scores"]}
    model, naive = scores[night["model"]], scores["seasonal_naive"]
    return [
        Figure(
            "MASE of who publishes",
            model["mase"],
            target=(1 - GAIN) * naive["mase"],
            peer=naive["mase"],
            peer_name="weekly naive",
        ),
        Figure("WQL", model["wql"], peer=naive["wql"], peer_name="weekly naive"),
        Figure("coverage of the 80 % interval", model["coverage"], peer=naive["coverage"]),
    ]


@dataclass(frozen=True)
class Done:
    """A command that ended well: how long it took, and its answer where that is JSON."""

    seconds: float
    answer: dict[str, Any]


def _run(place: Path, *arguments: str) -> Done:
    home = {"PREFECT_HOME": str(place / "prefect"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=place,
        env={**os.environ, **home, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(arguments[:4])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return Done(seconds, json.loads(done.stdout) if "--json" in arguments else {})


def _forecasts(place: Path) -> dict[str, bytes]:
    """Bytes of the forecast columns of the first night, rows in the order of their key."""
    table = DeltaTable(place / "warehouse/nyc-departures/forecasts.delta").to_pandas()
    rows = table[table[CUTOFF] == table[CUTOFF].min()].sort_values([UNIQUE_ID, DS])
    names = [MEAN, *quantile_columns(DECILES)]
    return {name: rows[name].to_numpy().tobytes() for name in names}


if __name__ == "__main__":
    sys.exit(main())
