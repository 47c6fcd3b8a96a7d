import time
from types import SimpleNamespace

import pytest

from flows.console import OUT, TerminalReporter, TimeLeft, shown


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


def test_no_text_gives_orders_to_the_terminal(capsys):
    OUT.print("[bold]a\x1b]0;title\x07[/]\nb\x9b2J", soft_wrap=True)
    OUT.print(shown("c\n[red]\x1b[31m\x00"))

    assert capsys.readouterr().out == "a\ufffd]0;title\nb\ufffd2J\nc\ufffd[red]\ufffd[31m\ufffd\n"


def test_a_step_that_is_over_leaves_one_line(capsys):
    with TerminalReporter() as reporter:
        report = reporter.begin("train")
        report(1, 2, "loss 0.3")
        reporter.end("train", 61.25)

    assert capsys.readouterr().err == "✓ train 61.2 s\n"
