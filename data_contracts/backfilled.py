"""Backfills: what marks their batches, and what one of them came to.

Every row of a backfilled batch says so in its `run_id`: `backfill-<model>-<id of the backfill>`.
"""

from datetime import date
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_contracts.errors import NightcastError, RefusedError

Model = Literal["then", "now", "retrain"]
Existing = Literal["skip", "replace"]
State = Literal["to do", "published", "skipped", "refused", "failed", "stopped"]

MARK = "backfill-"
ADVICE = (
    "Retry this run, or start it again with existing: skip, once the reason is mended; what is "
    "published is not repeated."
)
HINDSIGHT = f"{MARK}now-"  # its model may have learned from what came


def run_of(model: Model, backfill: str) -> str:
    """What the rows of a backfill have as `run_id`.

    Args:
        model: Whose forecasts they are.
        backfill: Its id.

    >>> run_of("then", "0e3a")
    'backfill-then-0e3a'
    """
    return f"{MARK}{model}-{backfill}"


def is_backfilled(run_id: str) -> bool:
    """Whether a run of this name was part of a backfill."""
    return run_id.startswith(tuple(f"{MARK}{model}-" for model in get_args(Model)))


class DateDone(BaseModel):
    """One date of a backfill.

    Attributes:
        day: In the time zone of the spec.
        as_of: The instant that it pretends to live in.
        cutoff: Last complete step at that instant.
        state: `skipped` has a batch of somebody else; `stopped` was not begun, or not finished.
        reason: Why, one sentence; empty where there is nothing to say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    as_of: AwareDatetime
    cutoff: AwareDatetime
    state: State = "to do"
    reason: str = ""


class UnfinishedError(RefusedError):
    """Not every date of a backfill has a batch.

    Attributes:
        done: What became of each.
    """

    def __init__(self, done: "Backfilled") -> None:
        self.done = done
        if done.of("failed") or done.of("stopped"):
            self.exit_status = NightcastError.exit_status
        super().__init__(f"{done.headline} {ADVICE}")


class Backfilled(BaseModel):
    """What a backfill came to.

    Attributes:
        name: Of the spec.
        backfill: Its id.
        model: Whose forecasts it published.
        dates: Each of them, ascending.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    backfill: str
    model: Model
    dates: tuple[DateDone, ...]

    def of(self, state: State) -> list[DateDone]:
        """The dates in one state."""
        return [each for each in self.dates if each.state == state]

    @property
    def is_whole(self) -> bool:
        """Whether every date has a batch."""
        return not (self.of("refused") or self.of("failed") or self.of("stopped"))

    @property
    def headline(self) -> str:
        """What became of how many dates, and why where it did not go well."""
        told = [f"{len(self.of('published'))} published"]
        states: tuple[State, ...] = ("to do", "refused", "failed", "stopped")
        for state in states:
            if dates := self.of(state):
                told.append(f"{len(dates)} {state}{_why(dates)}")
        told.append(f"{len(self.of('skipped'))} skipped")
        return ", ".join(told) + "."


def _why(dates: list[DateDone]) -> str:
    """The first reason, and how many more there are."""
    first = dates[0]
    if not first.reason:
        return ""
    more = f"; and {len(dates) - 1} more" if len(dates) > 1 else ""
    return f" ({first.day}: {first.reason.rstrip('.')}{more})"
