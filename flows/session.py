"""The frame of every command that runs a flow: a server to report to, and a person who looks on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flows.backend import reporting
from flows.console import TerminalReporter
from tasks.progress import LEDGER, REPORTER, stage


@contextmanager
def session(*, verbose: bool) -> Iterator[None]:
    """Show progress on the terminal and report to a Prefect server while the context lasts.

    Args:
        verbose: Show Prefect's log lines, too.
    """
    with ExitStack() as stack:
        LEDGER.set(None)  # an earlier flow of this process may have left its own
        REPORTER.set(stack.enter_context(TerminalReporter()))
        with stage("start"):
            stack.enter_context(reporting(verbose=verbose))
        yield
