from types import SimpleNamespace

import pytest

from flows.console import TerminalReporter, TimeLeft


@pytest.mark.parametrize(
    ("total", "remaining", "shown"),
    [
        pytest.param(None, None, "", id="nothing known"),
        pytest.param(10, None, "", id="no pace yet"),
        pytest.param(10, 61.6, "1:02 left", id="known"),
    ],
)
def test_the_time_left_is_told_once_it_is_known(total, remaining, shown):
    task = SimpleNamespace(total=total, time_remaining=remaining)

    assert str(TimeLeft().render(task)) == shown


def test_a_step_that_is_over_leaves_one_line(capsys):
    with TerminalReporter() as reporter:
        report = reporter.begin("train")
        report(1, 2, "loss 0.3")
        reporter.end("train", 61.25)

    assert capsys.readouterr().err == "✓ train 61.2 s\n"
