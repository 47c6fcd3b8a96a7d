"""How far a backfill is, for whoever looks: a bar, a ring in the UI, and in the end a table."""

import time
from dataclasses import dataclass, field

from prefect.artifacts import create_table_artifact

from data_contracts.backfilled import Backfilled, DateDone
from tasks.progress import REPORTER, Step, log
from tasks.progress_artifact import ProgressArtifact
from tasks.reporting.artifacts import key

NONE = "–"


def _nobody(done: float, total: float, note: str = "") -> None:
    """Nobody looks."""


@dataclass
class Course:
    """The dates of a backfill as they go by.

    Attributes:
        plan: All of them; those that were finished before count as done.
        step: Shows the same on a terminal, where there is one.
    """

    plan: Backfilled
    step: Step = _nobody
    _begun: float = field(default_factory=time.monotonic)
    _over: dict[DateDone, DateDone] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ring = ProgressArtifact(f"backfill {self.plan.name}")

    @property
    def waiting(self) -> list[DateDone]:
        """Dates that are still to do, ascending."""
        return [each for each in self.plan.of("to do") if each not in self._over]

    @property
    def done(self) -> Backfilled:
        """All dates as they are by now."""
        dates = tuple(self._over.get(each, each) for each in self.plan.dates)
        return self.plan.model_copy(update={"dates": dates})

    @property
    def sentence(self) -> str:
        """How far it is, and how long it goes on."""
        whole, over = len(self.plan.dates), len(self.plan.dates) - len(self.waiting)
        told = f"{over} of {whole} dates, {self._percent:.0f} %"
        return f"{told}{self._left}."

    def end(self, planned: DateDone, over: DateDone) -> None:
        """One date is over."""
        self._over[planned] = over
        log().info("%s %s. %s %s", over.day, over.state, over.reason, self.sentence)
        self.show()
        if REPORTER.get() is not None:  # else the step would be told of in the log and the UI again
            self.step(len(self._over), len(self.plan.of("to do")), f"{over.day} {over.state}")

    def show(self) -> None:
        """Show how far it is as a ring."""
        self._ring.show(self._percent, self.sentence)

    def stop(self, reason: str) -> None:
        """What is not over by now will not be."""
        for each in self.waiting:
            self._over[each] = each.model_copy(update={"state": "stopped", "reason": reason})

    def show_dates(self) -> None:
        """Show what became of every date as a table."""
        done = self.done
        try:
            create_table_artifact(
                key=key(done.name, kind="backfill"),
                table=[_row(each) for each in done.dates],
                description=done.headline,
            )
        except Exception as error:  # any failure of the UI: the dates are what counts
            log().warning("The dates are not among the artifacts of the UI: %s", error)

    @property
    def _percent(self) -> float:
        dates = len(self.plan.dates)
        return 100 * (dates - len(self.waiting)) / dates if dates else 100.0

    @property
    def _left(self) -> str:
        """At the pace so far, which is known once a date is over."""
        if not self._over or not self.waiting:
            return ""
        seconds = (time.monotonic() - self._begun) / len(self._over) * len(self.waiting)
        minutes, rest = divmod(round(seconds), 60)
        return f", {minutes}:{rest:02d} left"


def _row(each: DateDone) -> dict[str, str]:
    return {
        "date": each.day.isoformat(),
        "state": each.state,
        "reason": each.reason or NONE,
        "cutoff": f"{each.cutoff:%Y-%m-%d %H:%M} UTC",
    }
