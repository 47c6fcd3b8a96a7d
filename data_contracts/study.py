"""What a search found, as a record: `tuning/<study>/result.json`; the page and the UI read it."""

from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field

from data_contracts.night import Record
from data_contracts.versions import read_document

Outcome = Literal["complete", "pruned", "failed", "interrupted", "running"]


class FoldSpan(Record):
    """One fold.

    Attributes:
        learns_until: The last step that training may see.
        first_origin, last_origin: From where forecasts start.
        ends: The last step that is judged.
        origins: How many there are.
        series: Of how many, none of which training saw; None: all series, which training saw.
    """

    learns_until: AwareDatetime
    first_origin: AwareDatetime
    last_origin: AwareDatetime
    ends: AwareDatetime
    origins: int
    series: int | None = None


class Trial(Record):
    """One spec that was tried.

    Attributes:
        number: Of the trial in its study, from 0.
        values: What it set, by the path of the key; of the spec as it is what that has.
        as_it_is: Whether it is the spec as it is.
        outcome: `complete` on all folds; `pruned` after one that was hopeless; `failed`, because
            its training did; `interrupted`, of which nothing counts; `running`.
        why: Of one that failed, one sentence.
        candidate: The best of its forecasters, the one that counts.
        losses: WQL of that on every fold that was judged.
        wql: Their mean; None unless `complete`.
        seconds: That it took.
    """

    number: int
    values: dict[str, Any]
    as_it_is: bool = False
    outcome: Outcome
    why: str = ""
    candidate: str = ""
    losses: tuple[float, ...] = ()
    wql: float | None = None
    seconds: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether it counts against the budget in trials."""
        return self.outcome != "interrupted"


class Tuned(Record):
    """Everything about one study that is not a table.

    Attributes:
        name: Of the spec.
        spec: Path or URI of it.
        folder: Of the study.
        trials: All of them, in the order of their numbers; the first is the spec as it is.
        best: Number of the best.
        importances: Share of the differences between trials that each key explains, the largest
            first; empty where there are too few trials to tell.
        changes: What the best sets that the spec does not, by the path of the key.
        written: Files of the new spec; none where nothing is better than the spec as it is.
        comments_lost: Whether its comments could not be kept.
        next_command: What lets the new spec go through the gate; empty without one.
        stopped: Why no further trial was begun, one sentence.
        report: Path of the page.
    """

    schema_version: int = 1
    name: str
    spec: str
    spec_digest: str
    snapshot: str
    code_version: str
    as_of: AwareDatetime
    cutoff: AwareDatetime
    folder: str
    horizon: int
    num_series: int
    folds: tuple[FoldSpan, ...]
    trials: tuple[Trial, ...]
    best: int
    importances: dict[str, float] = Field(default_factory=dict)
    changes: dict[str, Any] = Field(default_factory=dict)
    written: tuple[str, ...] = ()
    comments_lost: bool = False
    next_command: str = ""
    stopped: str = ""
    report: str = ""

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a `result.json`.

        Raises:
            VersionError: If a newer Nightcast wrote it.
            ValueError: If the text is no record of a study.
        """
        return read_document(cls, text)

    @property
    def as_it_is(self) -> Trial:
        """The trial of the spec as it is."""
        return next(trial for trial in self.trials if trial.as_it_is and trial.wql is not None)

    @property
    def winner(self) -> Trial:
        """The best trial."""
        return next(trial for trial in self.trials if trial.number == self.best)

    @property
    def gain(self) -> float:
        """Share of the loss of the spec as it is that the best does without."""
        before, after = self.as_it_is.wql, self.winner.wql
        return 1 - after / before if before and after is not None else 0.0

    @property
    def tried(self) -> int:
        """Trials that came to an end."""
        return sum(trial.outcome in ("complete", "pruned", "failed") for trial in self.trials)

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        before = self.as_it_is.wql
        if self.winner.as_it_is:
            return (
                f"Of {self.tried} specs that were tried, none is better than the spec as it is: "
                f"WQL {before:.4f}, mean of {len(self.folds)} folds."
            )
        return (
            f"Trial {self.best} of {self.tried} is the best: WQL {self.winner.wql:.4f} against "
            f"{before:.4f} of the spec as it is, {100 * self.gain:.1f}% less, mean of "
            f"{len(self.folds)} folds."
        )
