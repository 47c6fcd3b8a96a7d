import time
from types import SimpleNamespace

import pytest

from flows.console import TerminalReporter, TimeLeft


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        pytest.param(None, "", id="no pace yet"),
        pytest.param(61.9, "1:02 left", id="known"),
        pytest.param(-5, "0:00 left", id="later than told"),
    ],
)
def test_the_time_left_is_told_once_it_is_known(seconds, shown):
    fields = {} if seconds is None else {"over_at": time.monotonic() + seconds}

    assert str(TimeLeft().render(SimpleNamespace(fields=fields))) == shown


def test_a_step_that_is_over_leaves_one_line(capsys):
    with TerminalReporter() as reporter:
        report = reporter.begin("train")
        report(1, 2, "loss 0.3")
        reporter.end("train", 61.25)

    assert capsys.readouterr().err == "✓ train 61.2 s\n"
