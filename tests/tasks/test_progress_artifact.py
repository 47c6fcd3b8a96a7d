import socket

import pytest
from prefect import flow

from tasks.progress import LogReporter
from tasks.progress_artifact import ProgressArtifact


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.flow
def test_the_ui_sees_loss_and_time_left_of_a_long_step(monkeypatch):
    from prefect.artifacts import Artifact

    monkeypatch.setattr("tasks.progress.SECONDS_BETWEEN_LINES", 0.0)
    seen = []

    def look():
        shown = Artifact.get(ProgressArtifact("train a long step").key)
        seen.append((shown.data, shown.description))

    @flow
    def training():
        reporter = LogReporter()
        report = reporter.begin("train a long step")
        report(1, 4, "loss 0.312")
        look()
        report(2, 4, "loss 0.250")
        look()
        reporter.end("train a long step", 61.25)
        look()

    training()

    assert [percent for percent, _ in seen] == [25, 50, 100]
    first, second, last = (note for _, note in seen)
    assert first.startswith("train a long step: loss 0.312, ")
    assert second.endswith(" s left")
    assert last == "train a long step: took 61.2 s"


@pytest.mark.flow
def test_a_server_that_does_not_answer_fails_no_step():
    from prefect.settings import PREFECT_API_URL, temporary_settings

    @flow
    def training():
        artifact = ProgressArtifact("train")
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
            artifact.show(50, "loss 0.3")
        artifact.end("took 3 s")
        return "done"

    assert training() == "done"


def test_outside_a_run_there_is_nobody_to_show_it_to():
    ProgressArtifact("train").show(50, "loss 0.3")
