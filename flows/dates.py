"""The dates of a backfill, one after the other in every lane, until all are over."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from data_contracts.backfilled import DateDone, Existing, State
from flows.backend import signals_held
from flows.backfill_date import backfill_date
from flows.lanes import Ended, Lanes, open_lanes
from tasks.backfill_progress import Course
from tasks.backfill_runs import DateRuns, own_run
from tasks.progress import log

LOOK = 2.0  # seconds from one look for cancelled runs to the next
STOPPED = "The backfill was stopped."
ELSEWHERE = "Its run is going on elsewhere; retry the backfill when that is over."
TAGS = ("nightcast", "backfill")


class How(NamedTuple):
    """How the dates of a backfill are done.

    Attributes:
        spec: Path of the spec.
        existing: What becomes of batches that are there.
        at_once: How many dates at a time.
        until_error: Whether no further date begins after one that did not go well.
        patience: Seconds that a date waits for a run of it that goes on elsewhere.
    """

    spec: str
    existing: Existing
    at_once: int
    until_error: bool
    patience: float = 600.0


def run_dates(course: Course, how: How) -> None:
    """Do every date that is still to do; each is a run of its own.

    However this ends, no run is left executing, and every date is accounted for.
    """
    parent = own_run()
    dates = _Dates(course, how, DateRuns(backfill_date, parent))
    lanes = open_lanes(how.at_once)
    try:
        while dates.go_on(lanes):
            if parent in dates.cancelled(lanes, {parent} if parent else set()):
                break
    finally:
        # The worker ends a cancelled run by a signal, which may come while that has been seen here
        # already: then a date that is still dying would have the last word on its state.
        with signals_held():
            lanes.close()
            dates.give_up()  # which trouble with the server does not keep from what follows
            course.stop(STOPPED)
            course.show_dates()


class _Dates:
    """The dates that wait and those that are being done."""

    def __init__(self, course: Course, how: How, runs: DateRuns) -> None:
        self._course, self._how, self._runs = course, how, runs
        self._waiting = deque(course.waiting)
        self._live: dict[UUID, DateDone] = {}
        self._elsewhere: dict[datetime, float] = {}  # since when, by the instant of the date

    def go_on(self, lanes: Lanes) -> bool:
        """Begin what can be begun, take down what is over; whether there is more to do."""
        for _ in range(len(self._waiting)):
            if lanes.are_full or not self._waiting or not self._begin(lanes):
                break
        if self._waiting and not self._live:
            time.sleep(LOOK)  # all of them are going on elsewhere
        for ended in lanes.ended(seconds=LOOK):
            if ended.died:
                self._runs.crash(ended.run, ended.reason)
            self._end(ended)
        return bool(self._waiting or self._live)

    def _begin(self, lanes: Lanes) -> bool:
        """Begin the next date, or let it wait for a run of it that goes on elsewhere.

        That may be one that a worker retries. Or it died with an earlier attempt of this backfill,
        which nobody has noticed yet; it will be marked as crashed within minutes.

        Returns:
            Whether the date after it may begin.
        """
        each = self._waiting.popleft()
        run = self._runs.ready(each, self._parameters(each), (*TAGS, self._course.plan.name))
        if run is not None:
            self._live[run] = each
            lanes.begin(run)
        elif self._patience_ends(each) <= time.monotonic():
            self._over(each, "failed", ELSEWHERE)
        elif self._how.until_error:  # it may be the one after which nothing begins
            self._waiting.appendleft(each)
            return False
        else:
            self._waiting.append(each)
        return True

    def _patience_ends(self, each: DateDone) -> float:
        return self._elsewhere.setdefault(each.as_of, time.monotonic()) + self._how.patience

    def cancelled(self, lanes: Lanes, more: Iterable[UUID]) -> set[UUID]:
        """End the runs that somebody wants to be cancelled; which of these, and of some more."""
        asked = [*self._live, *more]
        wanted = self._runs.cancelled(asked) if asked else set()
        for run in wanted & self._live.keys():
            lanes.stop(run)
            self._runs.cancel(run, "It was cancelled.")
            self._end(Ended(run, "stopped", "It was cancelled."))
        return wanted

    def give_up(self) -> None:
        """Say of runs that nobody executes any more that they are not going on."""
        for run, each in self._live.items():
            try:
                self._runs.cancel(run, STOPPED)
            except Exception as error:  # of the server or the way to it; what stopped this counts
                log().warning("The run of %s is not marked as cancelled: %s", each.day, error)

    def _end(self, ended: Ended) -> None:
        self._over(self._live.pop(ended.run), ended.state, ended.reason)

    def _over(self, each: DateDone, state: State, reason: str) -> None:
        self._course.end(each, each.model_copy(update={"state": state, "reason": reason}))
        if self._how.until_error and state not in ("published", "skipped"):
            self._waiting.clear()

    def _parameters(self, each: DateDone) -> dict[str, object]:
        plan = self._course.plan
        return {
            "spec": self._how.spec,
            "as_of": each.as_of.isoformat(),
            "model": plan.model,
            "existing": self._how.existing,
            "backfill": plan.backfill,
        }
