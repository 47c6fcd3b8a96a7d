"""How the weights of each kind are made: from which series, and at what pace."""

from dataclasses import dataclass

from benchmarks.pretraining import days, hours, years
from benchmarks.pretraining.network import Source
from models.learning.pretrained import BUSINESS_DAYS, DAYS, HOURS, MONTHS, QUARTERS, WEEKS


@dataclass(frozen=True)
class Pace:
    """How steps and new series take turns.

    Attributes:
        bank, chunk: Chunks of series at hand, and series in each; one is new every round.
        round: Steps of every network.
        batch: Windows of a step.
    """

    bank: int
    chunk: int
    round: int
    batch: int


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one kind of weights is made.

    Attributes:
        source: What series they learn from.
        pace: How these are dealt out.
        gpu: Whether it takes a GPU to be done within the hour.
    """

    source: Source
    pace: Pace
    gpu: bool = False


_QUIET = Pace(16, 2048, 100, 512)  # for two cores
RECIPES = {
    recipe.source.kind.steps: recipe
    for recipe in (
        Recipe(Source(HOURS, hours.draw, hours.calendar()), Pace(24, 4096, 20, 1024), gpu=True),
        Recipe(Source(DAYS, days.DAYS.draw, days.DAYS.calendar()), _QUIET),
        Recipe(
            Source(BUSINESS_DAYS, days.BUSINESS_DAYS.draw, days.BUSINESS_DAYS.calendar()), _QUIET
        ),
        Recipe(Source(WEEKS, years.WEEKS.draw, years.WEEKS.calendar()), _QUIET),
        Recipe(Source(MONTHS, years.MONTHS.draw, years.MONTHS.calendar()), _QUIET),
        Recipe(Source(QUARTERS, years.QUARTERS.draw, years.QUARTERS.calendar()), _QUIET),
    )
}
