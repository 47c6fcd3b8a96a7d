"""`nightcast backfill`: the batches of past dates."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import typer
from rich.table import Table

from data_contracts.backfilled import Backfilled, DateDone, Existing, Model
from data_contracts.errors import NightcastError, RefusedError, SpecError
from data_contracts.moments import parse_moment
from data_contracts.spec import Spec, load_spec
from flows.console import ERR, OUT, print_json, shown
from flows.session import session

TONES = {"published": "green", "skipped": "dim", "to do": "dim"}


class Wanted(NamedTuple):
    """The options of the command.

    Attributes:
        start, end: As typed.
        every: Such as `1D` or `7D`.
        at: Time of day; None takes that of `start`.
        model: Whose forecasts.
        existing: What becomes of batches that are there.
        at_once: How many dates at a time.
        stop: Whether to stop after the first date that does not go well.
        dry_run: Whether to list the dates only.
        resume: Id of an earlier backfill.
    """

    start: str
    end: str
    every: str
    at: str | None
    model: Model
    existing: Existing
    at_once: int
    stop: bool
    dry_run: bool
    resume: str


def run_backfill(spec_path: Path, wanted: Wanted, *, as_json: bool, verbose: bool) -> None:
    """Run the backfill here, show how it goes on, and print what became of every date.

    Raises:
        typer.Exit: With the exit status of the worst date.
    """
    spec = load_spec(spec_path)
    start, end = (_local(spec, text, f"--{name}") for name, text in _bounds(wanted))
    every, name = _days(wanted.every), wanted.resume or str(uuid4())
    with session(verbose=verbose):
        from flows.backfill import backfill

        try:
            state = backfill(
                str(spec_path),
                start=start.date(),
                end=end.date(),
                every=every,
                at=wanted.at or f"{start:%H:%M}",
                model=wanted.model,
                existing=wanted.existing,
                at_once=wanted.at_once,
                on_error="stop" if wanted.stop else "continue",
                dry_run=wanted.dry_run,
                resume=name,
                return_state=True,
            )
        except KeyboardInterrupt:
            ERR.print(f"To go on: the same command with --resume {name}", soft_wrap=True)
            raise
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    found: Backfilled = result
    if as_json:
        print_json({"message": state.message, **found.model_dump(mode="json")})
    else:
        _print(found, str(state.message))
    if not found.is_whole:
        raise typer.Exit(_exit_status(found))


def _bounds(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    return ("start", wanted.start), ("end", wanted.end)


def _local(spec: Spec, text: str, option: str) -> datetime:
    moment = parse_moment(text, timezone=spec.grid.timezone, option=option)
    return moment.tz_convert(spec.grid.timezone).to_pydatetime()


def _days(text: str) -> int:
    """Whole days.

    >>> _days("7D"), _days("1")
    (7, 1)
    """
    match = re.fullmatch(r"(\d{1,5})[Dd]?", text)
    if match is None:
        raise SpecError(f"--every: expected a number of days such as 1D, got {text!r}.")
    return int(match[1])


def _print(found: Backfilled, message: str) -> None:
    table = Table("date", "cutoff", "state", "reason")
    for each in found.dates:
        table.add_row(*_cells(each), style=TONES.get(each.state, "red"))
    OUT.print(table)
    OUT.print(f"[bold]{shown(message)}[/]", soft_wrap=True)


def _cells(each: DateDone) -> tuple[str, ...]:
    cutoff = f"{each.cutoff:%Y-%m-%d %H:%M} UTC"
    return each.day.isoformat(), cutoff, each.state, shown(each.reason)


def _exit_status(found: Backfilled) -> int:
    broken = found.of("failed") or found.of("stopped")
    return NightcastError.exit_status if broken else RefusedError.exit_status
