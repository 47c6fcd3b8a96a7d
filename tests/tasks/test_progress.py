import json
import logging
from contextlib import contextmanager

import pytest

from data_contracts.errors import StorageError
from tasks.progress import LEDGER, REPORTER, STAGES, Ledger, LogReporter, stage


class Told:
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def begin(self, title):
        self.lines.append(("begin", title))
        return lambda done, total, note="": self.lines.append((done, total, note))

    def end(self, title, seconds):
        assert seconds >= 0
        self.lines.append(("end", title))


@contextmanager
def set_to(variable, value):
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def test_whoever_looks_on_is_told_how_far_a_step_is():
    with set_to(REPORTER, Told()) as told, stage("train") as step:
        step(1, 4, "loss 0.3")

    assert told.lines == [("begin", "train"), (1, 4, "loss 0.3"), ("end", "train")]


def test_the_stages_of_a_run_are_on_disk_after_each_of_them(tmp_path):
    with set_to(REPORTER, Told()), set_to(LEDGER, Ledger(tmp_path / "run")):
        for count, name in enumerate(("extract", "train"), start=1):
            with stage(name):
                pass
            kept = json.loads((tmp_path / "run" / STAGES).read_text())
            assert [one["name"] for one in kept] == ["extract", "train"][:count]


def test_a_store_that_does_not_answer_fails_no_stage(tmp_path):
    def share(path):
        raise StorageError(f"Cannot write {path.name}: the store does not answer.")

    with set_to(REPORTER, Told()), set_to(LEDGER, Ledger(tmp_path, share)), stage("attention"):
        pass

    assert json.loads((tmp_path / STAGES).read_text())[0]["name"] == "attention"


def test_a_stage_that_fails_is_not_in_the_ledger():
    with set_to(REPORTER, Told()) as told, set_to(LEDGER, Ledger()) as ledger:
        with pytest.raises(ZeroDivisionError), stage("train"):
            raise ZeroDivisionError
        with stage("train"):
            pass

    assert [one.name for one in ledger.stages] == ["train"]
    assert told.lines == [("begin", "train"), ("begin", "train"), ("end", "train")]


def test_the_log_is_told_now_and_then(caplog):
    with caplog.at_level(logging.INFO, "nightcast"):
        report = LogReporter().begin("train")
        for done in range(100):
            report(done, 100)
        LogReporter().end("train", 61.25)

    assert [record.message for record in caplog.records] == ["train took 61.2 s"]


def test_the_log_tells_the_time_left(caplog, monkeypatch):
    monkeypatch.setattr("tasks.progress.SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO, "nightcast"):
        report = LogReporter().begin("train")
        report(0, 4)
        report(1, 4, "loss 0.3")

    (line,) = [record.message for record in caplog.records]
    assert line.startswith("train: 25 % loss 0.3, ")
