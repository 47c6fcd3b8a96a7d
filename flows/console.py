"""What a person sees on the terminal while a command runs, and when it ends."""

import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.segment import Segment
from rich.text import Text

from data_contracts.plain_text import visible
from tasks.progress import Step


class PlainConsole(Console):
    """A terminal to which no text of the data can give orders."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments without control characters; those that lay the lines out are kept."""
        for text, style, control in super().render(renderable, options):
            if control:
                yield Segment(text, style, control)
            else:
                yield Segment("\n".join(map(visible, text.split("\n"))), style)


OUT = PlainConsole(highlight=False)
ERR = PlainConsole(stderr=True, highlight=False)


class TimeLeft(ProgressColumn):
    """How long the step goes on, once that can be told."""

    def render(self, task: Task) -> Text:
        """The estimate in minutes and seconds, or nothing."""
        if "over_at" not in task.fields:
            return Text("")
        minutes, seconds = divmod(max(0, round(task.fields["over_at"] - time.monotonic())), 60)
        return Text(f"{minutes}:{seconds:02d} left", style="cyan")


class TerminalReporter:
    """A bar for the running step with the time left, a line for each one that is over.

    Where the terminal cannot redraw (a file, a pipe) only the lines are written. All of it goes to
    standard error, so that standard output stays free for the answer.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeLeft(),
            TextColumn("[dim]{task.fields[note]}"),
            console=ERR,
            transient=True,
            disable=not ERR.is_terminal,
        )
        self._running: dict[str, Any] = {}

    def __enter__(self) -> "TerminalReporter":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, title: str) -> Step:
        """Show a bar that pulses until the first report."""
        if title in self._running:  # a second try
            self._progress.remove_task(self._running[title])
        task = self._progress.add_task(title, total=None, note="")
        self._running[title] = task
        begun = time.monotonic()

        def report(done: float, total: float, note: str = "") -> None:
            self._progress.update(task, completed=done, total=total, note=note)
            if done > 0:  # at the pace so far, because an epoch may last minutes
                over_at = begun + (time.monotonic() - begun) * total / done
                self._progress.update(task, over_at=over_at)

        return report

    def end(self, title: str, seconds: float) -> None:
        """Replace the bar by a line."""
        self._progress.remove_task(self._running.pop(title))
        ERR.print(f"[green]✓[/] {title} [dim]{seconds:.1f} s[/]")


def shown(text: str) -> str:
    """A text from the data as it may stand in what is printed: one line, no markup."""
    return escape(visible(text))


def print_json(answer: object) -> None:
    """Write an answer for a program."""
    sys.stdout.write(json.dumps(answer, indent=2, default=str) + "\n")
