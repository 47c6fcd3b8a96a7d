"""Nights of a schedule at 02:30 local time while the clocks of New York are changed.

    python -m benchmarks.orchestration.dst [--quick] [--json]

A real Prefect server schedules the runs of a deployment around 2013-03-10 and 2013-11-03, and each
of them is run for the instant that it was scheduled for, on the sample, as a worker runs it. Then
the table is read: every night once, every hour of every local day once, by its lead and its time.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import yaml

from benchmarks.command import alone, tell
from benchmarks.orchestration.own_server import own_server
from benchmarks.report import Figure

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

SAMPLE = Path(__file__).parents[2] / "data_contracts/samples/nyc_departures"
ZONE, CRON = "America/New_York", "30 2 * * *"
CHANGES = {datetime(2013, 3, 10, tzinfo=UTC): 23, datetime(2013, 11, 3, tzinfo=UTC): 25}
END = "2014"  # of the sample
HORIZON = 48  # hours, more than from any cutoff to the next


def measure(*, quick: bool) -> list[Figure]:
    """Nights and hours that are wrong, around each change of the clocks."""
    around = 2 if quick else 4
    figures = []
    for day, hours in CHANGES.items():
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            _write_spec(place)
            with own_server(place) as environment:
                command = [sys.executable, "-m", __spec__.name, "nights", str(day), str(around)]
                subprocess.run(command, cwd=place, env=environment, check=True)
            figures += _figures(place, day, hours, _nights(around))
    return figures


def _nights(around: int) -> int:
    """Nights of so many days before and after the change, the one of the change counted in both."""
    return 2 * around - 1


def _write_spec(place: Path) -> None:
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = str(SAMPLE / "observations")
    fields |= {"horizon": HORIZON, "training": {"when": "never"}}
    fields["warehouse"] = str(place / "warehouse")
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))


def _figures(place: Path, day: datetime, hours: int, nights: int) -> list[Figure]:
    from data_contracts.spec import load_spec
    from tasks.stores.forecasts import cutoffs, read_batch
    from tasks.stores.warehouse import warehouse_of

    scheduled = json.loads((place / "scheduled.json").read_text())
    warehouse = warehouse_of(load_spec(place / "spec.yaml"))
    batches = {cutoff: read_batch(warehouse, cutoff).to_pandas() for cutoff in cutoffs(warehouse)}
    told = {f"{date:%m-%d}": count for date, count in _hours_by_date(batches).items()}
    wrong = {date: count for date, count in told.items() if count != 24}
    expected = {f"{day:%m-%d}": hours}
    return [
        Figure(f"nights around {day:%Y-%m-%d}", nights),
        Figure("of them scheduled other than once", abs(nights - len(scheduled)), "", 0),
        Figure("of them published other than once", abs(nights - len(batches)), "", 0),
        Figure("rows with another hour than their lead says", _misplaced(batches), "", 0),
        Figure("local days with another number of hours than their own", wrong != expected, "", 0),
    ]


def _misplaced(batches: dict[pd.Timestamp, pd.DataFrame]) -> int:
    """Rows that are there twice, or whose time is not as many hours after the cutoff as it says."""
    wrong = 0
    for cutoff, rows in batches.items():
        wrong += int((rows["ds"] != cutoff + pd.to_timedelta(rows["lead"], "h")).sum())
        wrong += int(rows.duplicated(["unique_id", "ds"]).sum())
        wrong += abs(len(rows) - rows["unique_id"].nunique() * HORIZON)
    return wrong


def _hours_by_date(batches: dict[pd.Timestamp, pd.DataFrame]) -> dict[Any, int]:
    """Hours of each whole local day, each told by the last night before it."""
    told = pd.concat(_newest(batches))
    local = told.dt.tz_convert(ZONE).dt.normalize()
    counts = local.value_counts().sort_index()
    whole = counts.iloc[1:-1]  # the first day begins, and the last one ends, within the forecast
    return {date: int(count) for date, count in whole.items()}


def _newest(batches: dict[pd.Timestamp, pd.DataFrame]) -> Iterator["pd.Series[pd.Timestamp]"]:
    ends = [*list(batches)[1:], pd.Timestamp.max.tz_localize("UTC")]
    for (_, rows), end in zip(batches.items(), ends, strict=True):
        one = rows[rows["unique_id"] == rows["unique_id"].iloc[0]]
        yield one.loc[one["ds"] <= end, "ds"]


def _run_nights(day: datetime, around: int) -> None:
    """Let the server schedule the nights around a day, and run each of them in this process."""
    from flows.backend import reporting

    with reporting(verbose=False):
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import DeploymentScheduleCreate
        from prefect.client.schemas.schedules import CronSchedule
        from prefect.flow_engine import run_flow

        from flows.nightly import nightly

        daily = CronSchedule(cron=CRON, timezone=ZONE)
        # Left to itself, the server schedules three runs and no more.
        span = {
            "start_time": (day - timedelta(days=around - 1)).isoformat(),
            "end_time": (day + timedelta(days=around)).isoformat(),
            "min_runs": _nights(around),
            "max_runs": _nights(around),
        }
        with get_client(sync_client=True) as client:
            deployment = client.create_deployment(
                client.create_flow(nightly),
                "nightly",
                schedules=[DeploymentScheduleCreate(schedule=daily, active=True)],
                parameters={"spec": "spec.yaml"},
            )
            path = {"id": deployment}
            client.request("POST", "/deployments/{id}/schedule", path_params=path, json=span)
            ours = {"deployments": {"id": {"any_": [str(deployment)]}}}
            found = client.request("POST", "/flow_runs/filter", json=ours).json()
            runs = [client.read_flow_run(each["id"]) for each in found]
        runs = [run for run in runs if str(run.expected_start_time) < END]  # none that is to come
        Path("scheduled.json").write_text(json.dumps([str(run.id) for run in runs]))
        for run in runs:
            state = cast("State[Any]", run_flow(nightly, flow_run=run, return_type="state"))
            tell(f"{run.expected_start_time}: {state.message}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["nights"]:
        _run_nights(datetime.fromisoformat(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(alone("Nights while the clocks are changed", measure))
