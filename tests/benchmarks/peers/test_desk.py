from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.peers import desk
from benchmarks.peers.desk import digest_of, key_of
from benchmarks.peers.job import DEFAULT, FORECASTS, Job, Outcome

JOB = Job("a.parquet", "0123", "NHITS", 2, ("2024-01-01",), (0.5,), (24,), 336, DEFAULT, 60.0)
FRAME = pd.DataFrame(
    {
        "unique_id": ["a", "b"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-01"]),
        "y": [1.0, 2.0],
    }
)


def test_the_key_of_a_result_does_not_know_where_the_file_lies():
    assert key_of(replace(JOB, data="elsewhere.parquet"), "x==1") == key_of(JOB, "x==1")


@pytest.mark.parametrize(
    "change",
    [
        {"data_digest": "4567"},
        {"model": "TFT"},
        {"cutoffs": ("2024-01-02",)},
        {"cpu_seconds": 61.0},
        {"variant": "tuned"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_key_of_a_result_follows_what_was_asked(change):
    assert key_of(replace(JOB, **change), "x==1") != key_of(JOB, "x==1")


def test_the_key_of_a_result_follows_the_versions():
    assert key_of(JOB, "x==1") != key_of(JOB, "x==2")


@pytest.mark.parametrize(
    ("column", "value"),
    [("unique_id", "c"), ("ds", pd.Timestamp("2024-01-02")), ("y", 3.0)],
)
def test_the_digest_of_a_panel_follows_every_column(column, value):
    changed = FRAME.copy()
    changed.loc[1, column] = value

    assert digest_of(changed) != digest_of(FRAME)


def test_the_digest_of_a_panel_does_not_know_the_resolution_of_times():
    assert digest_of(FRAME.astype({"ds": "M8[ns]"})) == digest_of(FRAME.astype({"ds": "M8[us]"}))


def test_an_answer_is_kept_only_once_it_came_to_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "KEPT", tmp_path)
    folder = desk.folder_of(JOB)
    folder.mkdir(parents=True)
    FRAME.to_parquet(folder / FORECASTS)

    assert desk.kept_answer(JOB) is None

    Outcome(train_cpu=5.0).save(folder)
    kept = desk.kept_answer(JOB)
    assert kept.cached
    assert kept.outcome.train_cpu == 5.0
    assert len(kept.forecasts) == 2


def test_a_peer_that_gave_up_has_no_forecasts(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "KEPT", tmp_path)
    folder = desk.folder_of(JOB)
    folder.mkdir(parents=True)
    Outcome(note="gave up after 10 CPU-min").save(folder)

    assert desk.kept_answer(JOB).forecasts is None
