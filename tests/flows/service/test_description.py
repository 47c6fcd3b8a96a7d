"""`deployments/prefect.yaml` says what the flows say."""

import inspect
from pathlib import Path

import pytest

from data_contracts.spec import load_spec
from flows.service.description import OF_A_SPEC, described

ROOT = Path(__file__).parents[3]
POOLS = {"train": "gpu"}  # everything else runs on cpu
ENTRIES = [pytest.param(entry, id=entry.name) for entry in described()]


def test_the_names_that_everything_else_relies_on_are_there():
    assert [entry.name for entry in described()] == [
        "nightly",
        "score",
        "train",
        "backfill",
        "backfill-date",
        "tune",
    ]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_deployment_starts_a_flow_with_parameters_that_it_has(entry):
    if not entry.is_installed:
        pytest.skip(f"{entry.entrypoint} is not written yet")

    flow = entry.flow()

    known = inspect.signature(flow.fn).parameters
    assert set(entry.parameters) <= set(known)
    flow.validate_parameters(
        dict.fromkeys((n for n, p in known.items() if p.default is p.empty), "2013-10-16")
        | entry.parameters
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_only_what_trains_sees_a_gpu(entry):
    seen = entry.work_pool.job_variables.env.get("CUDA_VISIBLE_DEVICES")

    assert entry.work_pool.name == POOLS.get(entry.name, "cpu")
    assert seen == (None if entry.work_pool.name == "gpu" else "-1")


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_run_gives_signs_of_life_and_can_be_told_from_others(entry):
    assert entry.work_pool.job_variables.env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert "nightcast" in entry.tags


@pytest.mark.parametrize("entry", [entry for entry in described() if entry.name in OF_A_SPEC])
def test_the_sample_is_deployed_as_its_spec_says(entry):
    spec = load_spec(ROOT / entry.parameters["spec"])
    (schedule,) = entry.schedules

    cron = {"nightly": spec.schedule.cron, "score": spec.schedule.scoring}[entry.name]
    assert (schedule.cron, schedule.timezone) == (cron, spec.grid.timezone)
    assert schedule.active is spec.schedule.active
    assert schedule.slug.endswith("-paused") is not schedule.active
