"""What one night did, as a record: `runs/<cutoff>/night.json`, the report and the UI read it."""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_contracts.backfilled import Model
from data_contracts.versions import read_document
from data_contracts.vocabulary import BASELINE, SUBSTITUTED


class Record(BaseModel):
    """A frozen part of the record that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Score(Record):
    """How one contender did on the unseen origins, mean over series and origins.

    Attributes:
        contender: Name of the forecaster, such as `attention_lstm`.
        role: `challenger`, `champion` (in service before tonight) or `baseline`.
        version: Version in the registry; of the baseline, its name.
        mase: Mean absolute error of the median over that of the seasonal naive in sample.
        wql: Weighted quantile loss, factor 2, mean over levels.
        coverage: Share of actuals inside the widest central interval, and what is nominal.
        bias: Mean error of the median per unit of mean |y|; positive where it is too high.
        train_minutes: Minutes of training, None where none took place tonight.
    """

    contender: str
    role: Literal["challenger", "champion", "baseline"]
    version: str
    mase: float
    wql: float
    coverage: float
    nominal_coverage: float
    bias: float
    train_minutes: float | None = None


class Decision(Record):
    """What the gate decided.

    Attributes:
        outcome: `promoted` a challenger; `kept` the champion; `blocked` a challenger that broke a
            guardrail; `baseline` is published because nothing is better; `rolled_back` to the
            version in service before, because a model could not be used or its batch broke its
            contract; `fallback` to the baseline because of such a batch; `by_hand`; `backfilled` by
            whom a backfill asks for, which puts nobody into service.
        reason: One sentence with the numbers.
        champion: Version in service after the decision, None without one.
        previous: Version in service before it.
        origins: Number of unseen origins that were judged.
        numbers: What it was decided from, such as `attention_lstm.gain_over_champion`.
        judged: Versions of the challengers that the gate had a verdict on.
    """

    outcome: Literal[
        "promoted",
        "kept",
        "blocked",
        "baseline",
        "rolled_back",
        "fallback",
        "by_hand",
        "backfilled",
    ]
    reason: str
    champion: str | None
    previous: str | None
    origins: int
    numbers: dict[str, float] = {}
    judged: tuple[str, ...] = ()


class Faithfulness(Record):
    """What came of removing past patches from the contexts of some series.

    Attributes:
        series: How many there were.
        held: Share of them whose forecast changed more without the patch that it looked at most
            than without the one that it looked at least.
        held_random: The same beside a patch drawn at random in the place of the least.
        held_older: As `held`, of the patches before the last one alone; None where no series has
            two of them.
        most, least, random: Mean change of the forecast without each, in widths of its widest
            interval; NaN where no interval has a width.
    """

    series: int
    held: float
    held_random: float
    held_older: float | None
    most: float
    least: float
    random: float


class Stage(Record):
    """One step of the night and how long it took."""

    name: str
    seconds: float


class Night(Record):
    """Everything about one night that is not rows of a table.

    Attributes:
        name: Of the spec.
        published: Whether the batch is in the table.
        model: Who made the batch: name of the forecaster in service, or of the baseline.
        model_version: Its version.
        qualities: Rows of the batch by `quality`.
        quarantined: One sentence per series set aside, by `unique_id`.
        warnings: Sentences of the contracts that did not stop anything, rows set aside included.
        baseline: Which baseline everyone had to beat, and why that one, one sentence.
        training: Why networks were or were not trained tonight, one sentence.
        faithfulness: Whether forecasts depend on what they looked at; None where nobody has asked.
        upkeep: What was removed, or shown elsewhere, once the batch was published.
        resumed: What was taken over from a run of this night that did not come to its end, in
            sentences.
        version: Of the Delta table after the commit.
        backfill: Whose forecasts a backfill published long after the night; None for a night.
        schema_version: Of this record as JSON; 2 since a decision may be a fallback, 3 since it
            names whom it judged and may be a roll-back, 4 since it tells of `faithfulness`, 5 since
            it tells of a `backfill` and of what was `resumed`.
    """

    schema_version: int = 5
    name: str
    spec_digest: str
    code_version: str
    run_id: str
    as_of: AwareDatetime
    cutoff: AwareDatetime
    issued_at: AwareDatetime
    snapshot: str
    num_series: int
    horizon: int
    published: bool
    model: str
    model_version: str
    qualities: dict[str, int]
    decision: Decision
    scores: tuple[Score, ...] = ()
    quarantined: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    baseline: str = ""
    training: str = ""
    stages: tuple[Stage, ...] = ()
    faithfulness: Faithfulness | None = None
    upkeep: tuple[str, ...] = ()
    resumed: str = ""
    version: int | None = None
    backfill: Model | None = None

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a `night.json`.

        Raises:
            VersionError: If a newer Nightcast wrote it.
            ValueError: If the text is no record of a night.
        """
        return read_document(cls, text)

    @property
    def headline(self) -> str:
        """The verdict of the night in one sentence, for the first line of every report."""
        series = f"{self.num_series} series × {self.horizon} steps"
        substituted = self.qualities.get(SUBSTITUTED, 0) // self.horizon
        if not self.published:
            return f"Nothing was published: {self.decision.reason}"
        if self.decision.outcome == "baseline":
            judged = any(score.role != BASELINE for score in self.scores)
            why = "no model is better" if judged else "no model can be used"
            return f"Published {series} from the baseline {self.model}: {why}."
        if self.decision.outcome == "fallback":
            return (
                f"Published {series} from the baseline {self.model}, because the batch of the "
                "model broke its contract."
            )
        if self.decision.outcome == "rolled_back":
            return (
                f"Published {series} by {self.model}, in service again because the model after it "
                "could not be used."
            )
        if self.decision.outcome == "backfilled":
            return f"Published {series} by {self.model}, in a backfill with {self._whose}."
        what = {"promoted": "newly promoted", "kept": "still in service", "blocked": "kept"}
        others = f"; {substituted} of them substituted by the baseline" if substituted else ""
        return f"Published {series} by {self.model}, {what[self.decision.outcome]}{others}."

    @property
    def _whose(self) -> str:
        whose = {
            "then": "the model of that date",
            "now": "the model of today",
            "retrain": "a training as of that date",
        }
        return whose[self.backfill or "then"]
