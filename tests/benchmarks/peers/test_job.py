from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.peers.job import DEFAULT, FORECASTS, Job, Outcome, finish, interval_columns, renamed
from data_contracts.spec import DECILES
from data_contracts.vocabulary import quantile_columns

JOB = Job(
    data="panel.parquet",
    data_digest="0123456789ab",
    model="AutoETS",
    horizon=2,
    cutoffs=("2024-01-01T00:00:00", "2024-01-01T02:00:00"),
    levels=DECILES,
    season_lengths=(24, 168),
    context_length=336,
    variant=DEFAULT,
    cpu_seconds=60.0,
)


def test_a_job_reads_back_as_it_was_written(tmp_path):
    JOB.save(tmp_path)

    assert Job.load(tmp_path) == JOB
    assert JOB.instants[1] == pd.Timestamp("2024-01-01 02:00")


def test_both_environments_name_the_quantiles_alike():
    names = interval_columns("NHITS", DECILES, median="NHITS-median")

    assert list(names) == quantile_columns(DECILES)
    assert (names["q20"], names["q50"], names["q60"]) == (
        "NHITS-lo-60",
        "NHITS-median",
        "NHITS-hi-20",
    )


def test_an_answer_is_complete_once_its_outcome_is_there(tmp_path):
    forecast = pd.DataFrame(
        {"unique_id": ["a", "a"], "ds": pd.date_range("2024-01-01 01:00", periods=2, freq="h")}
    )
    forecast = forecast.assign(**{"AutoETS": [1.0, 2.0]})
    part = renamed(forecast, {"q50": "AutoETS"}, JOB.instants[0])

    finish(tmp_path, [part, part], Outcome(train_cpu=3.0, note="quick"), ["pandas"])

    kept = Outcome.load(tmp_path)
    assert (kept.train_cpu, kept.note) == (3.0, "quick")
    assert kept.versions == {"pandas": pd.__version__}
    rows = pd.read_parquet(tmp_path / FORECASTS)
    assert list(rows) == ["unique_id", "cutoff", "ds", "q50"]
    assert len(rows) == 4


@pytest.mark.parametrize("change", [{"levels": (0.5,)}, {"cutoffs": ()}], ids=["levels", "cutoffs"])
def test_lists_of_a_job_stay_tuples(tmp_path, change):
    job = replace(JOB, **change)
    job.save(tmp_path)

    assert Job.load(tmp_path) == job
