"""Which dates a backfill has to do, and what speaks against it as a whole.

What is finished is read from the table of forecasts, so that it holds whatever became of the runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd

from data_contracts.backfilled import Backfilled, DateDone, Existing, Model, run_of
from data_contracts.errors import SpecError
from data_contracts.moments import EARLIEST, LATEST, in_utc
from data_contracts.spec import Spec
from tasks.stores.accuracy import published_batches
from tasks.stores.observations import read_observations
from tasks.stores.specs import read_spec
from tasks.tonight import Tonight, rehearse

MIDNIGHT = time()
AT_ONCE = 16  # dates at a time at the most: each is a process of about 1.5 GB


@dataclass(frozen=True)
class Wish:
    """What a person asks for.

    Attributes:
        start, end: First and last date, both included, in the time zone of the spec.
        every: Days from one date to the next.
        at: Time of day of every date, such as `02:30`, in the time zone of the spec; empty takes
            that of the nights where they have a schedule, or else midnight.
        model: Whose forecasts.
        existing: What becomes of batches that are there.
        at_once: How many dates at a time.
    """

    start: date
    end: date
    every: int = 1
    at: str = ""
    model: Model = "then"
    existing: Existing = "skip"
    at_once: int = 1


def plan_dates(spec_path: str, wish: Wish, backfill: str) -> Backfilled:
    """Every date of a backfill and whether it is finished; nothing is written.

    Args:
        spec_path: A YAML file.
        wish: What is asked for.
        backfill: Id of the backfill; dates that it has published before are finished.

    Raises:
        SpecError: If the spec or the wish is wrong.
        RefusedError: If the source cannot be read.
        StorageError: If the table of forecasts cannot be read.
    """
    _refuse_numbers(wish)
    moment = _time_of(wish.at) if wish.at else _time_of_nights(read_spec(spec_path))
    first = rehearse(spec_path, datetime.combine(wish.start, moment))
    spec = first.spec
    _refuse_future(spec, wish.end, moment, first.issued_at)
    _refuse_too_early(first, wish.start)
    published = {each.cutoff: each.run_id for each in published_batches(first.warehouse)}
    own = run_of(wish.model, backfill)
    dates: dict[pd.Timestamp, DateDone] = {}
    for day in _days(wish):
        planned = _planned(spec, day, moment)
        cutoff = pd.Timestamp(planned.cutoff)
        by = published.get(cutoff)
        if by == own:
            planned = planned.model_copy(update={"state": "published"})
        elif by is not None and wish.existing == "skip":
            reason = f"The batch of the run {by} is there."
            planned = planned.model_copy(update={"state": "skipped", "reason": reason})
        dates.setdefault(cutoff, planned)  # of days within one step the first
    return Backfilled(
        name=spec.name, backfill=backfill, model=wish.model, dates=tuple(dates.values())
    )


def _time_of(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise SpecError(f"at: expected a time of day such as 02:30, got {text!r}.") from None


def _time_of_nights(spec: Spec) -> time:
    """When the nights run, where that is one time a day."""
    minute, hour, *_ = spec.schedule.cron.split()
    if spec.schedule.active and minute.isdigit() and hour.isdigit():
        return time(int(hour), int(minute))
    return MIDNIGHT


def _refuse_numbers(wish: Wish) -> None:
    if not 1 <= wish.at_once <= AT_ONCE:
        raise SpecError(
            f"at_once: expected 1 to {AT_ONCE} dates at a time, got {wish.at_once}; each takes a "
            "core and about 1.5 GB."
        )
    if wish.every < 1:
        raise SpecError(f"every: expected a step of at least one day, got {wish.every}.")
    for name, day in (("start", wish.start), ("end", wish.end)):
        if not EARLIEST <= day.year <= LATEST:
            raise SpecError(
                f"{name}: expected a date between {EARLIEST} and {LATEST}, got {day.isoformat()}."
            )
    if wish.end < wish.start:
        raise SpecError(
            f"end: expected {wish.start.isoformat()}, the start, or a later date, got "
            f"{wish.end.isoformat()}."
        )


def _refuse_future(spec: Spec, end: date, moment: time, now: pd.Timestamp) -> None:
    if _as_of(spec, end, moment) > now:
        today = now.tz_convert(spec.grid.timezone)
        raise SpecError(
            f"end: expected a date that is over, got {end.isoformat()} {moment:%H:%M}, and it is "
            f"{today:%Y-%m-%d %H:%M} in {spec.grid.timezone}."
        )


def _refuse_too_early(first: Tonight, start: date) -> None:
    try:
        read_observations(first.spec, first.as_of)
    except SpecError as error:
        raise SpecError(
            f"start: expected a date on which something was known, got {start.isoformat()}. {error}"
        ) from None


def _days(wish: Wish) -> Iterator[date]:
    day = wish.start
    while day <= wish.end:
        yield day
        day += timedelta(days=wish.every)


def _planned(spec: Spec, day: date, moment: time) -> DateDone:
    as_of = _as_of(spec, day, moment)
    cutoff = spec.grid.timestamp(spec.grid.last_complete_slot(as_of))
    return DateDone(day=day, as_of=as_of, cutoff=cutoff)


def _as_of(spec: Spec, day: date, moment: time) -> pd.Timestamp:
    return in_utc(datetime.combine(day, moment), spec.grid.timezone)
