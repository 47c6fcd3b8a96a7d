"""`nightcast backfill`: the batches of past dates."""

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from rich.table import Table

from data_contracts.backfilled import Backfilled, DateDone, Existing, Model, UnfinishedError
from data_contracts.errors import SpecError
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
        at: Time of day; None takes that of `start`, or that of the nights.
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
        UnfinishedError: If a date has no batch in the end.
    """
    spec = load_spec(spec_path)
    start, end = (_local(spec, text, f"--{name}") for name, text in _bounds(wanted))
    every, name = _days(wanted.every), wanted.resume or str(uuid4())
    with session(verbose=verbose):
        from flows.backfill import backfill

        try:
            found = backfill(
                str(spec_path.absolute()),  # who retries a date in the UI lives in another folder
                start=start.date(),
                end=end.date(),
                every=every,
                at=wanted.at or _time_in(wanted.start, start),
                model=wanted.model,
                existing=wanted.existing,
                at_once=wanted.at_once,
                on_error="stop" if wanted.stop else "continue",
                dry_run=wanted.dry_run,
                resume=name,
            )
        except UnfinishedError as error:
            _show(error.done, as_json=as_json)
            raise
        except KeyboardInterrupt:
            ERR.print(f"To go on: the same command with --resume {name}", soft_wrap=True)
            raise
    _show(found, as_json=as_json)


def _time_in(text: str, moment: datetime) -> str:
    """The time of day of a moment that was typed with one, empty of a mere date."""
    return f"{moment:%H:%M}" if len(text) > len("2013-10-16") else ""


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


def _show(found: Backfilled, *, as_json: bool) -> None:
    if as_json:
        print_json({"headline": found.headline, **found.model_dump(mode="json")})
        return
    table = Table("date", "cutoff", "state", "reason")
    for each in found.dates:
        table.add_row(*_cells(each), style=TONES.get(each.state, "red"))
    OUT.print(table)
    if found.is_whole:
        OUT.print(f"[bold]{shown(found.headline)}[/]", soft_wrap=True)


def _cells(each: DateDone) -> tuple[str, ...]:
    cutoff = f"{each.cutoff:%Y-%m-%d %H:%M} UTC"
    return each.day.isoformat(), cutoff, each.state, shown(each.reason)
