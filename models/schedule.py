"""When to train: a pure decision that gives its reason."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

When = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class Due:
    """Whether tonight trains.

    Attributes:
        train: The answer.
        reason: One sentence.
    """

    train: bool
    reason: str


def training_due(when: When, *, champion_age: timedelta | None, max_age: timedelta) -> Due:
    """Decide whether tonight trains challengers.

    Args:
        when: What the spec or the command says; `auto` decides here.
        champion_age: From the last step that the champion learned from to the cutoff; None where
            no champion is in service.
        max_age: Age above which `auto` trains again.

    >>> training_due("auto", champion_age=timedelta(days=3), max_age=timedelta(days=28)).reason
    'No training: the champion learned until 3 days before the cutoff, up to 28 are accepted.'
    """
    if when == "always":
        return Due(True, "Training, because it was asked for.")
    if when == "never":
        return Due(False, "No training, because the spec or the command says never.")
    if champion_age is None:
        return Due(True, "Training, because no model is in service for this cutoff.")
    age = f"the champion learned until {champion_age.days} days before the cutoff"
    if champion_age > max_age:
        return Due(True, f"Training, because {age}, more than {max_age.days}.")
    return Due(False, f"No training: {age}, up to {max_age.days} are accepted.")
